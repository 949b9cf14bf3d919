#!/usr/bin/env python3
"""A backend on Python's http.server, for what nginx does not do when asked: `backend.py ADDRESS TCP_PORT [DIRECTORY]`.

    GET  /bytes/N          N bytes of content() with Content-Length
    GET  /chunked/N        the same in chunks of odd sizes, with a trailer field
    GET  /until-close/N    the same, ended by the end of the connection
    GET  /hold/N           promises N bytes and one more, sends N, then nothing until the process dies
    GET  /hold-chunked/N   one chunk of N bytes, then nothing until the process dies
    GET  /stall/NAME       makes the file DIRECTORY/NAME, then nothing until the process dies
    GET  /broken/WHAT      an answer that is none: `garbage`, `header`, `both-lengths`, `silence`
    PUT  /digest           reads all content, answers its digest()
    PUT  /wait/NAME        does not read before DIRECTORY/NAME exists, then as /digest

Its process id is in the field X-Process of every answer.
"""

import hashlib
import http.server
import os
import pathlib
import socket
import socketserver
import sys
import time

BLOCK_BYTES = 1 << 20
BLOCK = hashlib.shake_128(b"byway").digest(BLOCK_BYTES)
BROKEN = {
    "garbage": b"\x00\x01\x02 this is no HTTP\r\n\r\n",
    "header": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    "both-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "silence": b"",
}


def content(size):
    """`size` bytes in blocks, each with its number in front: nothing can be lost or swapped unseen."""
    for number in range(0, size, BLOCK_BYTES):
        yield (number.to_bytes(8, "big") + BLOCK[8:])[:size - number]


def digest(blocks):
    state = hashlib.blake2b(digest_size=16)
    for block in blocks:
        state.update(block)
    return state.hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    directory = pathlib.Path("/nonexistent")

    def begin(self, status, *fields):
        self.send_response(status)
        self.send_header("X-Process", str(os.getpid()))
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()

    def do_GET(self):
        _, what, argument = self.path.split("/")
        getattr(self, "get_" + what.replace("-", "_"))(argument)

    def get_bytes(self, size):
        self.begin(200, ("Content-Length", size))
        for block in content(int(size)):
            self.wfile.write(block)

    def get_chunked(self, size):
        self.begin(200, ("Transfer-Encoding", "chunked"), ("Trailer", "X-After"))
        for number, block in enumerate(content(int(size))):
            cut = 1 + number * 7919 % (len(block) - 1) if len(block) > 1 else 1
            for piece in (block[:cut], block[cut:]):
                if piece:
                    self.wfile.write(b"%x;odd=\"1\"\r\n%b\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\nX-After: yes\r\n\r\n")

    def get_until_close(self, size):
        self.close_connection = True
        self.begin(200)
        for block in content(int(size)):
            self.wfile.write(block)

    def get_hold(self, size):
        self.begin(200, ("Content-Length", str(int(size) + 1)))
        for block in content(int(size)):
            self.wfile.write(block)
        while True:
            time.sleep(60)

    def get_hold_chunked(self, size):
        self.begin(200, ("Transfer-Encoding", "chunked"))
        self.wfile.write(b"%x\r\n%b\r\n" % (int(size), b"".join(content(int(size)))))
        while True:
            time.sleep(60)

    def get_stall(self, name):
        (self.directory / name).touch()
        while True:
            time.sleep(60)

    def get_broken(self, what):
        self.close_connection = True
        self.wfile.write(BROKEN[what])

    def read_content(self):
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, BLOCK_BYTES))
            if not piece:
                return
            left -= len(piece)
            yield piece

    def do_PUT(self):
        _, what, *argument = self.path.split("/")
        if what == "wait":
            while not (self.directory / argument[0]).exists():
                time.sleep(0.02)
        answer = digest(self.read_content()).encode()
        self.begin(200, ("Content-Length", str(len(answer))))
        self.wfile.write(answer)

    def log_message(self, *words):  # pylint: disable=arguments-differ
        """Not a line for each request."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    address_family = socket.AF_INET


def main():
    if len(sys.argv) > 3:
        Handler.directory = pathlib.Path(sys.argv[3])
    if ":" in sys.argv[1]:
        Server.address_family = socket.AF_INET6
    server = Server((sys.argv[1], int(sys.argv[2])), Handler)
    print("listening", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
