#!/usr/bin/env python3
"""Steady HTTP/1.1 traffic that is judged answer by answer: the demo's client.

Keeps N connections, one request at a time on each, paced to a rate, and checks every answer: status
200, a whole body, and the same version in the body as in X-Version. Each request belongs to the phase
in force when its first byte was sent, so that what began before a change is never counted after it.

Standard input takes `phase NAME` (acknowledged by a line {"phase": NAME}) and `stop`. Standard output
has a line of JSON every quarter of a second: per phase what was begun, answered by version, failed by
kind (since the start), and the latencies since the last line. Latency counts from sending the request
to its last byte, as this program sees it: waiting for its own turn on a busy machine is in it.
"""

import argparse
import collections
import json
import os
import re
import select
import socket
import sys
import time

from histogram import bucket

REPORT_SECONDS = 0.25
# Longer than any timeout that a route of the demo has: then the answer is lost, not late.
ANSWER_SECONDS_MAX = 5.0
# After a failed connect the next try waits, or a dead gateway is hammered in a tight loop.
RETRY_SECONDS = 0.05
# Requests that may be caught up with after a pause; beyond, the pace just was not reached.
BURST_MAX = 64
HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
VERSION = re.compile(rb"\r\nx-version: *([\w.-]+)", re.IGNORECASE)
CLOSES = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class Phase:
    def __init__(self):
        self.begun = 0
        self.answers = collections.Counter()
        self.errors = collections.Counter()


class Connection:
    """One socket with at most one request under way."""

    def __init__(self):
        self.socket = None
        self.buffer = b""
        self.began = 0.0
        self.phase = None  # of the request under way
        self.not_before = 0.0
        self.connecting = False


