#!/usr/bin/env python3
"""Peers of memif ports that come and go under load: the data plane stays, and serves the next one.

    byway-loadgen client -- memif -- data plane -- memif -- byway-loadgen server

When a peer dies, DPDK's memif driver gives the shared memory back in a thread of its own; before
dataplane/driver_quiescence.h the worker was in it at times, and the process ended with a segmentation fault.
"""
# timeout: 240

import json
import os
import pathlib
import random
import signal
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from harness import PATIENCE_SECONDS, Bed, main, program, wait_until  # noqa: E402
from netns import Network  # noqa: E402
from processes import Processes  # noqa: E402

NODE = """\
ports:
  - name: client
    device: {client}
    addresses: [10.90.0.1/24, "fd00:90::1/64"]
  - name: origin
    device: {origin}
    addresses: [10.90.1.1/24, "fd00:90:1::1/64"]
poll: busy
runtime_dir: {directory}
"""
SET = """\
listener default/demo/http 80
backend default/origin:8080 10.90.1.2:8080
route default/all prefix=/ to default/origin:8080=1
"""
SET_IPV6 = SET.replace("10.90.1.2:8080", "[fd00:90:1::2]:8080")
ORIGIN, CLIENT, TARGET = "10.90.1.2/24", "10.90.0.2/24", "10.90.0.1:80"
ORIGIN_IPV6, CLIENT_IPV6, TARGET_IPV6 = "fd00:90:1::2/64", "fd00:90::2/64", "[fd00:90::1]:80"
CONNECTIONS = 256
# One of them hit the worker at a bad moment in one of three runs of this test, without the wait for workers.
DEATHS = 20


class MemifBed(Bed):
    """The data plane as memif server on both sides; what loads it comes and goes."""

    def __init__(self):  # pylint: disable=super-init-not-called
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="byway-test."))
        self.network = Network(f"byway-test{os.getpid()}-memif")
        self.processes = Processes(self.directory / "logs")
        self.runtime_directory = self.directory / "run"
        self.control_socket = self.runtime_directory / "dataplane.sock"
        try:
            self.network.remove()
            self.network.add_namespace("gateway")
            self.start_dataplane()
            self.publish(SET)
        except BaseException:
            self.remove()
            raise

    def node_file(self):
        path = self.directory / "node.yaml"
        path.write_text(NODE.format(client=self.memif("server", 0, "client"), origin=self.memif("server", 1, "origin"),
                                    directory=self.runtime_directory))
        return path

    def memif(self, role, index, line):
        return f"net_memif{index},role={role},socket={self.directory}/{line}.sock,socket-abstract=no"

    def start_origin(self, address=ORIGIN):
        """Unless it runs."""
        if "origin" in self.processes.running:
            return
        self.processes.start("origin", [program("tools/loadgen/byway-loadgen"), "server", "--device", self.memif("client", 0, "origin"),
                                               "--address", address, "--port", "8080", "-c", str(2 * CONNECTIONS), "--adaptive"])

    def start_client(self, seconds, report, address=CLIENT, target=TARGET):
        return self.processes.start("client", [program("tools/loadgen/byway-loadgen"), "client", "--device", self.memif("client", 0, "client"),
                                               "--address", address, "--target", target, "-c", str(CONNECTIONS), "--warm-up", "0",
                                               "-d", str(seconds), "--adaptive", "--json", str(report)])

    def kill(self, name):
        process = self.processes.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def lines_of(self, name):
        return len(self.processes.log_tail(name).splitlines())


def serves(bed, *addresses):
    """A client of its own that runs to its end; its report."""
    report = bed.directory / "report.json"
    report.unlink(missing_ok=True)
    code = bed.start_client(1, report, *addresses).wait(timeout=PATIENCE_SECONDS)
    bed.processes.running.pop("client")
    assert report.exists(), f"exit code {code}\n{bed.processes.log_tail('client')}"
    return json.loads(report.read_text())


def test_a_client_and_an_origin_over_memif(bed):
    bed.start_origin()
    report = serves(bed)
    assert report["completed"] > 1000 and report["failed"] == 0, report


def test_the_same_over_ipv6(bed):
    bed.kill("origin")
    bed.publish(SET_IPV6)
    bed.start_origin(ORIGIN_IPV6)
    try:
        report = serves(bed, CLIENT_IPV6, TARGET_IPV6)
        assert report["completed"] > 1000 and report["failed"] == 0, report
    finally:
        bed.kill("origin")
        bed.publish(SET)


def test_what_a_port_has_counted_stays_when_its_peer_goes(bed):
    def of_port(name):
        return int(bed.publish(SET, metric=f'byway_port_{name}{{port="client"}}').split()[-1])

    bed.start_origin()
    seen = of_port("rx_frames_total")
    for _ in range(2):
        bed.start_client(PATIENCE_SECONDS, bed.directory / "unused.json")
        wait_until(lambda least=seen: of_port("rx_frames_total") > least + 1000, "frames are counted")
        assert of_port("link_up") == 1
        bed.kill("client")
        seen = of_port("rx_frames_total")
        wait_until(lambda: of_port("link_up") == 0, "the peer's end is seen")
        assert of_port("rx_frames_total") >= seen  # the driver itself is at 0 now


def test_peers_that_die_under_load_do_not_take_the_data_plane_along(bed):
    bed.start_origin()
    moments = random.Random(1)
    for death in range(DEATHS):
        victim = "origin" if death % 4 == 3 else "client"
        bed.start_client(PATIENCE_SECONDS, bed.directory / "unused.json")
        before = int(bed.publish(SET, metric="byway_http_requests_total").split()[-1])
        wait_until(lambda since=before: int(bed.publish(SET, metric="byway_http_requests_total").split()[-1]) > since + 1000,
                   f"requests are answered before death {death}")
        time.sleep(moments.uniform(0, 0.02))  # in the middle of whatever goes on
        bed.kill(victim)
        if victim == "origin":
            bed.kill("client")
            bed.start_origin()
        bed.processes.check()


def test_the_next_peers_are_served(bed):
    bed.start_origin()
    report = serves(bed)
    assert report["completed"] > 1000 and report["failed"] == 0, report


main(globals(), MemifBed)
