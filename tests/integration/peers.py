"""What the tests against real parties share beside the bed: sockets inside its namespaces, HTTP over them
where curl cannot do what a test needs, and what the data plane says of itself."""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import socket
import subprocess

from harness import BACKENDS, GATEWAY, PATIENCE_SECONDS, program

CLONE_NEWNET = 0x40000000
LISTENER_PORT = 80
# For an answer on a machine that is busy with other things; nothing judges by it.
ANSWER_SECONDS = 60

libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def namespace_of(bed, part):
    """The calling thread is in the namespace of `part` meanwhile; sockets made there stay there."""
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{bed.network.namespace(part)}", "rb") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            if libc.setns(home.fileno(), CLONE_NEWNET) != 0:
                os._exit(3)  # nothing that follows would be where it believes to be


def connect(bed, tcp_port=LISTENER_PORT, receive_buffer=None):
    """A connection of the client to the gateway; `receive_buffer` in bytes instead of the kernel's choice."""
    with namespace_of(bed, "client"):
        client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    client.settimeout(ANSWER_SECONDS)
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect((GATEWAY, tcp_port))
    return client


def http_connection(bed, **options):
    """http.client over connect(): many requests on one connection, which is never made anew."""
    connection = http.client.HTTPConnection(GATEWAY, timeout=ANSWER_SECONDS)
    connection.auto_open = 0
    connection.sock = connect(bed, **options)
    return connection


def exchange(connection, method, path, **options):
    """(status, fields, content) of one request on a connection of http.client."""
    connection.request(method, path, **options)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def read_until_closed(client):
    """(bytes that came, True if the peer ended the connection with a reset)."""
    pieces = []
    while True:
        try:
            piece = client.recv(65536)
        except ConnectionResetError:
            return b"".join(pieces), True
        if not piece:
            return b"".join(pieces), False
        pieces.append(piece)


def metric(bed, description, name):
    """A counter or gauge, summed over all workers. publish_set reads it, after publishing `description`."""
    return int(bed.publish(description, metric=name).split()[-1])


def ask(bed, command, *arguments):
    """The data plane's answer to a command over its socket, as a document."""
    words = [program("tests/support/ask_data_plane"), str(bed.control_socket), command, *arguments]
    result = subprocess.run(words, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False)
    assert result.returncode == 0, f"{command}: exit {result.returncode}: {result.stdout}{result.stderr}"
    return json.loads(result.stdout)


def workers(bed):
    return ask(bed, "workers")["workers"]


def start_backend(bed, version, tcp_port, name=None, address=None):
    """backend.py in the namespace of `version`, on its address or the one given; returns when it listens."""
    name = name or f"backend-{version}"
    log = bed.directory / "logs" / f"{name}.log"
    log.unlink(missing_ok=True)
    command = ["python3", str(pathlib.Path(__file__).with_name("backend.py")), address or BACKENDS[version], str(tcp_port), str(bed.directory)]
    process = bed.processes.start(name, bed.network.inside(version, command))
    bed.processes.wait_until(lambda: "listening" in log.read_text(), f"{name} listens", PATIENCE_SECONDS)
    return process
