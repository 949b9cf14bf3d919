#!/usr/bin/env python3
# timeout: 240
"""Clients and manifests that mean harm, while a good client works: nothing of it fails, no process ends, no buffer
is lost, nothing is changed."""

import collections
import json
import pathlib
import random
import re
import socket
import threading
import time

from agent import ROUTES, AgentBed, backend, gateway, route
from harness import main, wait_until
from load import Load
from malformed import Crafter, SynFlood
from peers import connect, exchange, http_connection, read_until_closed
from scripted import OK, ScriptedBackend, read_request, reset

MIB = 1 << 20
# Buffers that a quiet data plane has out: rings of the ports, a burst that is under way.
BUFFERS_AT_REST = 512


class HostileBed(AgentBed):
    def prepare(self):
        self.apply(*gateway(), *backend("hello-v1", "v1"), route("hello", "hello-v1"),
                   *backend("scripted", "v2", tcp_port=8092), route("scripted", "scripted", hostname="scripted.example"))


def assert_unharmed(bed, load):
    """To be called when what did harm is over."""
    before = load.count()
    wait_until(lambda: load.count() > before + 50, "the good client goes on")
    load.assert_none_failed()
    bed.processes.check()
    wait_until(lambda: bed.buffers_used() < BUFFERS_AT_REST, "the packet buffers come back")


# ---- Frames ----------------------------------------------------------------------------------------------------


def test_every_malformed_frame_is_dropped_for_its_reason(bed):
    crafter = Crafter(bed, seed=1)
    repeats = 40
    with Load(bed) as load:
        for number in range(len(list(crafter.malformed()))):
            frames = []
            for _ in range(repeats):
                name, frame = list(crafter.malformed())[number]
                frames.append(frame)
            counter = f"byway_{name}_total"
            before = bed.metrics()[counter]
            for frame in frames:
                crafter.send(frame)
            try:
                wait_until(lambda counter=counter, before=before: bed.metrics()[counter] >= before + repeats, counter, 5)
            except AssertionError:
                raise AssertionError(f"frame {number}: {counter} grew by {bed.metrics()[counter] - before}") from None
        assert_unharmed(bed, load)


def test_random_frames_do_not_disturb_a_good_client(bed):
    crafter = Crafter(bed, seed=2)
    dropped = bed.metrics()
    with Load(bed) as load:
        for number in range(20_000):
            if number % 2:
                crafter.send(crafter.ethernet(crafter.noise(0, 1500), crafter.chance.choice([0x0800, 0x0800, 0x0806, 0x86DD, 0x8100])))
            else:
                # A good frame with some bytes changed.
                frame = bytearray(crafter.chance.choice(list(crafter.malformed()))[1])
                for _ in range(crafter.chance.randrange(4)):
                    frame[crafter.chance.randrange(14, len(frame)) if len(frame) > 14 else 13] = crafter.chance.randrange(256)
                crafter.send(bytes(frame))
        for _ in range(500):
            for frame in crafter.fragments():
                crafter.send(frame)
        assert_unharmed(bed, load)
    now = bed.metrics()
    moved = {name for name in now if "_drop_" in name and now[name] > dropped[name]}
    assert len(moved) >= 15, moved


def test_bursts_of_syns_cost_no_request_and_let_new_connections_through(bed):
    """Half of them from the client, whose kernel resets what it did not ask for, half from stations that are not
    there. A burst may take the place of a new connection's SYN in the port, so that it is sent again; on a busy machine
    most of its own SYNs find no place either, so there are as many bursts as it takes."""
    crafter = Crafter(bed, seed=3)
    before_all = bed.metrics()["byway_tcp_cookies_sent_total"]
    bursts_least, bursts_most, cookies_wanted = 10, 60, 1000
    with Load(bed) as load:
        for burst in range(bursts_most):
            if burst >= bursts_least and bed.metrics()["byway_tcp_cookies_sent_total"] - before_all > cookies_wanted:
                break
            for _ in range(500):
                crafter.send(crafter.syn("10.80.0.2"))
            for _ in range(500):
                crafter.send(crafter.syn(f"10.80.0.{crafter.chance.randrange(3, 255)}"))
            before = load.count()
            wait_until(lambda before=before: load.count() > before + 8, "kept connections go on")
        began = time.monotonic()
        connect(bed).close()
        took = time.monotonic() - began
        cookies = bed.metrics()["byway_tcp_cookies_sent_total"] - before_all
        print(f"          {cookies:.0f} SYNs were answered by cookies; a new connection took {took:.1f} s")
        assert cookies > cookies_wanted
        assert_unharmed(bed, load)
    with Load(bed, is_kept=False) as load:
        assert_unharmed(bed, load)