class Load:
    def __init__(self, arguments):
        host, _, port = arguments.target.rpartition(":")
        self.address = (host, int(port))
        self.request = (f"GET {arguments.path} HTTP/1.1\r\nHost: {arguments.host}\r\nUser-Agent: byway-demo\r\n"
                        "Accept: */*\r\n\r\n").encode()
        self.rate = arguments.rate
        self.poll = select.epoll()
        self.connections = [Connection() for _ in range(arguments.connections)]
        self.by_descriptor = {}
        self.idle = collections.deque(self.connections)
        self.phases = {}
        self.phase = self.enter(arguments.phase)
        self.latencies = {}
        self.stopping = False
        self.commands = b""

    def enter(self, name):
        return self.phases.setdefault(name, Phase())

    def run(self):
        os.set_blocking(0, False)
        self.poll.register(0, select.EPOLLIN)
        now = time.monotonic()
        self.paced_from, self.allowed = now, 0.0
        reported = swept = now
        while not self.stopping or any(connection.phase for connection in self.connections):
            for descriptor, events in self.poll.poll(0.002):
                if descriptor == 0:
                    self.read_commands()
                elif descriptor in self.by_descriptor:
                    self.on_ready(self.by_descriptor[descriptor], events)
            now = time.monotonic()
            if not self.stopping:
                self.send_due(now)
            if now - swept >= 0.1:
                swept = now
                self.sweep(now)
            if now - reported >= REPORT_SECONDS:
                reported = now
                self.report(False)
        self.report(True)

    def read_commands(self):
        data = os.read(0, 65536)
        if not data:
            self.poll.unregister(0)
            self.stopping = True
        self.commands += data
        while b"\n" in self.commands:
            line, self.commands = self.commands.split(b"\n", 1)
            word, _, argument = line.decode().strip().partition(" ")
            if word == "phase":
                self.phase = self.enter(argument)
                print(json.dumps({"phase": argument}), flush=True)
            elif word == "stop":
                self.stopping = True

    def send_due(self, now):
        """Sends as many requests as the pace allows and connections are free."""
        self.allowed = min(self.allowed + (now - self.paced_from) * self.rate, BURST_MAX)
        self.paced_from = now
        for _ in range(len(self.idle)):
            if self.allowed < 1.0:
                return
            connection = self.idle.popleft()
            if connection.not_before > now:
                self.idle.append(connection)
                continue
            self.allowed -= 1.0
            self.begin(connection, now)

    def begin(self, connection, now):
        connection.phase, connection.began = self.phase, now
        self.phase.begun += 1
        if connection.socket is None:
            connection.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.socket.setblocking(False)
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connecting = True
            connection.socket.connect_ex(self.address)
            self.by_descriptor[connection.socket.fileno()] = connection
            self.poll.register(connection.socket.fileno(), select.EPOLLOUT)
        else:
            self.send(connection)

    def send(self, connection):
        try:
            connection.socket.send(self.request)
        except OSError as error:
            self.fail(connection, "send " + errno_name(error))

    def on_ready(self, connection, events):
        if connection.connecting:
            code = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self.fail(connection, "connect " + os.strerror(code).lower())
                return
            connection.connecting = False
            self.poll.modify(connection.socket.fileno(), select.EPOLLIN)
            self.send(connection)
            return
        try:
            data = connection.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self.close_or_fail(connection, "reset " + errno_name(error))
            return
        if not data:
            self.close_or_fail(connection, "closed before the answer was whole")
            return
        connection.buffer += data
        self.on_bytes(connection)

    def close_or_fail(self, connection, kind):
        """A connection that ends between two requests is in order; during one it is a failure."""
        if connection.phase is None:
            self.drop(connection)
        else:
            self.fail(connection, kind)

    def on_bytes(self, connection):
        end = connection.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        if connection.phase is None:
            self.enter("unasked").errors["bytes without a request"] += 1
            self.drop(connection)
            return
        head = connection.buffer[:end + 2]
        status, length = HEAD.match(head), LENGTH.search(head)
        if not status or not length:
            self.fail(connection, "not an answer: " + repr(head[:40]))
            return
        whole = end + 4 + int(length[1])
        if len(connection.buffer) < whole:
            return
        if len(connection.buffer) > whole:
            self.fail(connection, "more bytes than the answer has")
            return
        body = connection.buffer[end + 4:]
        version = VERSION.search(head)
        if status[1] != b"200":
            self.fail(connection, "status " + status[1].decode(), keep=not CLOSES.search(head))
        elif not version or version[1] not in body:
            self.fail(connection, "body and X-Version differ")
        else:
            self.succeed(connection, version[1].decode(), CLOSES.search(head) is not None)

    def succeed(self, connection, version, closes):
        value = bucket(int((time.monotonic() - connection.began) * 1e6))
        self.latencies[value] = self.latencies.get(value, 0) + 1
        connection.phase.answers[version] += 1
        connection.phase, connection.buffer = None, b""
        if closes:
            self.drop(connection)
        self.idle.append(connection)

    def fail(self, connection, kind, keep=False):
        connection.phase.errors[kind] += 1
        connection.phase, connection.buffer = None, b""
        connection.not_before = time.monotonic() + RETRY_SECONDS
        if not keep:
            self.drop(connection)
        self.idle.append(connection)

    def drop(self, connection):
        del self.by_descriptor[connection.socket.fileno()]
        connection.socket.close()
        connection.socket, connection.buffer, connection.connecting = None, b"", False

    def sweep(self, now):
        for connection in self.connections:
            if connection.phase is not None and now - connection.began > ANSWER_SECONDS_MAX:
                self.fail(connection, "connect timeout" if connection.connecting else "no answer in time")

    def report(self, final):
        phases = {name: {"begun": phase.begun, "answers": phase.answers, "errors": phase.errors}
                  for name, phase in self.phases.items()}
        print(json.dumps({"at": time.monotonic(), "phases": phases, "latencies": self.latencies, "final": final}), flush=True)
        self.latencies = {}


def errno_name(error):
    return os.strerror(error.errno).lower() if error.errno else str(error)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", help="ADDRESS:PORT")
    parser.add_argument("--host", default="localhost", help="the Host field")
    parser.add_argument("--path", default="/", help="the request's path")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=5000.0, help="requests per second, at most")
    parser.add_argument("--phase", default="start", help="the first phase's name")
    arguments = parser.parse_args()
    try:
        Load(arguments).run()
    except (BrokenPipeError, KeyboardInterrupt):
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
