#!/usr/bin/env python3
# timeout: 240
"""Work that a port does by itself: the kernel at the other end of two TAP ports, with and without what net_tap
takes over (checksums, and cutting joined segments), counts every wrong checksum that it sees.

    curl -- byway-client -- data plane -- byway-origin -- backend.py        all in one namespace
"""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from backend import content, digest  # noqa: E402
from harness import PATIENCE_SECONDS, Bed, main, wait_until  # noqa: E402
from netns import Network  # noqa: E402
from peers import ask, metric  # noqa: E402
from processes import Processes  # noqa: E402

MIB = 1 << 20
NODE = """\
ports:
  - name: client
    device: net_tap0,iface=byway-client
    addresses: [10.5.0.1/24, "fd00:5::1/64"]
    offloads: {offloads}
  - name: origin
    device: net_tap1,iface=byway-origin
    addresses: [10.5.1.1/24, "fd00:5:1::1/64"]
    offloads: {offloads}
runtime_dir: {directory}
"""
ORIGINS = {4: "10.5.1.2", 6: "fd00:5:1::2"}
GATEWAYS = {4: "10.5.0.1", 6: "[fd00:5::1]"}
INTERFACES = {"byway-client": ("10.5.0.2/24", "fd00:5::2/64"), "byway-origin": ("10.5.1.2/24", "fd00:5:1::2/64")}
EVERYTHING = ["rx-ip-checksum", "rx-tcp-checksum", "tx-ip-checksum", "tx-tcp-checksum", "tso-ipv4"]
# net_tap cuts only what fits the MTU with its Ethernet header: the kernel asks for shorter segments.
MSS = 1400


def description(version):
    origin = ORIGINS[version] if version == 4 else f"[{ORIGINS[version]}]"
    return (f"listener default/demo/http 80\nbackend default/origin:8080 {origin}:8080\n"
            "route default/all prefix=/ to default/origin:8080=1\n")


class TapBed(Bed):
    def __init__(self):  # pylint: disable=super-init-not-called
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="byway-test."))
        self.network = Network(f"byway-test{os.getpid()}-tap")
        self.processes = Processes(self.directory / "logs")
        self.runtime_directory = self.directory / "run"
        self.control_socket = self.runtime_directory / "dataplane.sock"
        self.offloads = "{}"
        try:
            self.network.remove()
            self.network.add_namespace("gateway")
        except BaseException:
            self.remove()
            raise

    def node_file(self):
        path = self.directory / "node.yaml"
        path.write_text(NODE.format(offloads=self.offloads, directory=self.runtime_directory))
        return path

    def inside(self, *words, **options):
        return subprocess.run(self.network.inside("gateway", list(words)), capture_output=True, text=True, check=True, **options).stdout

    def start(self, offloads):
        """The data plane with these offloads, the kernel's ends of its ports, and a backend for each version of IP."""
        self.offloads = offloads
        for name in ("backend-4", "backend-6", "dataplane"):
            if name in self.processes.running:
                self.processes.stop(name)
        self.start_dataplane()
        for interface, (address, address_v6) in INTERFACES.items():
            self.inside("ethtool", "-K", interface, "tx", "off")
            self.inside("ip", "address", "add", address, "dev", interface)
            self.inside("ip", "address", "add", address_v6, "dev", interface, "nodad")
            self.inside("ip", "link", "set", interface, "up")
            for network in (address, address_v6):
                self.inside("sh", "-c", f"ip route replace $(ip -o route show dev {interface} root {network} proto kernel | cut -d' ' -f1)"
                            f" dev {interface} advmss {MSS}" if ":" not in network else f"ip -6 route replace {network} dev {interface} advmss {MSS}")
        backend = str(pathlib.Path(__file__).resolve().parent / "backend.py")
        for version, address in ORIGINS.items():
            self.processes.start(f"backend-{version}", self.network.inside("gateway", [sys.executable, backend, address, "8080"]))
            wait_until(lambda at=address: f"{at}" in self.inside("ss", "-ltn"), "the backend listens", PATIENCE_SECONDS)

    def errors(self):
        """Segments and packets with a wrong checksum, as the kernel of this namespace has counted them."""
        text = self.inside("cat", "/proc/net/snmp", "/proc/net/netstat")
        lines = [line.split() for line in text.splitlines()]
        counted = {head[0] + name: int(value) for head, values in zip(lines[::2], lines[1::2]) for name, value in zip(head[1:], values[1:])}
        return {name: counted[name] for name in ("Tcp:InCsumErrors", "Ip:InHdrErrors", "IpExt:InCsumErrors")}

    def curl(self, version, path, *arguments):  # pylint: disable=arguments-differ
        return self.inside("curl", "-sS", "--fail", "--max-time", "100", *arguments, f"http://{GATEWAYS[version]}{path}")

    def check_bulk(self, version, size):
        """Content of `size` bytes arrives whole in both directions."""
        expected = digest(content(size))
        got = self.inside("sh", "-c", f"curl -sS --fail --max-time 100 'http://{GATEWAYS[version]}/bytes/{size}' | b2sum -l 128")
        assert got.split()[0] == expected, got
        path = self.directory / "upload"
        with path.open("wb") as file:
            for block in content(size):
                file.write(block)
        assert self.curl(version, "/digest", "-T", str(path)) == expected