def test_clients_are_let_in_by_cookies_while_a_flood_of_syns_goes_on(bed):
    """With the options of their SYNs, which come back by timestamps, and without."""
    clients = 200
    with SynFlood(bed, rate=3000) as flood:
        wait_until(lambda: bed.metrics()["byway_tcp_cookies_sent_total"] > 1000, "the backlog is full")
        try:
            for stamped in (1, 0):
                assert bed.client(["sysctl", "-qw", f"net.ipv4.tcp_timestamps={stamped}"]).returncode == 0
                before = bed.metrics()
                began, sent = time.monotonic(), flood.sent
                for _ in range(clients):
                    connection = http_connection(bed)
                    assert exchange(connection, "GET", "/")[0] == 200
                    connection.close()
                seconds, sent = time.monotonic() - began, flood.sent - sent
                now = bed.metrics()
                grown = {name: now[f"byway_tcp_{name}_total"] - before[f"byway_tcp_{name}_total"]
                         for name in ("cookies_sent", "cookies_accepted", "cookies_bad", "half_open_recycled")}
                print(f"          timestamps {stamped}: {clients} requests in {seconds:.1f} s beside {sent} SYNs; {grown}")
                # A place in the backlog that one of the flood leaves at the end of its time may become a client's.
                assert clients // 2 < grown["cookies_accepted"] <= clients and grown["half_open_recycled"] == 0, grown
        finally:
            bed.client(["sysctl", "-qw", "net.ipv4.tcp_timestamps=1"])
        with Load(bed, is_kept=False) as load:
            assert_unharmed(bed, load)


# ---- Bytes -----------------------------------------------------------------------------------------------------


