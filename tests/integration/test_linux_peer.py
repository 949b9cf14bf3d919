#!/usr/bin/env python3
# timeout: 240
"""Linux's TCP as a peer, over a path that behaves: crowds, short connections, half-closed ones, windows. Paths that
narrow, mark or fall silent are in test_linux_path.py, losses and reordering in test_network.py."""

import json
import pathlib
import socket
import subprocess
import sys

from agent import AgentBed, backend, gateway, route
from backend import content, digest
from harness import main, wait_until
from peers import ask, connect, read_until_closed, start_backend
from scripted import ScriptedBackend, read_request

MIB = 1 << 20
CROWD = str(pathlib.Path(__file__).with_name("crowd.py"))
# Beside the client's own.
ADDRESSES = [f"10.80.0.{last}" for last in range(11, 19)]
CONNECTIONS = 32_768


class LinuxBed(AgentBed):
    def __init__(self):
        super().__init__(node=lambda text: text + f"memory: {{connections: {CONNECTIONS}}}\n")

    def prepare(self):
        for address in ADDRESSES:
            subprocess.run(["ip", "-n", self.network.namespace("client"), "address", "add", f"{address}/24", "dev", "eth0"], check=True)
        start_backend(self, "v1", 8090)
        self.apply(*gateway(), *backend("hello", "v1"), route("hello", "hello"),
                   *backend("python", "v1", tcp_port=8090), route("bytes", "python", prefix="/bytes"),
                   route("digest", "python", prefix="/digest"),
                   *backend("scripted", "v2", tcp_port=8092), route("scripted", "scripted", hostname="scripted.example"))

    def crowd(self, *words):
        command = self.network.inside("client", [sys.executable, CROWD, *[str(word) for word in words], *ADDRESSES])
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def assert_all_returned(bed, used_before):
    wait_until(lambda: bed.metrics()["byway_http_downstream_open"] == 0, "all connections are gone")
    wait_until(lambda: bed.buffers_used() <= used_before + 64, "the packet buffers come back")


def test_10000_connections_open_at_one_time_are_all_answered_and_all_given_back(bed):
    count = 10_000
    used = bed.buffers_used()
    with bed.crowd("kept", count, 60) as crowd:
        first = json.loads(crowd.stdout.readline())
        assert first["open"] == count and first["ended"] == {"answered": count}, first
        assert bed.metrics()["byway_http_downstream_open"] == count
        held = bed.buffers_used() - used
        assert held < 512, f"{held} packet buffers for connections that are idle"
        crowd.stdin.write("\n")
        crowd.stdin.flush()
        second = json.loads(crowd.stdout.readline())
        assert second["open"] == count and second["ended"] == {"answered": count}, second
    print(f"          opened and answered in {first['seconds']:.1f} s, answered again in {second['seconds']:.1f} s")
    assert crowd.returncode == 0
    assert_all_returned(bed, used)


def test_20000_short_connections_are_answered_and_what_waits_gives_way(bed):
    count = 20_000
    used, before = bed.buffers_used(), bed.metrics()
    with bed.crowd("short", count, 100) as crowd:
        result = json.loads(crowd.stdout.readline())
    assert result["ended"] == {"answered": count}, result
    now = bed.metrics()
    print(f"          {count / result['seconds']:.0f} connections/s; {now['byway_tcp_sockets_in_use']:.0f} sockets in TIME-WAIT")
    assert now["byway_tcp_sockets_in_use"] <= CONNECTIONS
    assert now["byway_tcp_passive_opens_total"] - before["byway_tcp_passive_opens_total"] == count
    assert now["byway_tcp_drop_no_socket_total"] == before["byway_tcp_drop_no_socket_total"]
    assert_all_returned(bed, used)
    # Once more: the places of those that wait are taken, and nobody notices.
    with bed.crowd("short", count, 100) as crowd:
        result = json.loads(crowd.stdout.readline())
    assert result["ended"] == {"answered": count}, result
    assert_all_returned(bed, used)


def test_a_client_that_has_finished_gets_its_answer_whole(bed):
    size = 5 * MIB
    with connect(bed) as client:
        client.sendall(f"GET /bytes/{size} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        client.shutdown(socket.SHUT_WR)
        answer, was_reset = read_until_closed(client)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ") and not was_reset, head
    assert digest([body]) == digest(content(size))


def test_a_backend_that_has_finished_hears_the_end_and_its_answer_arrives_whole(bed):
    size, ends = 5 * MIB, []

    def finishes(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for block in content(size):
            connection.sendall(block)
        connection.shutdown(socket.SHUT_WR)
        ends.append(connection.recv(65536))

    with ScriptedBackend(bed, "v2", 8092, finishes):
        with connect(bed) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: scripted.example\r\nConnection: close\r\n\r\n")
            answer, was_reset = read_until_closed(client)
        wait_until(lambda: ends, "the backend hears the end")
    assert ends == [b""] and not was_reset
    body = answer.partition(b"\r\n\r\n")[2]
    if b"transfer-encoding: chunked" in answer[:1000].lower():
        body = unchunked(body)
    assert digest([body]) == digest(content(size))


def unchunked(text):
    pieces = []
    while True:
        line, _, text = text.partition(b"\r\n")
        size = int(line, 16)
        if not size:
            return b"".join(pieces)
        pieces.append(text[:size])
        text = text[size + 2:]


def read_answer(client, size):
    """The body of an answer on a connection that goes on."""
    text = b""
    while b"\r\n\r\n" not in text or len(text.partition(b"\r\n\r\n")[2]) < size:
        piece = client.recv(MIB)
        assert piece, "ended early"
        text += piece
    return text.partition(b"\r\n\r\n")[2]


def test_windows_are_scaled_if_both_ends_want_it(bed):
    size = 8 * MIB
    used = bed.buffers_used()
    for scaling in (1, 0):
        assert bed.client(["sysctl", "-qw", f"net.ipv4.tcp_window_scaling={scaling}"]).returncode == 0
        try:
            with connect(bed, receive_buffer=MIB) as client:
                client.sendall(f"GET /bytes/{size} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert digest([read_answer(client, size)]) == digest(content(size))
                own = ask(bed, "connections", f"state=ESTABLISHED address=10.80.0.2 tcp-port={client.getsockname()[1]}")["connections"]
                assert len(own) == 1 and (own[0]["sendWindow"] > 65_535) == bool(scaling), own
                text = b"".join(content(size))
                client.sendall(f"PUT /digest HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode() + text)
                assert read_answer(client, 32).decode() == digest([text])
        finally:
            bed.client(["sysctl", "-qw", "net.ipv4.tcp_window_scaling=1"])
    assert_all_returned(bed, used)


main(globals(), make_bed=LinuxBed)
