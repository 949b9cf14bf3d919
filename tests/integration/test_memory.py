#!/usr/bin/env python3
# timeout: 300
"""Clients that take all the packet buffers that they can get, and others that want their answers meanwhile."""

import contextlib
import socket

from backend import content, digest
from harness import Bed, main, wait_until
from peers import connect, exchange, http_connection, metric, start_backend, workers

GIB = 1 << 30
POLICY = """\
listener default/demo/http 80
backend default/nginx:80 10.80.1.2:8080
backend default/python:80 10.80.2.2:8090
route default/nginx prefix=/files to default/nginx:80
route default/python prefix=/ to default/python:80
"""
# Alone, each of them could hold 2 x 180 of the 16,384 buffers of the worker (docs/node.md): 43,200 in all.
CROWD = 120
# So many that even one buffer for each of their queues is too much for the smallest pool, 2,048.
LARGE_CROWD = 500
# The least that a receive buffer can be (tcp(7)).
RECEIVE_BUFFER_MIN = 2048
# Shares of all buffers; the first two are supply_floor_parts and supply_critical_parts of dataplane/tcp/limits.h.
FLOOR, TENTH, HALF = 1 / 32, 1 / 10, 1 / 2
# Buffers that a quiet data plane has out: rings of the ports, a burst that is under way.
BUFFERS_AT_REST = 512
ANSWER = digest(content(100_000))


class MemoryBed(Bed):
    """nginx v1 with a file of 1 GiB, backend.py beside nginx v2."""

    def __init__(self):
        super().__init__(with_dataplane=False)
        try:
            self.prepare()
        except BaseException:
            self.remove()
            raise

    def prepare(self):
        files = self.directory / "files"
        files.mkdir()
        with (files / "large").open("wb") as file:
            file.truncate(GIB)
        self.processes.stop("nginx-v1")
        self.processes.stop("nginx-v2")
        self.start_servers(f"    location /files/ {{ alias {files}/; }}")
        start_backend(self, "v2", 8090)
        self.start_dataplane()
        self.publish(POLICY)


def buffers_free(bed):
    """As a share of all."""
    found = workers(bed)
    return sum(worker["mbufsFree"] for worker in found) / sum(worker["mbufs"] for worker in found)


def buffers_used(bed):
    return sum(worker["mbufs"] - worker["mbufsFree"] for worker in workers(bed))


def answer_for_somebody_else(bed):
    """On a connection of its own; returns how much was free then."""
    status, _, body = exchange(http_connection(bed), "GET", "/bytes/100000")
    assert status == 200 and digest([body]) == ANSWER, f"{status} {len(body)} bytes"
    return buffers_free(bed)


def reset_for_memory(bed):
    return metric(bed, POLICY, "byway_tcp_closed_no_memory_total")


def pressure(bed):
    return metric(bed, POLICY, "byway_worker_memory_pressure")


def add_to_crowd(bed, crowd):
    """Somebody who asks for 1 GiB and reads none of it."""
    client = crowd.enter_context(connect(bed, receive_buffer=RECEIVE_BUFFER_MIN))
    client.sendall(b"GET /files/large HTTP/1.1\r\nHost: a\r\n\r\n")


def test_a_crowd_that_never_reads_leaves_buffers_for_others(bed):
    with contextlib.ExitStack() as crowd:
        free = []
        for _ in range(CROWD // 10):
            for _ in range(10):
                add_to_crowd(bed, crowd)
            free.append(answer_for_somebody_else(bed))
        for _ in range(20):
            free.append(answer_for_somebody_else(bed))
        print(f"          {min(free):.1%} free at the lowest, {free[-1]:.1%} at the end")
        assert free[-1] < HALF, "nothing was held for them, so nothing was shown"
        assert min(free) >= TENTH, "new connections were refused"
    wait_until(lambda: buffers_used(bed) < BUFFERS_AT_REST, "all buffers come back")


def test_when_memory_is_short_the_stuck_are_reset_until_it_is_not(fresh_bed):
    bed = fresh_bed
    bed.processes.stop("dataplane")
    bed.node = lambda text: text + "memory: {mbufs: 2048}\n"
    bed.start_dataplane()
    bed.publish(POLICY)
    with contextlib.ExitStack() as crowd:
        for _ in range(LARGE_CROWD):
            add_to_crowd(bed, crowd)
        # Only while memory is short is anybody reset: on a slow machine that is over before the last has joined.
        wait_until(lambda: pressure(bed) > 0 or reset_for_memory(bed) > 0, "memory is short")
        free = [answer_for_somebody_else(bed) for _ in range(20)]
        wait_until(lambda: reset_for_memory(bed) > 0 and pressure(bed) == 0, "as many of the stuck are reset as it takes", 60)
        free += [answer_for_somebody_else(bed) for _ in range(20)]
        print(f"          {min(free):.1%} free at the lowest, {reset_for_memory(bed)} of {LARGE_CROWD} reset")
        assert min(free) >= FLOOR
        assert reset_for_memory(bed) < LARGE_CROWD
    wait_until(lambda: buffers_used(bed) < BUFFERS_AT_REST, "all buffers come back")
    code = bed.processes.stop("dataplane")
    assert code == 0 and "all packet buffers came back" in bed.processes.log_tail("dataplane"), code


def test_requests_in_single_octets_do_not_pin_a_buffer_each(bed):
    with contextlib.ExitStack() as crowd:
        clients = []
        for _ in range(CROWD):
            client = crowd.enter_context(connect(bed))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.sendall(b"GET /bytes/1000 HTTP/1.1\r\nHost: a\r\nX-Long: ")
            clients.append(client)
        for _ in range(300):
            for client in clients:
                client.send(b"x")
        used = buffers_used(bed)
        print(f"          {used} buffers for {CROWD * 300} segments")
        assert used < BUFFERS_AT_REST + CROWD * 16, used
        answer_for_somebody_else(bed)
        for client in clients[:10]:
            client.sendall(b"\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    wait_until(lambda: buffers_used(bed) < BUFFERS_AT_REST, "all buffers come back")


def test_everything_is_given_back(bed):
    wait_until(lambda: metric(bed, POLICY, "byway_http_exchanges_active") == 0, "no exchange is left")
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


main(globals(), make_bed=MemoryBed)
