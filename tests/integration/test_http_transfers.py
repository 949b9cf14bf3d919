#!/usr/bin/env python3
# timeout: 240
"""Much content through the gateway: digests of what arrives, and the packet buffers that it costs when one
side is slow. nginx and Python's http.server as backends."""

from backend import content, digest
from harness import GATEWAY, Bed, main, wait_until, wait_until_steady
from peers import connect, exchange, http_connection, metric, read_until_closed, start_backend, workers

GIB = 1 << 30
MIB = 1 << 20
POLICY = """\
listener default/demo/http 80
backend default/nginx:80 10.80.1.2:8080
backend default/python:80 10.80.2.2:8090
route default/nginx prefix=/files to default/nginx:80
route default/python prefix=/ to default/python:80
"""
# Content that one exchange may hold: the receive buffer towards the backend and the send buffer towards the
# client (docs/node.md), in segments of 1448 bytes; half as much again for segments that are not full.
BUFFERS_PER_EXCHANGE = 2 * 256 * 1024 // 1448 * 3 // 2
# Buffers that a quiet data plane has out: rings of the ports, a burst that is under way.
BUFFERS_AT_REST = 512


class FilesBed(Bed):
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
            for block in content(GIB):
                file.write(block)
        self.processes.stop("nginx-v1")
        self.processes.stop("nginx-v2")
        self.start_servers(f"    location /files/ {{ alias {files}/; }}")
        start_backend(self, "v2", 8090)
        self.start_dataplane()
        self.publish(POLICY)


def buffers_used(bed):
    return sum(worker["mbufs"] - worker["mbufsFree"] for worker in workers(bed))


def piped(bed, curl_arguments):
    """What curl writes to its output goes into b2sum inside the client's namespace: the digest."""
    result = bed.client(["sh", "-c", f"curl -sS --fail --max-time 150 {curl_arguments} | b2sum -l 128"], 160)
    return result.stdout.split()[0], result.stderr


def test_a_download_of_1_gib_from_nginx_has_the_digest_of_the_file(bed):
    got, errors = piped(bed, f"http://{GATEWAY}/files/large")
    assert not errors and got == digest(content(GIB)), errors


def test_an_upload_of_256_mib_arrives_whole_with_length_and_chunked(bed):
    path = bed.directory / "upload"
    with path.open("wb") as file:
        for block in content(256 * MIB):
            file.write(block)
    expected = digest(content(256 * MIB))
    for options in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"]):
        result = bed.curl("/digest", "-T", path, *options, seconds=120)
        assert result.stdout == expected, f"{options}: {result.stdout} {result.stderr}"


def test_chunked_answers_and_those_without_length_arrive_whole(bed):
    for size in (0, 1, 1447, 1448, 65537, 5 * MIB + 3):
        expected = digest(content(size))
        for kind in ("bytes", "chunked", "until-close"):
            status, fields, body = exchange(http_connection(bed), "GET", f"/{kind}/{size}")
            assert status == 200 and digest([body]) == expected, f"{kind} {size}: {status} {len(body)} bytes"
            assert kind != "bytes" or fields["Content-Length"] == str(size)
    answer = bed.curl("/chunked/10", "-i", "--raw", text=False).stdout
    assert answer.endswith(b"\r\n0\r\n\r\n"), answer


def test_an_http_1_0_client_gets_a_chunked_answer_without_chunks(bed):
    with connect(bed) as client:
        client.sendall(b"GET /chunked/100000 HTTP/1.0\r\n\r\n")
        answer, was_reset = read_until_closed(client)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert not was_reset and b"chunked" not in head.lower(), head
    assert digest([body]) == digest(content(100_000))


def test_slow_readers_cost_bounded_buffers_and_nobody_else_waits_for_them(bed):
    at_rest = buffers_used(bed)
    slow = []
    for _ in range(8):
        client = connect(bed, receive_buffer=65536)
        client.sendall(b"GET /files/large HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 200")
        slow.append(client)
    used = wait_until_steady(lambda: buffers_used(bed), "slow readers bring their transfers to a stop")
    assert used > at_rest + 8 * 100, f"{used}: nothing was held for them, so nothing was shown"
    assert used < BUFFERS_AT_REST + 8 * BUFFERS_PER_EXCHANGE, f"{used} packet buffers for 8 slow readers"
    for _ in range(20):
        assert exchange(http_connection(bed), "GET", "/bytes/100000")[0] == 200
    for client in slow:
        assert len(client.recv(4 * MIB, 0)) > 0
        client.close()
    wait_until(lambda: buffers_used(bed) < BUFFERS_AT_REST, "the buffers of slow readers come back")


def test_a_reader_that_stops_and_goes_on_gets_all_of_it(bed):
    with connect(bed, receive_buffer=65536) as client:
        client.sendall(f"GET /bytes/{32 * MIB} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        pieces = []
        for _ in range(4):
            wait_until_steady(lambda: buffers_used(bed), "the transfer stops")
            left = 4 * MIB
            while left > 0:
                pieces.append(client.recv(left))
                left -= len(pieces[-1])
        rest, was_reset = read_until_closed(client)
    body = b"".join([*pieces, rest]).partition(b"\r\n\r\n")[2]
    assert not was_reset and digest([body]) == digest(content(32 * MIB)), f"{len(body)} bytes"


def test_a_backend_that_does_not_read_stops_the_upload_with_bounded_buffers(bed):
    size = 32 * MIB
    command = ["curl", "-sS", "--max-time", "150", "-T", str(bed.directory / "upload"), f"http://{GATEWAY}/wait/go"]
    with (bed.directory / "upload").open("wb") as file:
        for block in content(size):
            file.write(block)
    uploads = [bed.processes.start(f"upload-{number}", bed.network.inside("client", command)) for number in range(4)]
    wait_until(lambda: metric(bed, POLICY, "byway_http_exchanges_active") == 4, "four uploads are under way")
    used = wait_until_steady(lambda: buffers_used(bed), "the uploads come to a stop")
    assert used < BUFFERS_AT_REST + 4 * BUFFERS_PER_EXCHANGE, f"{used} packet buffers for 4 uploads"
    assert all(upload.poll() is None for upload in uploads)
    assert exchange(http_connection(bed), "GET", "/files/none-such")[0] == 404
    (bed.directory / "go").touch()
    for number, upload in enumerate(uploads):
        assert upload.wait(timeout=150) == 0
        bed.processes.running.pop(f"upload-{number}")
        assert bed.processes.log_tail(f"upload-{number}") == digest(content(size))


def test_everything_is_given_back(bed):
    wait_until(lambda: metric(bed, POLICY, "byway_http_exchanges_active") == 0, "no exchange is left")
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


main(globals(), make_bed=FilesBed)
