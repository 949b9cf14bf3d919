#!/usr/bin/env python3
# timeout: 180
"""HTTP/1.1 through the gateway, between curl (or a plain socket) and nginx: methods, content, persistence."""

import hashlib
import pathlib

from harness import GATEWAY, Bed, main, wait_until
from peers import connect, exchange, http_connection, metric, read_until_closed, workers

# A file of every Debian that is longer than a few segments.
FILES = pathlib.Path("/usr/share/common-licenses")
NAME = "GPL-3"
POLICY = """\
listener default/demo/http 80
backend default/nginx:80 10.80.1.2:8080
backend default/empty:80
backend default/closed:80 10.80.2.2:8099
route default/nginx prefix=/ to default/nginx:80
route default/empty prefix=/empty to default/empty:80
route default/closed prefix=/closed to default/closed:80
route default/host host=only.example prefix=/host to default/nginx:80
"""
LOCATIONS = f"""\
    location / {{ root {FILES}; }}
    location /echo {{
      add_header X-Seen "$request_method $request_uri host=$http_host for=$http_x_forwarded_for length=$content_length";
      return 200 "echo\\n";
    }}
    location /put {{ alias STORED/; dav_methods PUT DELETE; }}
    location /no-content {{ return 204; }}
    location /moved {{ return 301 http://elsewhere.example/; }}
"""


class NginxBed(Bed):
    """The bed with a folder for what PUT stores, and the policy of these tests."""

    def __init__(self):
        super().__init__(with_dataplane=False)
        try:
            self.prepare()
        except BaseException:
            self.remove()
            raise

    def prepare(self):
        stored = self.directory / "stored"
        stored.mkdir()
        stored.chmod(0o777)  # nginx's worker is nobody
        for version in ("v1", "v2"):
            self.processes.stop(f"nginx-{version}")
        self.start_servers(LOCATIONS.replace("STORED", str(stored)))
        self.start_dataplane()
        self.publish(POLICY)


def head_and_content(text):
    """(status line, fields in lower case, content) of what `curl -i` printed."""
    head, _, content = text.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return line, {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}, content


def test_get_delivers_a_file_byte_by_byte_with_its_fields(bed):
    result = bed.curl(f"/{NAME}", "-i", text=False)
    line, fields, content = head_and_content(result.stdout)
    assert line == "HTTP/1.1 200 OK", line
    assert content == (FILES / NAME).read_bytes()
    assert fields["content-length"] == str(len(content)) and fields["x-version"] == "v1" and "etag" in fields, fields


def test_head_has_the_fields_of_get_and_no_content_and_the_connection_goes_on(bed):
    connection = http_connection(bed)
    for _ in range(3):
        status, head, content = exchange(connection, "HEAD", f"/{NAME}")
        assert (status, content) == (200, b"")
        status, get, content = exchange(connection, "GET", f"/{NAME}")
        assert status == 200 and len(content) == int(get["Content-Length"]) == int(head["Content-Length"])


def test_ranges_and_conditions_are_the_server_s_to_answer(bed):
    connection = http_connection(bed)
    whole = (FILES / NAME).read_bytes()
    status, fields, content = exchange(connection, "GET", f"/{NAME}", headers={"Range": "bytes=100-199"})
    assert (status, content) == (206, whole[100:200])
    status, _, content = exchange(connection, "GET", f"/{NAME}", headers={"If-None-Match": fields["ETag"]})
    assert (status, content) == (304, b"")
    status, _, content = exchange(connection, "GET", "/no-content")
    assert (status, content) == (204, b"")
    status, fields, _ = exchange(connection, "GET", "/moved")
    assert (status, fields["Location"]) == (301, "http://elsewhere.example/")
    assert exchange(connection, "GET", f"/{NAME}")[2] == whole


def test_the_server_sees_method_target_and_host_as_they_were_sent_and_the_client_s_address(bed):
    result = bed.curl("/echo/a%20b?c=d&e", "-i", "-X", "OPTIONS", "-H", "Host: some.example", text=False)
    seen = head_and_content(result.stdout)[1]["x-seen"]
    assert seen == "OPTIONS /echo/a%20b?c=d&e host=some.example for=10.80.0.2 length=", seen


def test_put_content_arrives_whole_with_length_or_chunked(bed):
    content = hashlib.shake_128(b"put").digest(300_000)
    path = bed.directory / "content"
    path.write_bytes(content)
    for name, options in (("length", []), ("chunked", ["-H", "Transfer-Encoding: chunked"])):
        result = bed.curl(f"/put/{name}", "-T", path, *options, "-o", "/dev/null", "-w", "%{http_code}")
        assert result.stdout == "201", f"{name}: {result.stdout} {result.stderr}"
        assert (bed.directory / "stored" / name).read_bytes() == content, name
        assert bed.curl(f"/put/{name}", text=False).stdout == content, name
        assert bed.curl(f"/put/{name}", "-X", "DELETE", "-w", "%{http_code}").stdout == "204"


