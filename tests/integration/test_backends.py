#!/usr/bin/env python3
# timeout: 180
"""Backends that die, close, stall or talk nonsense, seen from the client and in /metrics: an answer is whole, or
it is an error of the gateway's, or the connection is cut. Python's http.server, nginx, plain sockets."""

import collections
import concurrent.futures
import http.client
import pathlib
import signal
import threading
import time

from agent import SLICES, AgentBed, backend, endpoint_slice, gateway, route
from backend import content, digest
from harness import BACKENDS, main, wait_until, wait_until_steady
from load import Load
from peers import connect, exchange, http_connection, read_until_closed, start_backend
from scripted import OK, ScriptedBackend, read_request, reset

FILES = pathlib.Path("/usr/share/common-licenses")
# Requests choose their backend by its name in Host, so that the path is the backend's own.
PORTS = {"python": 8090, "pair": 8091, "files": 8092, "closed": 8099, "scripted": 9000}
NOBODY = "10.80.1.77"
MIB = 1 << 20


def host(name):
    return {"Host": f"{name}.example"}


class BackendsBed(AgentBed):
    scripts = 0

    def prepare(self):
        for version in BACKENDS:
            start_backend(self, version, PORTS["pair"], f"pair-{version}")
        documents = [*gateway(), *backend("nginx", "v1"), route("nginx", "nginx")]
        for name, versions in {"python": ["v1"], "pair": ["v1", "v2"], "scripted": ["v2"], "files": ["v1"], "closed": ["v2"]}.items():
            documents += [*backend(name, *versions, tcp_port=PORTS[name]), route(name, name, hostname=f"{name}.example")]
        documents += [*backend("nobody", NOBODY), route("nobody", "nobody", hostname="nobody.example"),
                      route("request", "scripted", hostname="request.example", request="300ms"),
                      route("try", "scripted", hostname="try.example", backendRequest="300ms")]
        self.apply(*documents)

    def scripted(self, script):
        """Each on a TCP port of its own, so that no connection is left of the one before."""
        self.scripts += 1
        tcp_port = PORTS["scripted"] + self.scripts
        self.apply(endpoint_slice("scripted", "v2", tcp_port=tcp_port))
        return ScriptedBackend(self, "v2", tcp_port, script)


def get(bed, name, path="/", method="GET", body=None):
    """(status, content) of one request on a connection of its own; the content is None if the transfer was cut."""
    connection = http_connection(bed)
    connection.request(method, path, headers=host(name), body=body)
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return answer.status, None
    finally:
        connection.close()


# ---- Killed ----------------------------------------------------------------------------------------------------


def test_a_backend_killed_before_its_answer_is_503_and_the_connection_goes_on(bed):
    start_backend(bed, "v1", PORTS["python"], "python")
    connection = http_connection(bed)
    connection.request("GET", "/stall/asked", headers=host("python"))
    wait_until((bed.directory / "asked").exists, "the backend has the request")
    with bed.counted(flag_UC=1, responses_5xx=1):
        bed.kill("python")
        answer = connection.getresponse()
        text = answer.read()
    assert answer.status == 503 and b"closed" in text, f"{answer.status} {text}"
    assert exchange(connection, "GET", "/", headers=host("nginx"))[0] == 200


def test_a_backend_killed_within_its_content_never_leaves_an_answer_that_looks_whole(bed):
    for path, end in (("/hold/100000", None), ("/hold-chunked/100000", b"0\r\n\r\n")):
        start_backend(bed, "v1", PORTS["python"], "python")
        with connect(bed) as client, bed.counted(flag_UC=1):
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: python.example\r\n\r\n".encode())
            came = b""
            while len(came.partition(b"\r\n\r\n")[2]) < 100000:
                came += client.recv(65536)
            bed.kill("python")
            rest, was_reset = read_until_closed(client)
        assert came.startswith(b"HTTP/1.1 200 ") and was_reset, f"{path}: ended in order"
        head, _, body = (came + rest).partition(b"\r\n\r\n")
        if end:
            assert b"chunked" in head and not body.endswith(end), body[-20:]
        else:
            assert len(body) == 100000 and b"Content-Length: 100001" in head, f"{len(body)} {head}"


def test_a_backend_killed_during_an_upload_is_503_or_a_cut_connection(bed):
    start_backend(bed, "v1", PORTS["python"], "python")
    size = 8 * MIB
    with connect(bed) as client, concurrent.futures.ThreadPoolExecutor() as pool:
        client.sendall(f"PUT /wait/never HTTP/1.1\r\nHost: python.example\r\nContent-Length: {size}\r\n\r\n".encode())

        def send():
            try:
                for block in content(size):
                    client.sendall(block)
            except OSError:
                pass  # cut while sending

        sending = pool.submit(send)
        taken = wait_until_steady(lambda: bed.metrics()["byway_tcp_payload_bytes_in_total"], "the upload comes to a stop")
        assert taken > 100_000, "nothing has gone up, so nothing was shown"
        with bed.counted(flag_UR=1, responses_2xx=0):  # what it has not read makes the kernel send a reset
            bed.kill("python")
            answer, was_reset = read_until_closed(client)
        assert answer.startswith(b"HTTP/1.1 503 ") or (not answer and was_reset), answer[:200]
        sending.result()


