"""The figures of all runs as text: a row for each proxy, then Byway's ratios to HAProxy with their spread."""

import statistics

HAPROXY = ("haproxy", "haproxy-busy")


def spread(values, digits=0):
    """min/median/max."""
    return "/".join(f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))


def believed(runs):
    """The runs without doubts if there are enough for a spread, else all of them."""
    clean = [run for run in runs if not run["doubts"]]
    return clean if len(clean) >= 3 else runs


def rows(runs):
    """(row, transport, proxy) -> its runs, in the order of their first appearance."""
    found = {}
    for run in runs:
        found.setdefault((run["row"], run["transport"], run["proxy"]), []).append(run)
    return found


def notes_of(runs):
    notes = sorted({{"generator": "generator-bound", "polls": "polls: busy time says nothing"}.get(run["bound"], "") for run in runs} - {""})
    doubtful = sum(1 for run in runs if run["doubts"])
    if doubtful:
        causes = sorted({cause.rstrip("0123456789%").strip() for run in runs for cause in run["doubts"]})
        notes.append(f"{doubtful} of {len(runs)} runs disturbed ({', '.join(causes)})")
    failed = sum(run["failed"] for run in runs)
    if failed:
        notes.append(f"{failed} FAILED")
    return "; ".join(notes)


def table(runs):
    lines = [f"{'load':17} {'transport':9} {'proxy':13} {'requests/s':>20} {'us busy each':>17} {'requests/busy second':>24}"
             f" {'core':>5} {'p50 us':>17} {'p99 us':>20}  notes"]
    for (row, transport, proxy), all_runs in rows(runs).items():
        some = believed(all_runs)

        def of(name, digits=0, some=some):
            return spread([run[name] for run in some], digits)

        share = statistics.median(run["busyShare"] for run in some)
        lines.append(f"{row:17} {transport:9} {proxy:13} {of('rate'):>20} {of('microsecondsPerRequest', 2):>17} {of('requestsPerBusySecond'):>24}"
                     f" {100 * share:4.0f}% {of('p50'):>17} {of('p99'):>20}  {notes_of(all_runs)}")
    return lines


def peer_values(runs, row, name, best):
    """Repetition -> HAProxy's value: the better one of its two ways to wait."""
    found = {}
    for run in runs:
        if run["proxy"] in HAPROXY and run["row"] == row:
            found.setdefault(run["repetition"], []).append(run[name])
    return {repetition: best(values) for repetition, values in found.items()}


def ratios(runs):
    """Byway against HAProxy of the same repetition, for each row that both have. HAProxy is always on veth."""
    results = []
    for (row, transport, proxy), some in rows(runs).items():
        if proxy != "byway":
            continue
        for name, best, title in (("requestsPerBusySecond", max, "requests per busy core-second"), ("p50", min, "p50"), ("p99", min, "p99")):
            # A rate is fixed to compare latency, a closed loop is there to compare cost.
            if (name == "requestsPerBusySecond") != (row == "keep-alive"):
                continue
            peers = peer_values(runs, row, name, best)
            values = [run[name] / peers[run["repetition"]] for run in some if peers.get(run["repetition"])]
            if values:
                results.append({"row": row, "transport": transport, "what": title, "min": min(values), "median": statistics.median(values),
                                "max": max(values), "disturbed": any(run["doubts"] for run in some)})
    return results


def ratio_lines(results):
    lines = ["Byway / HAProxy (the better of its two variants, on veth; same repetition), min/median/max:"]
    for result in results:
        lines.append(f"  {result['row']:17} Byway on {result['transport']:6} {result['what']:30} "
                     f"{result['min']:.2f} / {result['median']:.2f} / {result['max']:.2f}")
    return lines
