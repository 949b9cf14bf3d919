"""A bed with byway-agent beside the data plane: policy goes the way that people use, through the REST API, and
counters are read in /metrics. Objects are made by the functions at the end, as documents."""

import contextlib
import json
import os
import re
import signal
import subprocess

from harness import BACKENDS, PATIENCE_SECONDS, Bed, program, rest, wait_until
from peers import workers

ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
# The worker's and the connection's: what a sample of /metrics begins with.
SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{[^}]*\})? (-?[0-9.e+]+)$", re.MULTILINE)


class AgentBed(Bed):
    """`prepare` is a subclass's place for servers and policy of its own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.agent_socket = self.directory / "agent.sock"
        try:
            self.start_agent()
            self.prepare()
        except BaseException:
            self.remove()
            raise

    def prepare(self):
        """Nothing more than the demo's servers."""

    def start_agent(self, store="agent.db"):
        """Starts (again) and waits until it takes calls."""
        command = [program("tools/agent/byway-agent"), "--listen", f"unix:{self.agent_socket}",
                   "--runtime-dir", str(self.runtime_directory), "--store", str(self.directory / store),
                   "--audit-log", str(self.directory / "audit.log")]
        process = self.processes.start("agent", command)
        self.processes.wait_until(self.agent_answers, "byway-agent is ready", PATIENCE_SECONDS)
        return process

    def agent_answers(self):
        try:
            return rest.request(self.agent_socket, "GET", "/readyz")[0] == 200
        except OSError:
            return False

    def kill(self, name):
        """Ends a process as a crash does, with the children that it has (nginx's worker)."""
        process = self.processes.running.pop(name)
        assert process.poll() is None, f"{name} had ended already, with {process.returncode}"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE_SECONDS)

    def api(self, method, path, body=None, content_type="application/json"):
        """(status, document); a body that is no text becomes JSON."""
        text = body if body is None or isinstance(body, str) else json.dumps(body)
        return rest.request(self.agent_socket, method, path, text, content_type, timeout=PATIENCE_SECONDS)

    def apply(self, *documents):
        """Applies objects; returns the receipt when every worker runs them."""
        text = "\n".join(json.dumps(document) for document in documents)
        status, answer = self.api("POST", f"/byway/v1/apply?wait=applied&timeout={PATIENCE_SECONDS - 5}s&strict=true", text)
        assert status == 200 and answer["receipt"]["applied"], f"{status} {answer}"
        return answer["receipt"]

    def byway(self, *words):
        """The command line over this agent: (exit code, output)."""
        command = [program("tools/cli/byway"), "--server", f"unix:{self.agent_socket}", *words]
        result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        return result.returncode, result.stdout + result.stderr

    def wait_until_good(self, what):
        wait_until(lambda: self.byway("status")[0] == 0, f"byway status is good {what}")

    def metrics(self):
        """Every counter and gauge of /metrics, summed over its labels."""
        status, text = self.api("GET", "/metrics")
        assert status == 200, f"{status} {text}"
        sums = {}
        for name, value in SAMPLE.findall(text):
            sums[name] = sums.get(name, 0) + float(value)
        return sums

    @contextlib.contextmanager
    def counted(self, **changes):
        """What is done in here changes these counters by so much (or by what a function of it allows):
        `counted(flag_UC=1)`. All other response flags but `none` stay as they are. A worker counts an
        exchange when it ends, which may be after the client has its answer."""
        wanted = {f"byway_http_{name}_total": change for name, change in changes.items()}
        before = self.metrics()
        for name in before:
            if name.startswith("byway_http_flag_") and not name.endswith("_none_total"):
                wanted.setdefault(name, 0)
        yield
        unmet = {}

        def is_met():
            after = self.metrics()
            unmet.clear()
            for name, change in wanted.items():
                grown = after[name] - before[name]
                if not (change(grown) if callable(change) else grown == change):
                    unmet[name] = grown
            return not unmet

        try:
            wait_until(is_met, "counters", 5)
        except AssertionError:
            raise AssertionError(f"grown otherwise than {changes}: {unmet}") from None

    def buffers_used(self):
        return sum(worker["mbufs"] - worker["mbufsFree"] for worker in workers(self))

    def memory(self, name, line="VmRSS"):
        """Bytes of memory that a process has now (VmRSS) or had at most (VmHWM)."""
        with open(f"/proc/{self.processes.running[name].pid}/status", encoding="ascii") as file:
            return int(dict(item.split(":", 1) for item in file)[line].split()[0]) * 1024


def gateway():
    """A class and a Gateway with the demo's listener."""
    return [{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "GatewayClass", "metadata": {"name": "byway"},
             "spec": {"controllerName": "byway.dev/gateway"}},
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "demo"},
             "spec": {"gatewayClassName": "byway", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]}}]


def backend(name, *versions, tcp_port=8080):
    """A Service with one EndpointSlice: `versions` are v1, v2 or addresses."""
    return [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}},
            endpoint_slice(name, *versions, tcp_port=tcp_port)]


def endpoint_slice(service, *versions, tcp_port=8080, name=None):
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": name or service, "labels": {"kubernetes.io/service-name": service}},
            "ports": [{"port": tcp_port}], "endpoints": [{"addresses": [BACKENDS.get(version, version)]} for version in versions]}


def route(name, weights, prefix="/", hostname=None, **timeouts):
    """An HTTPRoute; `weights` is the name of a backend or {name: weight}; `timeouts` as in the Gateway API."""
    weights = weights if isinstance(weights, dict) else {weights: 1}
    rule = {"matches": [{"path": {"type": "PathPrefix", "value": prefix}}],
            "backendRefs": [{"name": backend_name, "port": 80, "weight": weight} for backend_name, weight in weights.items()]}
    if timeouts:
        rule["timeouts"] = timeouts
    spec = {"parentRefs": [{"name": "demo"}], "rules": [rule]}
    if hostname:
        spec["hostnames"] = [hostname]
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": name}, "spec": spec}


def is_alive(process):
    return process.poll() is None and os.path.exists(f"/proc/{process.pid}")
