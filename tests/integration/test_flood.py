#!/usr/bin/env python3
# timeout: 120
"""A flood of SYNs from strangers beside clients: who is connected stays so, who is not gets in by a cookie, and nothing
stays behind. benchmarks/flood says what it costs."""

import subprocess

from agent import AgentBed, backend, gateway, route
from harness import GATEWAY, main, program, wait_until
from load import Load
from peers import exchange, http_connection, namespace_of

SYNS_PER_SECOND = 50_000
FLOOD_SECONDS = 6
CLIENTS = 50
STRANGERS = "routes: [{to: 198.18.0.0/15, via: 10.80.0.2}]\n"


class FloodBed(AgentBed):
    def __init__(self):
        super().__init__(node=lambda text: text + STRANGERS)

    def prepare(self):
        self.apply(*gateway(), *backend("hello", "v1"), route("hello", "hello"))

    def flood(self, kind):
        with namespace_of(self, "gateway"):
            mac = subprocess.run(["ip", "-br", "link", "show", "to-client"], capture_output=True, text=True, check=True).stdout.split()[2]
        words = [program("benchmarks/flood/send_frames"), "eth0", mac, GATEWAY, kind, SYNS_PER_SECOND, FLOOD_SECONDS]
        return subprocess.Popen(self.network.inside("client", [str(word) for word in words]), stdout=subprocess.PIPE, text=True)


def test_clients_get_in_by_cookies_beside_tens_of_thousands_of_syns_a_second(bed):
    used = bed.buffers_used()
    before = bed.metrics()
    with Load(bed) as load, bed.flood("syn") as flood:
        wait_until(lambda: bed.metrics()["byway_tcp_cookies_sent_total"] > before["byway_tcp_cookies_sent_total"] + 10_000, "the backlog is full")
        opened = bed.metrics()["byway_tcp_cookies_accepted_total"]
        for _ in range(CLIENTS):
            connection = http_connection(bed)
            assert exchange(connection, "GET", "/")[0] == 200
            connection.close()
            assert flood.poll() is None, "the flood was over too early to show anything"
        opened = bed.metrics()["byway_tcp_cookies_accepted_total"] - opened
        sent = int(flood.communicate()[0])
        count = load.count()
        wait_until(lambda: load.count() > count + 50, "kept connections go on")
    load.assert_none_failed()
    now = bed.metrics()
    cookies = now["byway_tcp_cookies_sent_total"] - before["byway_tcp_cookies_sent_total"]
    print(f"          {sent} SYNs, {cookies:.0f} cookies, {opened:.0f} accepted")
    assert opened == CLIENTS and now["byway_tcp_cookies_bad_total"] == before["byway_tcp_cookies_bad_total"]
    assert cookies > sent / 2, "most of the SYNs arrived and were answered"
    assert_nothing_is_left(bed, used)


def test_strays_are_answered_by_resets_and_change_nothing(bed):
    used = bed.buffers_used()
    before = bed.metrics()
    with Load(bed) as load, bed.flood("stray") as flood:
        sent = int(flood.communicate()[0])
    load.assert_none_failed()
    dropped = bed.metrics()["byway_tcp_drop_no_connection_total"] - before["byway_tcp_drop_no_connection_total"]
    assert sent / 2 < dropped <= sent, (sent, dropped)
    assert_nothing_is_left(bed, used)


def assert_nothing_is_left(bed, used):
    wait_until(lambda: bed.metrics()["byway_http_downstream_open"] == 0, "the clients are gone")
    wait_until(lambda: bed.buffers_used() <= used + 64, "the packet buffers come back")
    bed.processes.check()


main(globals(), make_bed=FloodBed)
