"""What a measurement runs in: namespaces, an origin, and one proxy alone on its core.

    client              gateway               origin
    10.90.0.2 --------- 10.90.0.1
                        10.90.1.1 ----------- 10.90.1.2:8080

Over veth a peer's ends have kernel addresses and every offload that the kernel knows; Byway's have none, and
it polls them with AF_PACKET or AF_XDP. Over memif there is no kernel in the way at all: client and origin are
byway-loadgen, and the lines are sockets of shared memory.
"""

import pathlib
import shutil
import subprocess

import rest
from console import ScriptError
from demo_gateway import START_SECONDS_MAX, Gateway
from netns import Network, run
from processes import Processes

HERE = pathlib.Path(__file__).resolve().parent
GATEWAY_CORE = 1
LOAD_CORE = 0
CLIENT_ADDRESS = "10.90.0.2"
GATEWAY_ADDRESS = "10.90.0.1"
ORIGIN_GATEWAY_ADDRESS = "10.90.1.1"
ORIGIN_ADDRESS = "10.90.1.2"
ORIGIN_PORT = 8080
BODY_BYTES = 64
# A compiler that runs beside this gets a hundredth of the time that it would take from a proxy otherwise.
PRIORITY = -20
# All that the origin or a peer may take to answer for the first time, on a busy machine.
ANSWER_SECONDS_MAX = 20

# How Byway polls its ends of veth pairs.
VETH_DEVICES = {"af_packet": "net_af_packet{index},iface={interface},framesz=2048,blocksz=16384", "af_xdp": "net_af_xdp{index},iface={interface}"}
PEERS = ("haproxy", "haproxy-busy", "nginx")
PROXIES = ("byway", *PEERS)

NODE = """\
ports:
  - name: client
    device: {client}
    addresses: [10.90.0.1/24]
  - name: origin
    device: {origin}
    addresses: [10.90.1.1/24]
workers:
  cores: [{core}]
poll: busy
runtime_dir: {directory}/dataplane
"""


def before_others(command):
    """All that is measured, and what loads it, alike goes before whatever else the machine runs. To a kernel
    that groups processes by session, nice says nothing between sessions: the group's own value does."""
    script = f'echo {PRIORITY} 2>/dev/null >/proc/self/autogroup; exec nice -n {PRIORITY} "$@"'
    return ["sh", "-c", script, "sh", *command]


def on_core(core, command):
    return before_others(["taskset", "-c", str(core), *command])


class BywayUnderTest(Gateway):
    """Byway as in the demo, with another node and policy, and the agent kept off the proxy's core."""

    def __init__(self, network, processes, directory, build):
        super().__init__(network, processes, directory)
        self.build = build

    def start_with(self, client_device, origin_device):
        node = self.directory / "node.yaml"
        node.write_text(NODE.format(client=client_device, origin=origin_device, core=GATEWAY_CORE, directory=self.directory))
        self.processes.start("dataplane", self.network.inside("gateway", before_others([self.program("byway-dataplane"), "--config", str(node)])))
        control = self.directory / "dataplane" / "dataplane.sock"
        self.processes.wait_until(control.exists, "byway-dataplane opens its socket", START_SECONDS_MAX)
        agent = [self.program("byway-agent"), "--listen", f"unix:{self.socket}", "--runtime-dir", str(control.parent),
                 "--store", str(self.directory / "agent.db")]
        self.processes.start("agent", on_core(LOAD_CORE, agent))
        self.processes.wait_until(self.is_ready, "byway-agent is ready", START_SECONDS_MAX)
        self.apply((HERE / "manifests.yaml").read_text())

    def counters(self):
        """The worker's counters by name, without labels: it has one worker."""
        status, text = rest.request(self.socket, "GET", "/metrics")
        if status != 200:
            raise ScriptError(f"GET /metrics: {status} {text}")
        values = {}
        for line in text.splitlines():
            name, _, value = line.rpartition(" ")
            if name.startswith("byway_") and "_bucket" not in name:
                values[name.partition("{")[0]] = float(value)
        return values


