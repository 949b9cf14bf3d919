"""HTTP with JSON over a Unix socket: how the scripts talk to the agent."""

import http.client
import json
import socket

from console import ScriptError


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def request(socket_path, method, path, body=None, content_type="application/json", timeout=10.0):
    """(status, document) of one request. A body is text; what cannot be reached is an OSError."""
    connection = UnixConnection(socket_path, timeout)
    try:
        headers = {"Content-Type": content_type} if body is not None else {}
        connection.request(method, path, body=body.encode() if body is not None else None, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
    except http.client.HTTPException as error:
        raise ScriptError(f"{method} {path}: {error!r}") from error
    finally:
        connection.close()
    try:
        return answer.status, json.loads(text) if text else None
    except ValueError:
        return answer.status, text