def test_one_of_two_endpoints_dies_and_the_other_takes_over(bed):
    processes = {version: bed.processes.running[f"pair-{version}"].pid for version in BACKENDS}
    seen = collections.Counter()

    def ask(connection):
        status, fields, body = exchange(connection, "GET", "/bytes/20000", headers=host("pair"))
        assert (status == 200) == ("X-Process" in fields), f"{status} {fields}"
        if status != 200:
            assert status == 503, status
            return seen.update(["503"])
        assert digest([body]) == digest(content(20000)), len(body)
        return seen.update([fields["X-Process"]])

    connection = http_connection(bed)
    for _ in range(20):
        ask(connection)
    assert set(seen) == {str(pid) for pid in processes.values()}, seen
    bed.kill("pair-v2")
    seen.clear()
    for _ in range(20):
        ask(connection)
    assert seen["503"] == 10 and seen[str(processes["v1"])] == 10, f"round robin over a dead and a living one: {seen}"
    receipt = bed.api("PUT", f"{SLICES}/pair?wait=applied", endpoint_slice("pair", "v1", tcp_port=PORTS["pair"]))
    assert receipt[0] == 200, receipt
    seen.clear()
    for _ in range(40):
        ask(connection)
    assert seen == {str(processes["v1"]): 40}, seen


# ---- Real servers ----------------------------------------------------------------------------------------------


def test_python_s_http_server_serves_files_by_http_1_0_and_1_1(bed):
    names = ["GPL-3", "Apache-2.0", "BSD"]
    for version, connects in (("HTTP/1.0", 12), ("HTTP/1.1", 1)):
        bed.processes.start("files", bed.network.inside("v1", [
            "python3", "-u", "-m", "http.server", "--protocol", version, "--bind", BACKENDS["v1"], "--directory", str(FILES), str(PORTS["files"])]))
        bed.processes.wait_until(lambda: "Serving HTTP" in bed.processes.log_tail("files"), "http.server listens", 20)
        with bed.counted(upstream_connects=connects, requests=12):
            connection = http_connection(bed)
            for _ in range(3):
                for name in names:
                    status, fields, body = exchange(connection, "GET", f"/{name}", headers=host("files"))
                    assert status == 200 and fields["Server"].startswith("SimpleHTTP"), f"{status} {fields}"
                    assert body == (FILES / name).read_bytes(), f"{version} {name}"
                status, fields, body = exchange(connection, "HEAD", "/GPL-3", headers=host("files"))
                assert status == 200 and int(fields["Content-Length"]) == (FILES / "GPL-3").stat().st_size and not body
        assert get(bed, "files", "/none-such")[0] == 404
        assert get(bed, "files", "/GPL-3", "POST", b"x" * 1000)[0] == 501, "its own answer to what it does not do"
        bed.processes.stop("files")
        (bed.directory / "logs/files.log").unlink()


def test_nginx_reloads_under_load_and_no_request_fails(bed):
    with Load(bed) as load:
        for number in range(6):
            bed.processes.running["nginx-v1"].send_signal(signal.SIGHUP)
            load.enter(f"reload {number}")
            load.settle(f"reload {number}", requests=150)
    load.assert_none_failed()


# ---- Kept connections ------------------------------------------------------------------------------------------


def closes_on_the_second_request(connection):
    if read_request(connection):
        connection.sendall(OK)
        read_request(connection)


def resets_on_the_second_request(connection):
    closes_on_the_second_request(connection)
    reset(connection)


def test_a_kept_connection_that_ends_on_reuse_costs_get_nothing(bed):
    for script in (closes_on_the_second_request, resets_on_the_second_request):
        with bed.scripted(script) as server:
            connection = http_connection(bed)
            with bed.counted(retries=9, retries_unsafe=0, requests=10, flag_none=10):
                for _ in range(10):
                    assert exchange(connection, "GET", "/", headers=host("scripted"))[::2] == (200, b"ok\n")
            assert server.connections == 10


def test_a_kept_connection_that_ends_on_reuse_is_an_error_for_post_and_never_a_second_post(bed):
    for script, flag in ((closes_on_the_second_request, "flag_UC"), (resets_on_the_second_request, "flag_UR")):
        posts = []

        def counting(connection, script=script, posts=posts):
            class Counting:
                def __getattr__(self, name):
                    return getattr(connection, name)

                def recv(self, size):
                    data = connection.recv(size)
                    posts.append(data.count(b"POST "))
                    return data

            script(Counting())

        with bed.scripted(counting):
            connection = http_connection(bed)
            assert exchange(connection, "GET", "/", headers=host("scripted"))[0] == 200
            with bed.counted(retries=0, retries_unsafe=1, **{flag: 1}):
                assert exchange(connection, "POST", "/", headers=host("scripted"), body=b"once")[0] == 503
            assert sum(posts) == 1, posts
            assert get(bed, "scripted") == (200, b"ok\n")


