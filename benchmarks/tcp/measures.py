"""What is measured: which programs run with which options, and the tables that come of it.

A measure has `title`, `run(bench)`, which is called once a repetition and returns its runs as dictionaries with
"row", and `tables(runs)`, which makes Markdown of all of them.
"""

import statistics

import report

# The server of every pair is alone on this core, the client on the other.
SERVER_CORE = 1
CLIENT_CORE = 0
STEAL_PERCENT_MAX = 5.0
# Enough to keep the server busy; the same for Byway and Linux.
EXCHANGE_CONNECTIONS = 256
OPEN_CONNECTIONS = 64
BULK_CONNECTIONS = 4
STAGES = [("receive", "receive (driver)"), ("parse", "parse (Ethernet, IP, checksum)"), ("lookUp", "read headers, look up connections"), ("tcpIn", "TCP in"),
          ("application", "application"), ("timers", "timers"), ("tcpOut", "TCP out"), ("ipOut", "IP out (headers, checksum, frame)"),
          ("transmit", "transmit (driver)")]
SIDES = {"byway": "Byway, memif", "linux": "Linux, veth"}


def table(head, lines):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(line) + " |" for line in lines), ""]


def by_row(runs):
    rows = {}
    for run in runs:
        rows.setdefault(run["row"], []).append(run)
    return rows


def spread(runs, value, digits=0):
    return report.spread([value(run) for run in runs], digits)


def notes(runs):
    disturbed = sum(1 for run in runs if run.get("steal", 0) > STEAL_PERCENT_MAX)
    failed = sum(int(run.get("failed", 0)) for run in runs)
    words = [f"steal in {disturbed} of {len(runs)}"] if disturbed else []
    return "; ".join(words + ([f"{failed} FAILED"] if failed else []))


def ratio_line(what, target, ours, theirs, value):
    """The ratio within each repetition, with its spread, against what it is to be."""
    values = [value(one) / value(other) for one, other in zip(ours, theirs)]
    verdict = "met" if statistics.median(values) >= target else "**missed**"
    low, middle, high = min(values), statistics.median(values), max(values)
    return [f"{what}: Byway / Linux", f"{low:.1f} / **{middle:.1f}** / {high:.1f}", f"at least {target}", verdict]


def per_busy_second(run):
    return run["serverOperations"] / (run["serverBusyNs"] / 1e9)


def busy_share(run):
    return 100 * run["serverBusyNs"] / 1e9 / run["serverSeconds"]


class Pairs:
    """A load on Byway over memif and on Linux over veth, one after the other, in another order each time."""

    def __init__(self, load, connections, staged=False):
        self.load = load
        self.options = ["--load", load, "--connections", str(connections)]
        self.staged = staged

    def run(self, bench):
        kinds = ["byway", "linux"] + (["staged"] if self.staged else [])
        turn = bench.repetition % len(kinds)
        return [{"row": kind, "load": self.load, **bench.pair(kind, self.options)} for kind in kinds[turn:] + kinds[:turn]]


class RoundTrip:
    title = "round trips: 64 octets there and back, one core"
    seconds_each = 3

    def __init__(self):
        self.pairs = Pairs("exchanges", EXCHANGE_CONNECTIONS, staged=True)

    def run(self, bench):
        return self.pairs.run(bench)

    def tables(self, runs):
        rows = by_row(runs)

        def nanoseconds(run):
            return run["serverBusyNs"] / run["serverOperations"]

        lines = [[SIDES[kind], spread(rows[kind], per_busy_second), spread(rows[kind], nanoseconds), spread(rows[kind], busy_share) + " %", notes(rows[kind])]
                 for kind in SIDES]
        text = table(["side", "round trips per busy core-second", "ns of core per round trip", "core busy", "notes"], lines)
        text += table(["ratio", "min / **median** / max", "aim", ""], [ratio_line("round trips", 10, rows["byway"], rows["linux"], per_busy_second)])
        staged = rows["staged"]

        def packets(run):
            return run["serverFramesIn"] + run["serverFramesOut"]

        lines = []
        for name, title in STAGES + [(None, "**all**")]:
            def stage(run, name=name):
                return (run[f"{name}StageNs"] if name else run["serverBusyNs"])
            lines.append([title, spread(staged, lambda run: stage(run) / run["serverOperations"]), spread(staged, lambda run: stage(run) / packets(run), 1),
                          spread(staged, lambda run: stage(run) / packets(run) / run["nsPerTick"])])
        text += table(["part of a round", "ns per round trip", "ns per packet", "cycles (TSC) per packet"], lines)
        text += [f"{spread(staged, lambda run: packets(run) / run['serverOperations'], 2)} packets per round trip, "
                 f"{spread(staged, lambda run: run['serverFramesIn'] / run['serverBursts'], 1)} in a burst.", ""]
        return text


class Connections:
    title = "connections: connect, one exchange of 64 octets, close; one core"
    seconds_each = 3

    def __init__(self):
        self.pairs = Pairs("connections", OPEN_CONNECTIONS)

    def run(self, bench):
        return self.pairs.run(bench)

    def tables(self, runs):
        rows = by_row(runs)
        lines = [[SIDES[kind], spread(rows[kind], per_busy_second), spread(rows[kind], lambda run: run["serverBusyNs"] / run["serverOperations"] / 1000, 2),
                  spread(rows[kind], busy_share) + " %", notes(rows[kind])] for kind in SIDES]
        return (table(["side", "connections per busy core-second", "us of core each", "core busy", "notes"], lines)
                + table(["ratio", "min / **median** / max", "aim", ""], [ratio_line("connections", 10, rows["byway"], rows["linux"], per_busy_second)]))


