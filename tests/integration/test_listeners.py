#!/usr/bin/env python3
"""What becomes of connections when a change of policy takes their listener away."""

import threading

from harness import Bed, main, wait_until
from peers import connect, exchange, http_connection, metric, read_until_closed, start_backend

POLICY = """\
listener default/demo/http {port}
backend default/python:80 10.80.2.2:8090
route default/all prefix=/ to default/python:80
"""
WITH_LISTENER = POLICY.format(port=80)
WITHOUT_LISTENER = POLICY.format(port=81)


class ListenersBed(Bed):
    def __init__(self):
        super().__init__()
        try:
            start_backend(self, "v2", 8090)
        except BaseException:
            self.remove()
            raise


def test_connections_of_a_removed_listener_end_when_they_can(bed):
    bed.publish(WITH_LISTENER)
    idle = connect(bed)
    served = http_connection(bed)
    assert exchange(served, "GET", "/bytes/10")[0] == 200
    busy = http_connection(bed)
    answer = {}

    def wait_for_answer():
        busy.request("PUT", "/wait/released", body=b"some content")
        response = busy.getresponse()
        answer.update(status=response.status, close=response.headers.get("Connection"), length=len(response.read()))

    thread = threading.Thread(target=wait_for_answer)
    thread.start()
    wait_until(lambda: metric(bed, WITH_LISTENER, "byway_http_exchanges_active") == 1, "the request is under way")
    bed.publish(WITHOUT_LISTENER)
    assert read_until_closed(idle) == (b"", False)
    assert read_until_closed(served.sock) == (b"", False)
    try:
        connect(bed).close()
        raise AssertionError("there is a listener still")
    except ConnectionRefusedError:
        pass
    (bed.directory / "released").touch()
    thread.join()
    assert answer == {"status": 200, "close": "close", "length": 32}, answer
    assert metric(bed, WITHOUT_LISTENER, "byway_http_downstream_drain_cut_total") == 0


def test_what_is_left_after_the_drain_time_is_reset(bed):
    bed.publish(WITH_LISTENER)
    endless = connect(bed)
    endless.sendall(b"GET /hold/100 HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: metric(bed, WITH_LISTENER, "byway_http_exchanges_active") == 1, "the request is under way")
    bed.publish(WITHOUT_LISTENER)
    received, was_reset = read_until_closed(endless)
    assert was_reset and received.startswith(b"HTTP/1.1 200 "), (received[:100], was_reset)
    assert metric(bed, WITHOUT_LISTENER, "byway_http_downstream_drain_cut_total") == 1


def test_a_listener_that_comes_back_keeps_what_it_has(bed):
    bed.publish(WITH_LISTENER)
    endless = connect(bed)
    endless.sendall(b"GET /hold/100 HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: metric(bed, WITH_LISTENER, "byway_http_exchanges_active") == 1, "the request is under way")
    cut = metric(bed, WITHOUT_LISTENER, "byway_http_downstream_drain_cut_total")
    bed.publish(WITH_LISTENER)
    endless.settimeout(7)  # beyond the 5 s that a listener's connections have
    try:
        while endless.recv(4096):
            pass
        raise AssertionError("the connection was closed")
    except TimeoutError:
        pass
    endless.close()
    assert metric(bed, WITH_LISTENER, "byway_http_downstream_drain_cut_total") == cut


main(globals(), ListenersBed)
