#!/usr/bin/env python3
# timeout: 240
"""Ports that are VLANs of one device: kernels behind a switch (tagger.py), each in a VLAN of its own.

    client -- VLAN 100 --+
    v1 ------ VLAN 200 --+-- switch -- trunk -- gateway
    v2 ------ VLAN 300 --+                      (no port of its own)
"""

import json
import pathlib
import re
import signal
import subprocess
import sys

import agent
from backend import content, digest
from harness import GATEWAY, PATIENCE_SECONDS, demo_layout, main, program, wait_until
from peers import start_backend

MIB = 1 << 20
HERE = pathlib.Path(__file__).resolve().parent
VLANS = {"client": 100, "v1": 200, "v2": 300}
ADDRESSES = {"client": demo_layout.CLIENT_ADDRESS} | {part: f"{address}/24" for part, address in demo_layout.BACKENDS.items()}
ADDRESSES_V6 = {"client": "fd00:80::2/64", "v1": "fd00:80:1::2/64"}
NODE = """\
ports:
  - name: client
    device: net_af_packet0,iface=trunk
    vlan: 100
    addresses: [10.80.0.1/24, "fd00:80::1/64"]
  - name: services
    device: net_af_packet0,iface=trunk
    vlan: 200
    addresses: [10.80.1.1/24, "fd00:80:1::1/64"]
runtime_dir: {directory}
"""


class VlanBed(agent.AgentBed):
    def lay_out(self):
        network = self.network
        for part in ("client", "gateway", "switch", *demo_layout.VERSIONS):
            network.add_namespace(part)
        for part in VLANS:
            network.add_link(part, "eth0", "switch", f"to-{part}", address=ADDRESSES[part])
        for part, address in ADDRESSES_V6.items():
            network.set_sysctl(network.namespace(part), "net.ipv6.conf.eth0.disable_ipv6", 0)
            self.ip(part, "-6", "address", "add", address, "dev", "eth0", "nodad")
        network.add_link("switch", "trunk", "gateway", "trunk")
        self.start_switch()

    def start_switch(self):
        words = [sys.executable, str(HERE / "tagger.py"), "trunk", *(f"to-{part}={vlan}" for part, vlan in VLANS.items())]
        self.processes.start("switch", self.network.inside("switch", words))

    def stop_switch(self):
        """What came by the trunk, by VLAN."""
        assert self.processes.stop("switch") == 0, self.processes.log_tail("switch")
        return json.loads(self.processes.log_tail("switch").splitlines()[-1])

    def ip(self, part, *words):
        return subprocess.run(["ip", "-n", self.network.namespace(part), *words], check=True, capture_output=True, text=True).stdout

    def node_file(self):
        path = self.directory / "node.yaml"
        path.write_text(NODE.format(directory=self.runtime_directory))
        return path

    def prepare(self):
        start_backend(self, "v1", 8090)
        bytes_backend = agent.backend("bytes", "v1", tcp_port=8090)
        self.apply(*agent.gateway(), *agent.backend("v1", "v1"), agent.route("hello", "v1"), *bytes_backend,
                   agent.route("bytes", "bytes", prefix="/bytes"), agent.route("digest", "bytes", prefix="/digest"))

    def probe(self, part, interface, *words):
        command = ["python3", str(HERE / "probe.py"), words[0], interface, *words[1:]]
        return subprocess.run(self.network.inside(part, command), capture_output=True, text=True, check=True, timeout=60).stdout.split()


def dropped(bed):
    return bed.metrics()["byway_worker_rx_vlan_unknown_total"]


def test_http_goes_from_one_vlan_to_another_in_both_versions_of_ip(bed):
    assert bed.curl("/").stdout == "hello from v1\n"
    assert bed.curl("http://[fd00:80::1]/").stdout == "hello from v1\n"


def test_full_frames_with_tags_carry_content_whole_both_ways(bed):
    size = 4 * MIB + 321
    expected = digest(content(size))
    result = bed.client(["sh", "-c", f"curl -sS --fail --max-time 100 http://{GATEWAY}/bytes/{size} | b2sum -l 128"], 110)
    assert result.stdout.split()[0] == expected, result
    path = bed.directory / "upload"
    with path.open("wb") as file:
        for block in content(size):
            file.write(block)
    assert bed.curl("/digest", "-T", path, seconds=100).stdout == expected


