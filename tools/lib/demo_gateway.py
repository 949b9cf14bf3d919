"""Byway in the demo: both processes, and the policy pushed through the agent's REST API."""

import re

import builds
import rest
from console import ScriptError
from demo_layout import VERSIONS

DEMO = builds.ROOT / "examples/demo"
MANIFESTS = DEMO / "manifests"
# EAL takes 0.2 s; a busy two-core machine many times that.
START_SECONDS_MAX = 20
# Applying means that every worker runs it: milliseconds, unless the machine is overloaded.
APPLY_SECONDS_MAX = 5


def route_with_weights(weights):
    """The demo's HTTPRoute with other weights: the file's own text, so that what runs is what is shown."""
    text = (MANIFESTS / "httproute.yaml").read_text()
    order = iter(weights[version] for version in VERSIONS)
    text, count = re.subn(r"^(\s+weight: )\d+$", lambda match: f"{match[1]}{next(order)}", text, flags=re.MULTILINE)
    if count != len(VERSIONS):
        raise ScriptError("examples/demo/manifests/httproute.yaml does not have one weight for each version")
    return text


class Gateway:
    """byway-dataplane in the gateway's namespace and byway-agent beside it."""

    kernel_gateway = False

    def __init__(self, network, processes, directory):
        self.network = network
        self.processes = processes
        self.directory = directory
        self.socket = directory / "agent.sock"
        self.build = builds.build_directory("release")

    def program(self, name):
        folder = {"byway-dataplane": "dataplane", "byway-agent": "agent", "byway": "cli"}[name]
        return str(self.build / "tools" / folder / name)

    def start(self):
        node = self.directory / "node.yaml"
        node.write_text((DEMO / "node.yaml").read_text().replace("/run/byway-demo", str(self.directory)))
        self.processes.start("dataplane", self.network.inside("gateway", [self.program("byway-dataplane"), "--config", str(node)]))
        control = self.directory / "dataplane" / "dataplane.sock"
        self.processes.wait_until(control.exists, "byway-dataplane opens its socket", START_SECONDS_MAX)
        self.processes.start("agent", [self.program("byway-agent"), "--listen", f"unix:{self.socket}", "--runtime-dir",
                                       str(control.parent), "--store", str(self.directory / "agent.db")])
        self.processes.wait_until(self.is_ready, "byway-agent is ready", START_SECONDS_MAX)

    def is_ready(self):
        try:
            return rest.request(self.socket, "GET", "/readyz")[0] == 200
        except OSError:
            return False

    def apply(self, text):
        """Applies manifests and waits until every worker runs them. Returns the receipt as a sentence."""
        status, answer = rest.request(self.socket, "POST", f"/byway/v1/apply?wait=applied&timeout={APPLY_SECONDS_MAX}s",
                                      text, "application/yaml", timeout=APPLY_SECONDS_MAX + 5)
        if status != 200 or not answer["receipt"]["applied"]:
            raise ScriptError(f"the policy was not applied everywhere: {status} {answer}")
        receipt = answer["receipt"]
        slowest = max(worker["applyNs"] for worker in receipt["workers"]) / 1e6
        return f"generation {receipt['generation']} runs on {len(receipt['workers'])} worker(s), the slowest after {slowest:.2f} ms"

    def apply_manifests(self):
        texts = [(MANIFESTS / name).read_text() for name in ("gatewayclass.yaml", "gateway.yaml", "services.yaml", "httproute.yaml")]
        return self.apply("\n---\n".join(texts))

    def set_weights(self, weights):
        return self.apply(route_with_weights(weights))

    def generations(self):
        """Worker -> the generation that it runs."""
        status, answer = rest.request(self.socket, "GET", "/byway/v1/workers")
        if status != 200:
            raise ScriptError(f"GET /byway/v1/workers: {status} {answer}")
        return {worker["id"]: worker["generation"] for worker in answer["workers"]}

    def hints(self):
        """Three things for a person to try."""
        byway = f"{self.program('byway')} --server unix:{self.socket}"
        return [
            ("a request of your own", f"ip netns exec {self.network.namespace('client')} curl -i http://10.80.0.1/"),
            ("what runs where", f"{byway} workers"),
            ("back to 90/10, without a request lost", f"{byway} apply -f {MANIFESTS}/httproute.yaml --wait"),
        ]