class Bulk:
    title = "bulk: 4 connections, one core"
    seconds_each = 6

    def __init__(self):
        self.pairs = [Pairs("to-server", BULK_CONNECTIONS), Pairs("to-client", BULK_CONNECTIONS)]

    def run(self, bench):
        return [run for pair in self.pairs for run in pair.run(bench)]

    def tables(self, runs):
        def per_core(run):
            # What is sent counts when it has come; what is received, when it was read.
            octets = run["serverBytes"] if run["load"] == "to-server" else run["clientBytes"]
            return octets / run["serverBusyNs"]

        lines = []
        for load, title in (("to-server", "receives"), ("to-client", "sends")):
            for kind, side in SIDES.items():
                some = [run for run in runs if run["row"] == kind and run["load"] == load]
                lines.append([side, title, spread(some, per_core, 2), spread(some, busy_share) + " %", notes(some)])
        return table(["side", "the core", "GB/s per busy core", "core busy", "notes"], lines) + [
            "Linux on veth passes super-segments of up to 64 KiB without cutting them or computing a checksum; Byway sends and checks frames of 1,514 octets.", ""]


class Latency:
    title = "latency: one connection, one exchange at a time, nothing else runs"
    seconds_each = 3

    def __init__(self):
        self.pairs = Pairs("exchanges", 1)

    def run(self, bench):
        return self.pairs.run(bench)

    def tables(self, runs):
        rows = by_row(runs)
        return table(["side", "p50 us", "p99 us", "p99.9 us", "notes"],
                     [[SIDES[kind], *(spread(rows[kind], lambda run, name=name: run[name], 1) for name in ("p50Us", "p99Us", "p999Us")), notes(rows[kind])]
                      for kind in SIDES]) + ["Byway polls at both ends; Linux waits in epoll_wait at both.", ""]


class Scaling:
    title = "scaling: connections on one core, workers on two; each core makes its own traffic"
    seconds_each = 8
    COUNTS = [1, 32, 1_000, 100_000, 1_000_000]
    WORKERS = [(1, "own"), (2, "own"), (2, "shared")]
    GROWTH_MAX = 1.5

    def run(self, bench):
        runs = []
        for count in self.COUNTS:
            result = bench.program("scaling", ["--what", "connections", "--connections", str(count), "--seconds", str(bench.seconds / 2)])
            runs.append({"row": f"{count}", **result})
        for workers, slots in self.WORKERS:
            result = bench.program("scaling", ["--what", "workers", "--workers", str(workers), "--slots", slots, "--seconds", str(bench.seconds / 2)])
            runs.append({"row": f"{workers} {slots}", **result})
        return runs

    def tables(self, runs):
        rows = by_row(runs)
        lines = []
        for count in self.COUNTS:
            some = rows[f"{count}"]
            grown = {base: [one["nsPerPacket"] / other["nsPerPacket"] for one, other in zip(some, rows[base])] for base in ("1", "32")}
            lines.append([f"{count:,}", str(min(count, 32)), spread(some, lambda run: run["nsPerPacket"]), report.spread(grown["1"], 2), report.spread(grown["32"], 2)])
        worst = statistics.median(one["nsPerPacket"] / other["nsPerPacket"] for one, other in zip(rows["1000000"], rows["1"]))
        text = table(["connections", "frames in a burst", "ns per packet", "against 1", "against 32"], lines)
        text += [f"From 1 to 1,000,000: {worst:.2f} (aim: at most {self.GROWTH_MAX}, {'met' if worst <= self.GROWTH_MAX else '**missed**'}).", ""]
        lines = []
        for workers, slots in self.WORKERS:
            some = rows[f"{workers} {slots}"]
            shares = [one["requestsPerSecond"] / other["requestsPerSecond"] for one, other in zip(some, rows["1 own"])]
            lines.append([str(workers), "one for all" if slots == "shared" else "one each", spread(some, lambda run: run["requestsPerSecond"] / 1000),
                          report.spread(shares, 2), spread(some, lambda run: run["gatewayNsPerRequest"])])
        return text + table(["workers", "runtime slot", "1,000 requests/s, all", "against one worker", "ns of the gateway per request"], lines)


class Memory:
    title = "memory: 1,000,000 idle connections"
    seconds_each = 60
    once = True
    AIMS = [("tcpResidentBytes", "a connection of TCP, bytes", 600), ("httpResidentBytes", "an idle HTTP connection, bytes", 1331),
            ("tcpFillPauseUs", "longest pause while filling, TCP, us", 100), ("httpFillPauseUs", "longest pause while filling, HTTP, us", 100),
            ("httpIdlePauseUs", "longest pause of timers while all are idle, us", 100)]

    def run(self, bench):
        count, fills = (100_000, 2) if bench.is_quick else (1_000_000, 4)
        return [{"row": "memory", **bench.program("idle_connections", ["--connections", str(count), "--fills", str(fills)])}]

    def tables(self, runs):
        run = runs[0]
        lines = [[title, f"{run[name]:.0f}", f"at most {aim}", "met" if run[name] <= aim else "**missed**"] for name, title, aim in self.AIMS]
        return table([f"{run['connections']:,} connections", "measured", "aim", ""], lines) + [
            f"By structure: socket {run['socketBytes']} bytes (its timer, {run['timerBytes']}, is in it), flow table {run['flowTableBytes']:.1f}, "
            f"HTTP codec {run['codecBytes']}. Reserved, but not touched while idle: {run['tcpReservedBytes']:.0f} a connection.", ""]


MEASURES = {"memory": Memory, "round_trip": RoundTrip, "connections": Connections, "bulk": Bulk, "latency": Latency, "scaling": Scaling}