def test_empty_content_has_a_length_of_zero(bed):
    result = bed.curl("/echo", "-i", "-d", "", text=False)
    assert "length=0" in head_and_content(result.stdout)[1]["x-seen"], result.stdout


def test_the_client_gets_100_continue_before_it_sends_its_content(bed):
    with connect(bed) as client:
        client.sendall(b"PUT /put/expect HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        interim = client.recv(65536)
        assert interim.startswith(b"HTTP/1.1 100 "), interim
        client.sendall(b"hello")
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 201 "), answer
    assert (bed.directory / "stored/expect").read_bytes() == b"hello"
    path = bed.directory / "content"
    path.write_bytes(b"c" * 200_000)
    result = bed.curl("/put/curl-expects", "-v", "-T", path, "-H", "Expect: 100-continue", "-o", "/dev/null", "--expect100-timeout", "50")
    assert "< HTTP/1.1 100 Continue" in result.stderr and "< HTTP/1.1 201" in result.stderr, result.stderr


def test_a_refused_expectation_is_answered_without_the_content(bed):
    with connect(bed) as client:
        client.sendall(b"PUT /none-such/at/all HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\nExpect: 100-continue\r\n\r\n")
        answer = client.recv(65536)
        assert answer.startswith(b"HTTP/1.1 4"), answer


def test_curl_keeps_one_connection_for_many_requests(bed):
    before = metric(bed, POLICY, "byway_http_downstream_accepted_total")
    requests = workers(bed)[0]["requests"]
    urls = [f"http://{GATEWAY}/{NAME}"] * 19
    result = bed.curl(f"/{NAME}", *urls, "-w", "%{http_code} %{num_connects}\\n", *["-o", "/dev/null"] * 20)
    lines = result.stdout.split("\n")[:-1]
    assert lines == ["200 1"] + ["200 0"] * 19, result.stdout + result.stderr
    assert metric(bed, POLICY, "byway_http_downstream_accepted_total") == before + 1
    assert workers(bed)[0]["requests"] == requests + 20


def test_pipelined_requests_are_answered_in_their_order(bed):
    with connect(bed) as client:
        paths = [f"/echo/{number}" for number in range(50)]
        client.sendall("".join(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" for path in paths).encode()
                       + b"GET /echo/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answers, was_reset = read_until_closed(client)
    assert not was_reset
    seen = [line.split()[2] for line in answers.decode().split("\r\n") if line.startswith("X-Seen:")]
    assert seen == [*paths, "/echo/last"], seen


def test_connection_close_and_http_1_0_end_the_connection_after_the_answer(bed):
    for request in (b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"GET /echo HTTP/1.0\r\nHost: a\r\n\r\n"):
        with connect(bed) as client:
            client.sendall(request)
            answer, was_reset = read_until_closed(client)
            assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"echo\n") and not was_reset, answer


def test_what_no_route_matches_is_404_and_the_connection_goes_on(bed):
    bed.publish(POLICY.replace("prefix=/ to", "prefix=/echo to"))
    try:
        connection = http_connection(bed)
        status, fields, _ = exchange(connection, "GET", "/none-such")
        assert status == 404 and "X-Version" not in fields
        assert exchange(connection, "GET", "/echo")[0] == 200
        assert exchange(connection, "GET", "/host")[0] == 404
        assert exchange(connection, "GET", "/echo/other")[0] == 200
    finally:
        bed.publish(POLICY)
    status, fields, _ = exchange(connection, "GET", "/none-such")
    assert status == 404 and fields["X-Version"] == "v1", "now it is nginx that does not know the file"


def test_a_backend_without_endpoints_or_with_a_closed_port_is_503_and_the_connection_goes_on(bed):
    connection = http_connection(bed)
    for _ in range(3):
        for path in ("/empty", "/closed"):
            status, fields, _ = exchange(connection, "GET", path)
            assert status == 503 and "X-Version" not in fields, f"{path}: {status}"
        assert exchange(connection, "GET", "/echo")[0] == 200


def test_everything_is_given_back(bed):
    wait_until(lambda: metric(bed, POLICY, "byway_http_exchanges_active") == 0, "no exchange is left")
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


main(globals(), make_bed=NginxBed)