def test_the_gateway_answers_in_the_vlan_of_the_address_only(bed):
    assert len(set(bed.probe("client", "eth0", "arp", GATEWAY, "2"))) == 1
    assert bed.probe("client", "eth0", "ping", GATEWAY, "3", "1400") == ["3"]
    assert bed.probe("client", "eth0", "arp", "10.80.1.1", "2") == []
    assert bed.probe("v1", "eth0", "arp", GATEWAY, "2") == []
    assert len(set(bed.probe("v1", "eth0", "arp", "10.80.1.1", "2"))) == 1


def test_frames_of_other_vlans_and_without_a_tag_are_dropped_and_counted(bed):
    bed.ip("switch", "address", "add", "10.80.0.77/24", "dev", "trunk")
    before = dropped(bed)
    assert bed.probe("switch", "trunk", "arp", GATEWAY, "3") == []
    wait_until(lambda: dropped(bed) >= before + 3, "frames without a tag are counted")
    bed.ip("v2", "address", "add", "10.80.0.78/24", "dev", "eth0")
    before = dropped(bed)
    assert bed.probe("v2", "eth0", "arp", GATEWAY, "3") == []
    wait_until(lambda: dropped(bed) >= before + 3, "frames of VLAN 300 are counted")
    assert bed.curl("/").stdout == "hello from v1\n"


def test_a_capture_shows_the_tags_and_a_port_means_its_vlan(bed):
    for name, words, wanted in (("all", [], {"vlan 100", "vlan 200"}), ("services", ["--port", "services"], {"vlan 200"})):
        file = bed.directory / f"{name}.pcapng"
        command = [program("tools/cli/byway"), "--server", f"unix:{bed.agent_socket}", "capture", "-w", str(file), *words]
        bed.processes.start(name, command)
        bed.processes.wait_until(lambda f=file: f.exists() and f.stat().st_size > 0, f"{name} begins", PATIENCE_SECONDS)
        assert bed.curl("/", "-H", "Connection: close").stdout == "hello from v1\n"
        assert bed.processes.stop(name, signal.SIGINT) == 0, bed.processes.log_tail(name)
        shown = subprocess.run(["tcpdump", "-nn", "-e", "-r", str(file)], capture_output=True, text=True, check=True).stdout
        assert set(re.findall(r"vlan \d+", shown)) == wanted, shown
        assert len(re.findall(r"vlan \d+", shown)) == len(shown.splitlines()), shown


def test_workers_names_the_vlan_of_each_port(bed):
    code, text = bed.byway("workers")
    assert code == 0, text
    assert re.search(r"^client +net_af_packet +100 +up +1500 ", text, re.MULTILINE), text
    assert re.search(r"^services +net_af_packet +200 +up +1500 ", text, re.MULTILINE), text
    assert "port services: net_af_packet, VLAN 200, MTU 1500" in bed.processes.log_tail("dataplane")


def test_what_the_device_counts_is_a_metric_under_the_name_of_its_first_port(bed):
    def of_device(name):
        status, text = bed.api("GET", "/metrics")
        assert status == 200, text
        assert 'port="services"' not in text
        return int(re.search(rf'^byway_port_{name}{{port="client"}} (\d+)$', text, re.MULTILINE).group(1))

    assert of_device("link_up") == 1
    before = {name: of_device(f"{name}_total") for name in ("rx_frames", "tx_frames", "rx_bytes", "tx_bytes")}
    bed.curl("/bytes/1000000", "-o", "/dev/null", "--fail")
    wait_until(lambda: of_device("tx_bytes_total") >= before["tx_bytes"] + 1000000, "bytes sent are counted")
    wait_until(lambda: of_device("rx_bytes_total") >= before["rx_bytes"] + 1000000, "bytes received are counted")
    for name in ("rx_frames", "tx_frames"):
        assert of_device(f"{name}_total") >= before[name] + 1000000 // 1448, name


def test_nothing_but_the_ports_vlans_has_come_by_the_trunk(bed):
    seen = bed.stop_switch()
    assert set(seen) == {"100", "200"} and all(count > 100 for count in seen.values()), seen


main(globals(), make_bed=VlanBed)
