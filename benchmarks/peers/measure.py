"""One measurement each: load on a bed that is up, and what it cost the proxy. Results are plain dictionaries.

requests/busy second is requests divided by the time that the proxy's core worked for them. It can be compared
with the proxy's core saturated only: below that, batches are smaller and each request costs more. A row whose
core was not busy to BOUND_SHARE says `generator-bound`, and its figure is a lower bound.
"""

import json
import re
import subprocess
import time

import bed as beds
from accounting import CoreSample, doubts
from console import ScriptError

BOUND_SHARE = 0.95
WARM_UP_SECONDS = 1
# What a load may take longer than it was asked to.
OVERTIME_SECONDS = 30
UNITS_US = {"us": 1.0, "ms": 1e3, "s": 1e6}


class Window:
    """The proxy's core, the load's core, and Byway's own counters, between begin and end."""

    def __init__(self, bed):
        self.bed = bed
        self.namespace = bed.network.namespace("gateway")
        self.before = self.sample()

    def sample(self):
        counters = self.bed.byway.counters() if self.bed.byway else None
        return CoreSample(beds.GATEWAY_CORE, self.namespace), CoreSample(beds.LOAD_CORE), counters

    def end(self, requests=None):
        """The figures of the window. Without `requests`, as many as Byway counted."""
        after = self.sample()
        core, load = (self.before[i].until(after[i]) for i in (0, 1))
        if self.bed.byway:
            spent = {name: after[2][name] - self.before[2][name] for name in after[2]}
            busy = spent["byway_worker_busy_ns_total"] / 1e9
            share = spent["byway_worker_busy_ns_total"] / max(spent["byway_worker_total_ns_total"], 1)
            requests = spent["byway_http_requests_total"] if requests is None else requests
        else:
            busy, share = core["ownSeconds"], core["own"] / 100
        found = doubts(core)
        if load["steal"] > core["steal"] and not found:
            found = doubts({"steal": load["steal"], "foreign": 0})
        return {"requests": round(requests), "busySeconds": round(busy, 4), "busyShare": round(share, 3),
                "microsecondsPerRequest": round(1e6 * busy / max(requests, 1), 3), "requestsPerBusySecond": round(requests / max(busy, 1e-9)),
                "bound": "proxy" if share >= BOUND_SHARE else "generator", "steal": round(max(core["steal"], load["steal"]), 1),
                "foreign": round(core["foreign"], 1), "coreBusy": round(core["busy"], 1), "loadCoreBusy": round(load["busy"], 1), "doubts": found}


def output_of(bed, command, seconds):
    result = subprocess.run(bed.in_client(command), capture_output=True, text=True, check=False,
                            timeout=seconds + OVERTIME_SECONDS, start_new_session=True)
    if result.returncode != 0:
        raise ScriptError(f"{' '.join(command)}: exit code {result.returncode}\n{result.stdout}{result.stderr}")
    return result.stdout


def run_wrk(bed, connections, seconds):
    text = output_of(bed, ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", f"http://{beds.GATEWAY_ADDRESS}/"], seconds)
    return parse_wrk(text)


def parse_wrk(text):
    """(requests, rate, failed, p50, p99) of wrk's report; latencies in microseconds."""
    def quantile(name):
        value, unit = re.search(rf"^\s+{name}%\s+([\d.]+)(us|ms|s)$", text, re.MULTILINE).groups()
        return float(value) * UNITS_US[unit]

    failed = sum(map(int, re.findall(r"\d+", "".join(re.findall(r"Socket errors: (.*)", text)))))
    failed += sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", text)))
    return {"requests": int(re.search(r"(\d+) requests in", text)[1]), "rate": float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]),
            "failed": failed, "p50": quantile(50), "p99": quantile(99)}


def keep_alive(bed, proxy, settings):
    """Closed loop over kept connections: as fast as the load's core can."""
    failed = run_wrk(bed, settings.connections, WARM_UP_SECONDS)["failed"]
    window = Window(bed)
    load = run_wrk(bed, settings.connections, settings.seconds)
    result = {"row": "keep-alive", "transport": "veth", "proxy": proxy, **load, **window.end(load["requests"])}
    result["failed"] += failed
    if proxy == "haproxy-busy":
        result["bound"] = "polls"
    return result


def open_loop(bed, proxy, settings):
    """A fixed rate, latency from when each request was due."""
    window = Window(bed)
    command = [str(bed.build / "benchmarks/peers/open_loop"), beds.GATEWAY_ADDRESS, "80", settings.rate, settings.seconds, WARM_UP_SECONDS,
               settings.connections, beds.BODY_BYTES]
    load = json.loads(output_of(bed, [str(word) for word in command], settings.seconds))
    with_warm_up = load["requests"] * (settings.seconds + WARM_UP_SECONDS) / settings.seconds
    figures = window.end(with_warm_up)
    figures.pop("bound")
    return {"row": f"{settings.rate} requests/s", "transport": "veth", "proxy": proxy, **figures, "bound": "", "rate": load["rate"],
            "failed": load["failed"] + load["unanswered"], "p50": load["p50"], "p99": load["p99"]}


def over_memif(bed, settings, rate=0):
    """Byway between two memif, with byway-loadgen at both ends: closed loop, or open at `rate`."""
    report = bed.directory / "client.json"
    report.unlink(missing_ok=True)
    command = [bed.loadgen(), "client", "--device", bed.memif(0, "client", "client"), "--address", f"{beds.CLIENT_ADDRESS}/24", "--target",
               f"{beds.GATEWAY_ADDRESS}:80", "--cpu", beds.LOAD_CORE, "--adaptive", "-c", settings.memif_connections, "--warm-up",
               WARM_UP_SECONDS, "-d", settings.seconds + 2, "--rate", rate, "--json", report]
    name = f"client-{rate}"
    process = bed.processes.start(name, beds.before_others([str(word) for word in command]))
    # The report has a line each second: the window lies between the first and the last.
    bed.processes.wait_until(lambda: re.search(r"^ +1 s ", bed.processes.log_tail(name), re.MULTILINE), "byway-loadgen measures",
                             beds.ANSWER_SECONDS_MAX)
    window = Window(bed)
    time.sleep(settings.seconds)
    figures = window.end()
    code = process.wait(timeout=OVERTIME_SECONDS)
    bed.processes.running.pop(name)
    if not report.exists():
        raise ScriptError(f"byway-loadgen: exit code {code}\n{bed.processes.log_tail(name)}")
    load = json.loads(report.read_text())
    return {"row": f"{rate} requests/s" if rate else "keep-alive", "transport": "memif", "proxy": "byway", **figures,
            "rate": load["requestsPerSecond"], "failed": load["failed"], "p50": load["latencyNs"]["p50"] / 1e3,
            "p99": load["latencyNs"]["p99"] / 1e3, "generatorBusyShare": load["busyShare"]}