class Bed:
    """Namespaces and processes of one run; `with` takes everything down again."""

    def __init__(self, name, directory, build, problems):
        """`problems` takes what goes wrong at the end, as sentences: the figures are there by then."""
        self.network = Network(name)
        self.directory = directory
        self.build = build
        self.problems = problems
        self.byway = None
        self.processes = None

    def __enter__(self):
        self.network.remove()
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.processes = Processes(self.directory / "logs")
        return self

    def __exit__(self, kind, error, trace):
        self.problems += self.processes.stop_all()
        self.network.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start_over_veth(self, proxy, driver):
        peer = proxy in PEERS
        for part in ("client", "gateway", "origin"):
            self.network.add_namespace(part)
        for part, address, gateway_address in (("client", CLIENT_ADDRESS, GATEWAY_ADDRESS), ("origin", ORIGIN_ADDRESS, ORIGIN_GATEWAY_ADDRESS)):
            self.network.add_link(part, "eth0", "gateway", f"to-{part}", address=f"{address}/24",
                                  gateway_address=f"{gateway_address}/24" if peer else None)
            if peer:
                self.restore_offloads(part)
        origin = ["nginx", "-p", str(self.directory), "-c", str(HERE / "origin.conf")]
        self.processes.start("origin", self.network.inside("origin", on_core(LOAD_CORE, origin)))
        if peer:
            self.processes.start(proxy, self.network.inside("gateway", on_core(GATEWAY_CORE, self.peer_command(proxy))))
        else:
            self.byway = BywayUnderTest(self.network, self.processes, self.directory, self.build)
            self.byway.start_with(*(VETH_DEVICES[driver].format(index=i, interface=f"to-{part}")
                                    for i, part in enumerate(("client", "origin"))))
        self.processes.wait_until(self.answers, f"{proxy} answers", ANSWER_SECONDS_MAX)

    def restore_offloads(self, part):
        """add_link turns offloads off for the sake of a data plane; the kernel's own proxies are to have them."""
        for namespace, interface in ((part, "eth0"), ("gateway", f"to-{part}")):
            run(self.network.inside(namespace, ["ethtool", "-K", interface, "tx", "on", "tso", "on", "gso", "on"]))

    def peer_command(self, proxy):
        if proxy == "nginx":
            return ["nginx", "-p", str(self.directory), "-c", str(HERE / "nginx.conf")]
        text = (HERE / "haproxy.cfg").read_text()
        if proxy == "haproxy-busy":
            text = text.replace("\nglobal\n", "\nglobal\n    busy-polling\n")
        configuration = self.directory / "haproxy.cfg"
        configuration.write_text(text)
        return ["haproxy", "-q", "-db", "-f", str(configuration)]

    def answers(self):
        command = ["curl", "-sf", "--max-time", "2", f"http://{GATEWAY_ADDRESS}/"]
        result = subprocess.run(self.network.inside("client", command), capture_output=True, check=False)
        return len(result.stdout) == BODY_BYTES

    def start_over_memif(self, connections):
        """Byway between two sockets of shared memory, and the origin; the client comes with the load."""
        self.network.add_namespace("gateway")
        self.byway = BywayUnderTest(self.network, self.processes, self.directory, self.build)
        self.byway.start_with(*(f"{self.memif(i, 'server', part)}" for i, part in enumerate(("client", "origin"))))
        origin = [self.loadgen(), "server", "--device", self.memif(0, "client", "origin"), "--address", f"{ORIGIN_ADDRESS}/24",
                  "--port", str(ORIGIN_PORT), "--body", str(BODY_BYTES), "-c", str(2 * connections), "--cpu", str(LOAD_CORE), "--adaptive"]
        self.processes.start("origin", before_others(origin))

    def memif(self, index, role, line):
        return f"net_memif{index},role={role},socket={self.directory}/{line}.sock,socket-abstract=no"

    def loadgen(self):
        return str(self.build / "tools/loadgen/byway-loadgen")

    def in_client(self, command):
        """The command line that runs on the load's core in the client's namespace."""
        return self.network.inside("client", on_core(LOAD_CORE, command))
