#!/usr/bin/env python3
"""Many clients in one process, from several addresses of theirs:

    crowd.py kept COUNT SECONDS ADDRESS...     all open at one time: a request on each, a second one on each once
                                               a line has been written to standard input, then all are closed
    crowd.py short COUNT WIDTH ADDRESS...      so many one after the other, WIDTH at a time: connect, request, close;
                                               every second one has the gateway close first (Connection: close)

It asks GET / of the gateway and prints what became of it as JSON, a line for each part.
"""

import collections
import errno
import json
import resource
import select
import socket
import sys
import time

GATEWAY = ("10.80.0.1", 80)
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LAST_REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
GREETINGS = (b"hello from v1\n", b"hello from v2\n")
# Connects that are under way at one time: fewer than the backlog (1,024), so that no cookie has to help.
OPENING_MAX = 500
SPARE_DESCRIPTORS = 100


class Crowd:
    def __init__(self, count, addresses):
        need = count + SPARE_DESCRIPTORS
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, max(need, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
        self.count, self.addresses = count, addresses
        self.poll = select.epoll()
        self.clients = {}  # descriptor: socket
        self.texts = {}  # descriptor: what has come of the answer
        self.begun = 0
        self.result = collections.Counter()

    def open(self):
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        client.setblocking(False)
        # The port is chosen at connect, so that each address has all of them.
        client.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
        client.bind((self.addresses[self.begun % len(self.addresses)], 0))
        self.begun += 1
        error = client.connect_ex(GATEWAY)
        if error not in (0, errno.EINPROGRESS):
            self.result[errno.errorcode[error]] += 1
            client.close()
            return
        self.clients[client.fileno()] = client
        self.poll.register(client.fileno(), select.EPOLLOUT)

    def close(self, number):
        self.poll.unregister(number)
        self.texts.pop(number, None)
        self.clients.pop(number).close()

    def fail(self, number, why):
        self.result[why] += 1
        self.close(number)

    def send(self, number, request):
        self.texts[number] = b""
        try:
            self.clients[number].send(request)
            self.poll.modify(number, select.EPOLLIN)
        except OSError as error:
            self.fail(number, errno.errorcode[error.errno])

    def read(self, number):
        """True once the answer is whole, and at its end if the gateway is to close."""
        try:
            piece = self.clients[number].recv(4096)
        except OSError as error:
            self.fail(number, errno.errorcode[error.errno])
            return False
        text = self.texts[number] = self.texts[number] + piece
        head, _, body = text.partition(b"\r\n\r\n")
        is_whole = head.startswith(b"HTTP/1.1 200 ") and body in GREETINGS
        if not piece:
            if not is_whole:
                self.fail(number, "ended")
            return is_whole
        if body and not is_whole:
            self.fail(number, text.partition(b"\r\n")[0].decode())
            return False
        return is_whole and b"connection: close" not in head.lower()

    def kept(self, seconds):
        began = time.monotonic()
        waiting = set()
        while (self.begun < self.count or waiting) and time.monotonic() < began + seconds:
            opening = len(self.clients) - self.result["answered"]
            for _ in range(min(OPENING_MAX - opening, self.count - self.begun)):
                self.open()
                waiting = set(self.clients) - set(self.texts) | waiting
            self.serve(waiting, REQUEST)
        self.report(began)
        sys.stdin.readline()
        began = time.monotonic()
        self.result.clear()
        waiting = set(self.clients)
        for number in list(waiting):
            self.send(number, REQUEST)
        while waiting & set(self.clients) and time.monotonic() < began + seconds:
            self.serve(waiting, REQUEST)
        self.report(began)

    def serve(self, waiting, request):
        for number, _ in self.poll.poll(1):
            if number not in self.texts:
                self.send(number, request)
            elif self.read(number):
                self.result["answered"] += 1
                self.poll.modify(number, 0)
                waiting.discard(number)
            if number not in self.clients:
                waiting.discard(number)

    def short(self, width):
        began = time.monotonic()
        while self.begun < self.count or self.clients:
            while self.begun < self.count and len(self.clients) < width:
                self.open()
            for number, _ in self.poll.poll(1):
                if number not in self.texts:
                    self.send(number, LAST_REQUEST if number % 2 else REQUEST)
                elif self.read(number):
                    self.result["answered"] += 1
                    self.close(number)
        self.report(began)

    def report(self, began):
        print(json.dumps({"open": len(self.clients), "seconds": time.monotonic() - began, "ended": dict(self.result)}), flush=True)


if __name__ == "__main__":
    how, number, bound = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    crowd = Crowd(number if how == "kept" else bound, sys.argv[4:])
    crowd.count = number
    {"kept": crowd.kept, "short": crowd.short}[how](bound)