def check(bed, offloads, names, joins):
    bed.start(offloads)
    for port in ask(bed, "workers")["ports"]:
        assert port["offloads"] == names, port
    shown = " ".join(names) or "none"
    assert f"offloads {shown}" in bed.processes.log_tail("dataplane"), bed.processes.log_tail("dataplane")
    before = bed.errors()
    for version in (4, 6):
        bed.publish(description(version))
        wait_until(lambda v=version: subprocess.run(bed.network.inside("gateway", ["curl", "-s", "--fail", f"http://{GATEWAYS[v]}/bytes/1"]),
                                                    capture_output=True, check=False).returncode == 0, f"IPv{version} answers")
        joined = metric(bed, description(version), "byway_worker_tx_joined_segments_total")
        bed.check_bulk(version, 24 * MIB + 12345)
        joined = metric(bed, description(version), "byway_worker_tx_joined_segments_total") - joined
        assert (joined > 1000) == (joins and version == 4), joined
    assert bed.errors() == before, (before, bed.errors())
    assert metric(bed, description(4), "byway_worker_tx_refused_total") == 0


def test_content_arrives_whole_with_all_that_the_port_can(bed):
    check(bed, "{}", EVERYTHING, joins=True)


def test_joined_segments_that_are_lost_in_part_are_sent_again(bed):
    bed.inside("nft", "-f", "-", input="table inet loss {\nchain input {\ntype filter hook input priority 0\n"
               'iifname { "byway-client", "byway-origin" } meta l4proto tcp numgen random mod 100 < 1 counter drop\n}\n}\n')
    try:
        before = bed.errors()
        bed.publish(description(4))
        joined = metric(bed, description(4), "byway_worker_tx_joined_segments_total")
        again = metric(bed, description(4), "byway_tcp_retransmitted_segments_total")
        bed.check_bulk(4, 8 * MIB + 1)
        assert metric(bed, description(4), "byway_worker_tx_joined_segments_total") > joined + 1000
        assert metric(bed, description(4), "byway_tcp_retransmitted_segments_total") > again + 10
        assert bed.errors() == before, (before, bed.errors())
    finally:
        bed.inside("nft", "delete", "table", "inet", "loss")


def test_wrong_checksums_are_dropped_though_the_port_verifies_them(bed):
    probe = str(pathlib.Path(__file__).resolve().parent / "probe.py")
    dropped = metric(bed, description(4), "byway_net_drop_tcp_checksum_total")
    assert bed.inside("python3", probe, "syn", "byway-client", "10.5.0.1", "80", "1").split() == []
    assert metric(bed, description(4), "byway_net_drop_tcp_checksum_total") == dropped + 1


def test_content_arrives_whole_without_joined_segments(bed):
    check(bed, "{tso: off}", EVERYTHING[:-1], joins=False)


def test_content_arrives_whole_with_everything_in_software(bed):
    check(bed, "{checksum: off}", [], joins=False)


main(globals(), make_bed=TapBed)