def test_random_bytes_on_many_connections_get_400_or_an_end(bed):
    """But for what is a request as far as it goes: its backend may answer before the end of the connection says that
    no more will come."""
    unfinished = re.compile(rb"POST .*\r\n\r\n[0-9A-Fa-f]{1,8}", re.DOTALL)
    chance = random.Random(5)
    starts = [b"", b"", b"GET ", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    answers = collections.Counter()
    with Load(bed) as load:
        for _ in range(400):
            with connect(bed) as client:
                text = chance.choice(starts) + chance.randbytes(chance.choice([1, 10, 100, 1000, 20000]))
                try:
                    client.sendall(text)
                    client.shutdown(socket.SHUT_WR)
                except OSError:
                    answers["cut while sending"] += 1
                    continue
                answer, _ = read_until_closed(client)
                refusals = (b"400", b"414", b"431", b"501", b"505")
                allowed = (*refusals, b"200") if unfinished.fullmatch(text) else refusals
                assert not answer or answer[9:12] in allowed, (answer[:200], text[:100])
                answers[answer[9:12].decode() or "closed"] += 1
        assert answers["400"] > 100, answers
        assert_unharmed(bed, load)


def test_slow_heads_cost_nothing_to_others_and_are_ended_with_their_connection(bed):
    with Load(bed) as load:
        slow = [connect(bed) for _ in range(200)]
        for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: aaaaaaaaaaaaaaa":
            for client in slow:
                client.sendall(bytes([byte]))
        wait_until(lambda: bed.metrics()["byway_http_downstream_open"] >= 200, "they are all open")
        used = bed.buffers_used()
        assert used < BUFFERS_AT_REST + 200 * 50, f"{used} packet buffers for 200 heads of 40 bytes"
        for client in slow[:100]:
            client.sendall(b"\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 "), "a slow head is a head"
        for client in slow:
            client.close()
        wait_until(lambda: bed.metrics()["byway_http_downstream_open"] <= len(load.threads), "they are all gone")
        assert_unharmed(bed, load)


SMUGGLING = {
    "length and chunked": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "chunked and length": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "two equal lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
    "a length with a sign": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    "a length in hex": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
    "a length beyond 2^64": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\nabc",
    "a space before the colon": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded field": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "two codings": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "a coding with a vertical tab": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a coding in quotes": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
    "an underscore": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare LF": b"POST / HTTP/1.1\nHost: a\nContent-Length: 0\n\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: a\r\nX: b\rContent-Length: 3\r\n\r\nabc",
    "NUL": b"GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "a host of another's": b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "Connection takes away Host": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n",
    "Connection takes away the length": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 3\r\n\r\nabc",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a space in the target": b"GET / x HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tab for a space": b"GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "%00 in the path": b"GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a chunk size with a sign": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
    "a chunk size in C's way": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a chunk without CRLF": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na0\r\n\r\n",
    "a chunk ended by LF": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    "a LF in a chunk extension": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n",
    "a huge chunk size": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    "a length as trailer": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 3\r\n\r\n",
    "white space before the first field": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
}
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: scripted.example\r\n\r\n"


def test_requests_that_two_could_read_differently_get_400_and_the_connection_ends(bed):
    """Behind each stands a second request; it must be answered by nobody and reach no backend."""
    seen = []

    def tells(connection):
        while head := read_request(connection):
            seen.append(head)
            connection.sendall(OK)

    with ScriptedBackend(bed, "v2", 8092, tells), Load(bed) as load:
        for name, text in SMUGGLING.items():
            before = bed.metrics()
            with connect(bed) as client:
                client.sendall(text.replace(b"Host: a\r\n", b"Host: scripted.example\r\n") + HIDDEN)
                answer, _ = read_until_closed(client)
            assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1, f"{name}: {answer}"
            assert b"connection: close" in answer.lower(), f"{name}: {answer}"
            now = bed.metrics()
            refused = [counter for counter in now if "http1_refused" in counter and now[counter] > before[counter]]
            assert len(refused) == 1, f"{name}: {refused}"
        assert not any(b"hidden" in head for head in seen), seen
        assert_unharmed(bed, load)


def test_clients_that_reset_within_their_requests_leave_nothing_behind(bed):
    """A client on several CPUs reorders its own packets: resets overtake data, and the ACK that opens a connection. An
    earlier test has left the backlog full, so that they are let in by cookies."""
    chance = random.Random(6)

    def stalls(connection):
        read_request(connection)
        connection.recv(1)

    with ScriptedBackend(bed, "v2", 8092, stalls), Load(bed) as load:
        for _ in range(300):
            client = connect(bed)
            text = b"POST / HTTP/1.1\r\nHost: scripted.example\r\nContent-Length: 100000\r\n\r\n" + bytes(50_000)
            client.sendall(text[:chance.choice([0, 10, 60, 100, 20_000, 50_000])])
            reset(client)
        wait_until(lambda: bed.metrics()["byway_http_exchanges_active"] <= len(load.threads), "their exchanges are over")
        wait_until(lambda: bed.metrics()["byway_http_downstream_open"] <= len(load.threads), "their connections are gone")
        assert_unharmed(bed, load)


# ---- Manifests -------------------------------------------------------------------------------------------------


def json_route(name="bad", spec='{"parentRefs":[{"name":"demo"}]}'):
    return f'{{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{{"name":"{name}"}},"spec":{spec}}}'


def rules(text):
    return f'{{"parentRefs":[{{"name":"demo"}}],"rules":[{text}]}}'


YAML, JSON = "application/yaml", "application/json"
YAML_ROUTE = "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata:\n  name: bad\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(letter)}: &{chr(letter)} [{', '.join(['*' + chr(letter - 1)] * 9)}]\n" for letter in range(ord("b"), ord("k")))
MANIFESTS = {
    "17 MiB": (413, JSON, lambda: json_route(spec='{"parentRefs":[{"name":"' + "a" * (17 * MIB) + '"}]}')),
    "a document of 3 MiB": (400, JSON, lambda: json_route(spec='{"parentRefs":[{"name":"' + "a" * (3 * MIB) + '"}]}')),
    "20,000 documents": (400, JSON, lambda: "{}\n" * 20_000),
    "10,001 objects": (400, JSON, lambda: "\n".join(json_route(f"r{number}") for number in range(10_001))),
    "100,000 levels of JSON": (400, JSON, lambda: "[" * 100_000 + "]" * 100_000),
    "100,000 open levels of JSON": (400, JSON, lambda: '{"a":' * 100_000),
    "10,000 levels of YAML": (400, YAML, lambda: "[" * 10_000 + "]" * 10_000),
    "deep YAML blocks": (400, YAML, lambda: "".join("  " * level + f"a{level}:\n" for level in range(300))),
    "an alias bomb": (400, YAML, lambda: YAML_ROUTE + BOMB),
    "an alias of itself": (400, YAML, lambda: "a: &a [*a]\n"),
    "10,000 aliases": (400, YAML, lambda: "a: &a x\nb: [" + "*a, " * 10_000 + "]\n"),
    "300,000 nodes": (400, JSON, lambda: json_route(spec='{"parentRefs":[' + ",".join(["1"] * 300_000) + "]}")),
    "a name twice in JSON": (400, JSON, lambda: json_route()[:-1] + ',"kind":"HTTPRoute"}'),
    "a name twice in YAML": (400, YAML, lambda: YAML_ROUTE + "kind: HTTPRoute\n"),
    "a merge key": (400, YAML, lambda: YAML_ROUTE + "spec: {<<: {parentRefs: []}}\n"),
    "a tag": (400, YAML, lambda: YAML_ROUTE + "spec: !!python/object/apply:os.system ['true']\n"),
    "NaN": (400, JSON, lambda: json_route(spec=rules('{"backendRefs":[{"name":"hello-v1","port":80,"weight":NaN}]}'))),
    "infinity": (400, YAML, lambda: YAML_ROUTE + "spec: {rules: [{backendRefs: [{name: hello-v1, port: .inf}]}]}\n"),
    "1e400": (400, JSON, lambda: json_route(spec=rules('{"backendRefs":[{"name":"hello-v1","port":80,"weight":1e400}]}'))),
    "a number with a thousand digits": (400, JSON, lambda: json_route(spec=rules('{"backendRefs":[{"name":"a","port":' + "9" * 1000 + "}]}"))),
    "a port of text": (400, JSON, lambda: json_route(spec=rules('{"backendRefs":[{"name":"hello-v1","port":"80"}]}'))),
    "a list for an object": (400, JSON, lambda: json_route(spec="[]")),
    "an unknown field": (400, JSON, lambda: json_route(spec='{"parentRef":[]}')),
    "a weight beyond its range": (422, JSON, lambda: json_route(spec=rules('{"backendRefs":[{"name":"hello-v1","port":80,"weight":1000001}]}'))),
    "100 rules": (422, JSON, lambda: json_route(spec=rules(",".join(["{}"] * 100)))),
    "an unknown kind": (400, JSON, lambda: json_route().replace("HTTPRoute", "HTTPRoot")),
    "a kind of others": (400, JSON, lambda: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"}}'),
    "no kind": (400, JSON, lambda: '{"metadata":{"name":"a"}}'),
    "no object": (400, JSON, lambda: "7"),
    "nothing": (400, JSON, lambda: ""),
    "half of it": (400, JSON, lambda: json_route()[:-10]),
    "something behind it": (400, JSON, lambda: json_route() + "}"),
    "bytes that are no UTF-8": (400, JSON, lambda: json_route().replace("bad", "b\udcffd")),
    "NUL in a name": (400, JSON, lambda: json_route("a\\u0000b")),
    "half a surrogate": (400, JSON, lambda: json_route("\\ud800")),
    "a name with a path": (422, JSON, lambda: json_route("../../../etc/passwd")),
    "a name of dots": (422, JSON, lambda: json_route("..")),
    "a name of 254 letters": (422, JSON, lambda: json_route("a" * 254)),
    "a name with SQL": (422, JSON, lambda: json_route("a'; DROP TABLE objects; --")),
    "an unknown form": (415, "text/plain", json_route),
}


def stored(bed):
    """The number of the last commit: what was not committed has changed nothing."""
    metrics = bed.metrics()
    return metrics["byway_agent_resource_version"], metrics["byway_agent_revision"], metrics["byway_agent_objects"]


def raw_call(bed, text, ends=True):
    """All that the agent says to these bytes until it ends the connection; `ends`: nothing more will come."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(60)
        client.connect(str(bed.agent_socket))
        try:
            client.sendall(text)
            if ends:
                client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has said no before everything was there
        return read_until_closed(client)[0]


def call(bed, method, path, body=b"", form="application/json"):
    """(status code, document) of a call that may be refused before all of it was taken."""
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {form}\r\nContent-Length: {len(body)}\r\n\r\n"
    answer, _, document = raw_call(bed, head.encode() + body).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 "), f"{method} {path[:60]}: {answer[:100]}"
    return int(answer[9:12]), json.loads(document)


def assert_status(answer, name, code):
    assert isinstance(answer, dict) and answer.get("kind") == "Status" and answer["status"] == "Failure", f"{name}: {answer}"
    assert answer["code"] == code and answer["reason"] and answer["message"], f"{name}: {answer}"


def test_hostile_manifests_are_refused_with_a_status_and_change_nothing(bed):
    before = stored(bed)
    memory = bed.memory("agent", "VmHWM")
    with Load(bed) as load:
        for name, (code, form, text) in MANIFESTS.items():
            body = text().encode("utf-8", "surrogateescape")
            status, document = call(bed, "POST", "/byway/v1/apply", body, form)
            assert status == code, f"{name}: {status} {str(document)[:300]}"
            assert_status(document, name, code)
        assert stored(bed) == before
        assert_unharmed(bed, load)
    grown = bed.memory("agent", "VmHWM") - memory
    assert grown < 400 * MIB, f"{grown / MIB:.0f} MiB more"
    bed.wait_until_good("after hostile manifests")


def test_paths_that_lead_elsewhere_are_refused(bed):
    before = stored(bed)
    for path, codes in {f"{ROUTES}/..%2f..%2f..%2fetc%2fpasswd": (400, 404), f"{ROUTES}/../../../../etc/passwd": (400, 404),
                        "/../../etc/passwd": (400, 404), f"{ROUTES}/%00": (400, 404), f"{ROUTES}/%zz": (400, 404),
                        f"{ROUTES}/" + "a" * 2000: (400, 404, 414), "/" + "a" * 20_000: (400, 404, 414), f"{ROUTES}?dryrun=All": (400,),
                        "/byway/v1/revisions/99999999999999999999/rollback": (400, 404, 405)}.items():
        for method in ("GET", "PUT", "DELETE"):
            status, answer = call(bed, method, path, json_route().encode() if method == "PUT" else b"")
            assert status in codes + (405,), f"{method} {path[:60]}: {status} {str(answer)[:300]}"
            assert_status(answer, path[:60], status)
    assert stored(bed) == before


def test_calls_that_are_no_http_end_and_the_agent_lives(bed):
    before = stored(bed)
    chance = random.Random(7)
    for number in range(100):
        answer = raw_call(bed, chance.choice([b"", b"GET ", b"PUT / HTTP/1.1\r\nHost: a\r\n"]) + chance.randbytes(chance.choice([10, 1000, 50_000])) + b"\r\n\r\n")
        assert not answer or answer[9:10] in b"45", f"{number}: {answer[:100]}"
    for text in (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
                 b"POST /byway/v1/apply HTTP/1.1\r\nContent-Length: 99999999999999999999\r\nContent-Type: application/json\r\n\r\n{}",
                 b"POST /byway/v1/apply HTTP/1.1\r\nContent-Length: -1\r\nContent-Type: application/json\r\n\r\n{}",
                 b"POST /byway/v1/apply HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\nzz\r\n{}"):
        answer = raw_call(bed, text)
        assert not answer or answer[9:10] in b"45", f"{text[:60]}: {answer[:100]}"
    assert stored(bed) == before
    bed.wait_until_good("after garbage")


def test_slow_and_too_many_calls_are_bounded(bed):
    """Sixty bodies that never end; the places that they take are given back after the time of a request."""
    before = stored(bed)
    tasks = pathlib.Path(f"/proc/{bed.processes.running['agent'].pid}/task")
    threads = len(list(tasks.iterdir()))
    began = time.monotonic()
    answers = []
    head = b"POST /byway/v1/apply HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{"
    calls = [threading.Thread(target=lambda: answers.append(raw_call(bed, head, ends=False))) for _ in range(60)]
    for call in calls:
        call.start()
    wait_until(lambda: len(list(tasks.iterdir())) >= threads + 60, "they are all there")
    assert bed.api("GET", "/healthz")[0] == 200, "a few places are left"
    held = []
    for _ in range(20):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        client.settimeout(40)
        client.connect(str(bed.agent_socket))
        held.append(client)
    refused = [client for client in held if is_refused(client)]
    assert len(refused) >= 16, f"{len(refused)} of 20 calls beyond 64 connections were refused"
    for client in held:
        client.close()
    for call in calls:
        call.join(60)
    took = time.monotonic() - began
    assert len(answers) == 60 and took < 50, f"{len(answers)} ended within {took:.0f} s"
    assert all(not answer or answer[9:10] == b"4" for answer in answers), answers
    assert bed.api("GET", "/healthz")[0] == 200 and stored(bed) == before
    bed.wait_until_good("after slow calls")


def is_refused(client):
    """503 at once, before anything was asked."""
    client.settimeout(0.3)
    try:
        return client.recv(1000).startswith(b"HTTP/1.1 503 ")
    except OSError:
        return False


def test_everything_is_given_back(bed):
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"
    assert bed.processes.stop("agent") == 0


main(globals(), make_bed=HostileBed)
