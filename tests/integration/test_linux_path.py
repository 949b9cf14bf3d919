#!/usr/bin/env python3
# timeout: 240
"""Linux's TCP behind a router whose link becomes narrower, which marks instead of dropping, or falls silent."""

import subprocess

from agent import AgentBed, backend, gateway, route
from backend import content, digest
from harness import GATEWAY, PATIENCE_SECONDS, main, wait_until
from peers import ask, connect, exchange, http_connection, start_backend
from router import CLIENT, RouterBed

MIB = 1 << 20
# A download that takes a while: what the router lets through in a second.
SLOW = "20mbit"
KEEPALIVE_SECONDS = (1, 1, 3)  # idle, interval, probes


class PathBed(AgentBed, RouterBed):
    def __init__(self):
        idle, interval, probes = KEEPALIVE_SECONDS
        super().__init__(tcp=f"{{ecn: always, keepalive: {{idle: {idle}s, interval: {interval}s, probes: {probes}}}}}")

    def prepare(self):
        start_backend(self, "v1", 8090)
        self.apply(*gateway(), *backend("hello", "v1"), route("hello", "hello"),
                   *backend("python", "v1", tcp_port=8090), route("bytes", "python", prefix="/bytes"),
                   route("digest", "python", prefix="/digest"))

    def sysctl(self, name, value):
        self.network.set_sysctl(self.network.namespace("client"), name, value)

    def slow_down(self):
        command = self.network.inside("link", ["tc", "qdisc", "replace", "dev", "near", "root", "tbf", "rate", SLOW, "burst", "16kb", "limit", "200kb"])
        subprocess.run(command, check=True)

    def speed_up(self):
        subprocess.run(self.network.inside("link", ["tc", "qdisc", "delete", "dev", "near", "root"]), check=True)


class Download:
    """curl, and the digest of what it gets; with other things done meanwhile."""

    def __init__(self, bed, size):
        self.bed, self.size = bed, size
        command = f"curl -sS --fail --max-time 60 http://{GATEWAY}/bytes/{size} | b2sum -l 128"
        bed.processes.start("download", bed.network.inside("client", ["sh", "-c", command]))

    def connections(self):
        return ask(self.bed, "connections", f"address={CLIENT}")["connections"]

    def finish(self):
        process = self.bed.processes.running["download"]
        assert process.wait(timeout=70) == 0, self.bed.processes.log_tail("download")
        self.bed.processes.running.pop("download")
        log = self.bed.directory / "logs/download.log"
        assert log.read_text().split()[0] == digest(content(self.size)), log.read_text()
        log.unlink()


def upload(bed, size):
    path = bed.directory / "upload"
    path.write_bytes(b"".join(content(size)))
    result = bed.curl("/digest", "--fail", "-T", str(path))
    assert result.returncode == 0 and result.stdout == digest(content(size)), result.stderr


def mss_towards_client(download):
    return max((one["mss"] for one in download.connections()), default=0)


def test_a_path_that_swallows_long_packets_without_a_word_is_found_out(bed):
    """Before the next one, behind which the gateway remembers what the path takes."""
    before = bed.metrics()
    bed.slow_down()
    try:
        download = Download(bed, 4 * MIB)
        wait_until(lambda: mss_towards_client(download) > 1400, "the download runs")
        bed.rules("iifname far ip length > 1200 counter drop")
        download.finish()
        dropped = bed.packets_met()[0]
    finally:
        bed.rules()
        bed.speed_up()
    now = bed.metrics()
    assert dropped > 0
    assert now["byway_tcp_black_holes_suspected_total"] > before["byway_tcp_black_holes_suspected_total"]


def test_a_path_that_becomes_narrower_while_data_flows_is_learned_from_the_router(bed):
    before = bed.metrics()
    bed.slow_down()
    try:
        download = Download(bed, 8 * MIB)
        wait_until(lambda: mss_towards_client(download) > 1400, "the download runs")
        for mtu in (1400, 1000):
            bed.set_mtu(mtu)
            wait_until(lambda mtu=mtu: 0 < mss_towards_client(download) <= mtu - 40, f"segments fit {mtu}")
        download.finish()
    finally:
        bed.speed_up()
        bed.set_mtu(1500)
    now = bed.metrics()
    assert now["byway_net_path_mtus_learned_total"] - before["byway_net_path_mtus_learned_total"] == 2
    assert now["byway_tcp_black_holes_suspected_total"] == before["byway_tcp_black_holes_suspected_total"]
    upload(bed, MIB)