def test_a_connection_that_the_backend_closed_while_idle_is_not_used(bed):
    answered = threading.Semaphore(0)

    def closes_when_idle(connection):
        if read_request(connection):
            connection.sendall(OK)
            answered.acquire()  # once the client has its answer, the gateway has put the connection aside

    # Kept connections of the tests before, which their servers may close now.
    wait_until(lambda: bed.metrics()["byway_http_upstream_idle"] == 0, "no connection is kept")
    with bed.scripted(closes_when_idle):
        connection = http_connection(bed)
        for number in range(5):
            with bed.counted(upstream_idle_closed=1, retries=0, flag_none=1):
                assert exchange(connection, "GET", "/", headers=host("scripted"))[0] == 200, number
                answered.release()


def test_bytes_that_nobody_asked_for_end_a_kept_connection_and_reach_no_client(bed):
    def talks_on(connection):
        while read_request(connection):
            connection.sendall(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")

    with bed.scripted(talks_on) as server:
        connection = http_connection(bed)
        for _ in range(5):
            assert exchange(connection, "GET", "/", headers=host("scripted"))[::2] == (200, b"ok\n")
        assert server.connections == 5


# ---- Nonsense --------------------------------------------------------------------------------------------------

NONSENSE = {
    "no HTTP": b"\x00\x01\x02 this is no HTTP\r\n\r\n",
    "HTTP/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\r\n\r\n",
    "a space before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "status 99": b"HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n",
    "HTTP/3.0": b"HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "a huge head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n",
    "interim heads without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
}


def test_an_answer_that_is_none_is_502(bed):
    for name, text in NONSENSE.items():

        def says(connection, text=text):
            read_request(connection)
            connection.sendall(text)
            connection.recv(1)

        with bed.scripted(says), bed.counted(flag_UPE=1):
            assert get(bed, "scripted")[0] == 502, name


def test_chunks_that_are_none_cut_the_transfer(bed):
    for text in (b"5\r\nhelloXX", b"zz\r\n", b"ffffffffffffffffff\r\n", b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n"):

        def says(connection, text=text):
            read_request(connection)
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n")
            time.sleep(0.1)  # so that the head is on its way before the rest comes
            connection.sendall(text)
            connection.recv(1)

        with bed.scripted(says), bed.counted(flag_UPE=1):
            assert get(bed, "scripted") in [(200, None), (502, None)], text


def test_an_answer_until_the_end_of_a_connection_that_is_reset_is_cut(bed):
    def is_reset(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nsome of it")
        time.sleep(0.1)
        reset(connection)

    with bed.scripted(is_reset), bed.counted(flag_UR=1), connect(bed) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: scripted.example\r\n\r\n")
        answer, was_reset = read_until_closed(client)
        assert was_reset and not answer.endswith(b"0\r\n\r\n"), answer


def test_a_backend_that_closes_without_an_answer_is_503(bed):
    for script, flag in ((read_request, "flag_UC"), (lambda connection: (read_request(connection), reset(connection)), "flag_UR")):
        with bed.scripted(script), bed.counted(retries=0, **{flag: 1}):
            assert get(bed, "scripted")[0] == 503


# ---- Silence ---------------------------------------------------------------------------------------------------


def test_a_backend_that_never_answers_is_504_at_the_route_s_timeout(bed):
    ended = threading.Semaphore(0)

    def says_nothing(connection):
        read_request(connection)
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            pass
        ended.release()

    for name in ("request", "try"):
        with bed.scripted(says_nothing), bed.counted(flag_UT=1):
            began = time.monotonic()
            status, text = get(bed, name)
            assert status == 504 and time.monotonic() - began >= 0.3, f"{status} {text}"
            assert ended.acquire(timeout=10), "the connection to the backend is kept"


def test_a_backend_that_stops_within_its_answer_is_cut_at_the_route_s_timeout(bed):
    def stops(connection):
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome")
        connection.recv(1)

    for name in ("request", "try"):
        with bed.scripted(stops), bed.counted(flag_UT=1):
            assert get(bed, name) == (200, None), name


def test_an_answer_that_comes_byte_by_byte_is_whole(bed):
    def dribbles(connection):
        read_request(connection)
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-After: yes\r\n\r\n":
            connection.sendall(bytes([byte]))
            time.sleep(0.001)

    with bed.scripted(dribbles), bed.counted(flag_none=1):
        assert get(bed, "scripted") == (200, b"hello!")


def test_a_refused_and_an_unreachable_connection_are_503(bed):
    with bed.counted(flag_UF=20, upstream_connect_failed=20):
        assert all(get(bed, "closed")[0] == 503 for _ in range(20))
    with bed.counted(flag_UF=1):
        assert get(bed, "nobody")[0] == 503


def test_everything_is_given_back(bed):
    wait_until(lambda: bed.metrics()["byway_http_exchanges_active"] == 0, "no exchange is left")
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


main(globals(), make_bed=BackendsBed)
