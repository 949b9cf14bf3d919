"""A backend whose every byte a test decides: a listener inside the namespace of a version, a function for each
connection.

    with ScriptedBackend(bed, "v2", 8099, answers_once):
        ...

    def answers_once(connection):
        read_request(connection)
        connection.sendall(OK)
"""

import socket
import struct
import threading

from harness import BACKENDS
from peers import ANSWER_SECONDS, namespace_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


class ScriptedBackend:
    def __init__(self, bed, version, tcp_port, script):
        self.script = script
        self.connections = 0
        self.errors = []  # of scripts, which no test expects
        with namespace_of(bed, version):
            self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((BACKENDS[version], tcp_port))
        self.listener.listen(128)
        self.thread = threading.Thread(target=self.accept, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        # accept() is woken by this, not by close().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        assert not self.errors, self.errors

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.settimeout(ANSWER_SECONDS)
        with connection:
            try:
                self.script(connection)
            except OSError:
                pass  # the gateway has ended the connection, which is what some scripts are about
            except Exception as error:  # pylint: disable=broad-exception-caught
                self.errors.append(repr(error))


def read_request(connection):
    """A head and what of the content came with it; nothing at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    return data


def reset(connection):
    """Ends with a reset instead of an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