MARK = "ip ecn {{1, 2}} iifname {side} numgen random mod 100 < 3 counter ip ecn set 3"
ECHO = "iifname {side} tcp flags & (syn | ecn) == ecn counter"
REDUCED = "iifname {side} tcp flags & (syn | cwr) == cwr counter"


def test_marks_on_data_to_linux_bring_the_window_down_and_cost_no_octet(bed):
    before = bed.metrics()
    bed.sysctl("net.ipv4.tcp_ecn", 1)
    bed.rules(MARK.format(side="far"), ECHO.format(side="near"), REDUCED.format(side="far"))
    try:
        Download(bed, 8 * MIB).finish()
        marked, echoed, reduced = bed.packets_met()
    finally:
        bed.rules()
        bed.sysctl("net.ipv4.tcp_ecn", 2)
    came_down = bed.metrics()["byway_tcp_congestion_echoes_in_total"] - before["byway_tcp_congestion_echoes_in_total"]
    print(f"          {marked} marked, {echoed} ACKs echoed it, the window came down {came_down:.0f} times, {reduced} segments said so")
    assert marked > 20 and echoed >= came_down > 5 and reduced > 5


def test_marks_on_data_from_linux_are_echoed_until_it_has_answered(bed):
    before = bed.metrics()
    bed.sysctl("net.ipv4.tcp_ecn", 1)
    bed.rules(MARK.format(side="near"), ECHO.format(side="far"), REDUCED.format(side="near"))
    try:
        upload(bed, 8 * MIB)
        marked, echoed, reduced = bed.packets_met()
    finally:
        bed.rules()
        bed.sysctl("net.ipv4.tcp_ecn", 2)
    seen = bed.metrics()["byway_tcp_congestion_marks_in_total"] - before["byway_tcp_congestion_marks_in_total"]
    print(f"          {marked} marked, {seen:.0f} seen, {echoed} ACKs echoed it, {reduced} segments said that the window came down")
    assert marked > 20 and seen == marked and echoed > 5 and reduced > 5


def test_without_marks_ecn_is_agreed_on_or_not_as_either_end_wishes(bed):
    """Of the client that asks, and of one that neither asks nor agrees: nothing is marked as capable then."""
    for wish, is_capable in ((1, True), (0, False)):
        bed.sysctl("net.ipv4.tcp_ecn", wish)
        bed.rules("iifname far ip ecn != 0 counter", "iifname near ip ecn != 0 counter")
        try:
            Download(bed, MIB).finish()
            upload(bed, MIB)
            there, back = bed.packets_met()
        finally:
            bed.rules()
            bed.sysctl("net.ipv4.tcp_ecn", 2)
        assert (there > 100) == (back > 100) == is_capable and (is_capable or there + back == 0), (wish, there, back)


def test_backends_are_asked_for_ecn(bed):
    connection = http_connection(bed)
    assert exchange(connection, "GET", "/")[0] == 200
    command = bed.network.inside("v1", ["ss", "-tinoH", "state", "established", "sport = :8080"])
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    connection.close()
    assert " ecn " in text, text


def test_a_peer_that_vanishes_is_given_up_and_one_that_is_only_silent_is_kept(bed):
    idle, interval, probes = KEEPALIVE_SECONDS
    before = bed.metrics()
    with connect(bed) as gone:
        wait_until(lambda: bed.metrics()["byway_http_downstream_open"] == 1, "it is open")
        silent = http_connection(bed)
        assert exchange(silent, "GET", "/")[0] == 200
        port = gone.getsockname()[1]
        bed.rules(f"tcp sport {port} counter drop", f"tcp dport {port} counter drop")
        try:
            wait_until(lambda: bed.metrics()["byway_http_downstream_open"] == 1, "the one that is gone is given up",
                       idle + interval * probes + PATIENCE_SECONDS)
            dropped = bed.packets_met()[1]
            assert exchange(silent, "GET", "/")[0] == 200, "the other one is still there"
        finally:
            bed.rules()
    silent.close()
    now = bed.metrics()
    assert dropped >= probes
    assert now["byway_tcp_keepalive_probes_total"] - before["byway_tcp_keepalive_probes_total"] >= 2 * probes - 1
    assert now["byway_tcp_closed_timed_out_total"] == before["byway_tcp_closed_timed_out_total"] + 1
    wait_until(lambda: bed.metrics()["byway_http_downstream_open"] == 0, "all are gone")


main(globals(), make_bed=PathBed)
