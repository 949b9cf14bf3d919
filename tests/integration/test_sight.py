#!/usr/bin/env python3
# timeout: 240
"""What the kernel's tools show of its own connections and packets, of those that go past it: `byway capture` read by
tcpdump, and `byway connections`."""

import collections
import json
import os
import re
import shutil
import signal
import struct
import subprocess

import agent
from harness import BACKENDS, GATEWAY, PATIENCE_SECONDS, main, program, wait_until
from peers import ask, exchange, http_connection

CLIENT = "10.80.0.2"
# Block types of pcapng, and the options of its statistics.
INTERFACE, STATISTICS, PACKET = 1, 5, 6
SEEN, DROPPED, MATCHED, DELIVERED = 4, 5, 6, 8


class SightBed(agent.AgentBed):
    def prepare(self):
        self.apply(*agent.gateway(), *agent.backend("v1", "v1"), agent.route("hello", "v1"))

    def capture(self, name, *words):
        """`byway capture` into a file, under way when this returns: (process, file)."""
        file = self.directory / f"{name}.pcapng"
        command = [program("tools/cli/byway"), "--server", f"unix:{self.agent_socket}", "capture", "-w", str(file), *words]
        process = self.processes.start(name, command)
        # The file's head comes when every worker takes part.
        self.processes.wait_until(lambda: file.exists() and file.stat().st_size > 0, f"{name} begins", PATIENCE_SECONDS)
        return process, file

    def end(self, name):
        """As Ctrl-C does; returns what it said."""
        assert self.processes.stop(name, signal.SIGINT) == 0, self.processes.log_tail(name)
        return self.processes.log_tail(name)


def tcpdump(file, *words):
    """Lines of `tcpdump -r`, each with its time; it must have nothing to complain about."""
    result = subprocess.run(["tcpdump", "-nn", "-tt", "--nano", "-r", str(file), *words], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    said = [line for line in result.stderr.splitlines() if not line.startswith("reading from file")]
    assert not said, result.stderr
    return result.stdout.splitlines()


def blocks(file):
    """(type, body) of every block of a pcapng file; both lengths of each must agree."""
    data = file.read_bytes()
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert struct.unpack_from("<I", data, at + length - 4)[0] == length, (kind, length)
        yield kind, data[at + 8:at + length - 4]
        at += length


def options(body):
    """{code: value} of a block's options."""
    found = {}
    while True:
        code, length = struct.unpack_from("<HH", body)
        if code == 0:
            return found
        found[code] = body[4:4 + length]
        body = body[4 + (length + 3) // 4 * 4:]


def interfaces(file):
    return [options(body[8:])[2].decode() for kind, body in blocks(file) if kind == INTERFACE]


def statistics(file):
    """A dictionary of each interface, by its number."""
    return {struct.unpack_from("<I", body)[0]: {code: struct.unpack("<Q", value)[0] for code, value in options(body[12:]).items()}
            for kind, body in blocks(file) if kind == STATISTICS}


def packets(file):
    """(interface, bytes kept, bytes of the whole, "in" or "out") of each packet."""
    for kind, body in blocks(file):
        if kind == PACKET:
            number, _, _, kept, whole = struct.unpack_from("<IIIII", body)
            flags = struct.unpack("<I", options(body[20 + (kept + 3) // 4 * 4:])[2])[0]
            yield number, kept, whole, {1: "in", 2: "out"}[flags & 3]


def test_tcpdump_reads_a_request_and_its_answer_in_both_directions(bed):
    bed.capture("both", "--port", "client", "--filter", f"host {CLIENT} and tcp port 80")
    assert bed.curl("/").stdout == "hello from v1\n"
    said = bed.end("both")
    file = bed.directory / "both.pcapng"
    lines = tcpdump(file, "-A")
    text = "\n".join(lines)
    assert "GET / HTTP/1.1" in text and "HTTP/1.1 200 OK" in text and "hello from v1" in text, text
    lines = tcpdump(file)
    assert re.search(rf"IP {CLIENT}\.\d+ > {GATEWAY}\.80: Flags \[S\]", lines[0]), lines
    assert re.search(rf"IP {GATEWAY}\.80 > {CLIENT}\.\d+: Flags \[S\.\]", lines[1]), lines
    assert all(f"{GATEWAY}.80" in line for line in lines), lines
    seen = list(packets(file))
    assert len(seen) == len(lines) and f"{len(lines)} frames captured" in said and ", 0 dropped" in said, said
    directions = collections.Counter(direction for *_, direction in seen)
    assert directions["in"] >= 4 and directions["out"] >= 3, directions
    for line, (*_, direction) in zip(lines, seen):
        assert (f"IP {CLIENT}." in line) == (direction == "in"), (line, direction)
    times = [float(line.split()[0]) for line in lines]
    assert times == sorted(times)
    assert os.stat(file).st_mode & 0o777 == 0o600


def test_times_are_the_days_with_nanoseconds(bed):
    started = int(subprocess.run(["date", "+%s"], capture_output=True, text=True, check=True).stdout)
    bed.capture("times", "--filter", "tcp")
    bed.curl("/")
    bed.end("times")
    lines = tcpdump(bed.directory / "times.pcapng")
    assert lines
    for line in lines:
        seconds, fraction = line.split()[0].split(".")
        assert started - 1 <= int(seconds) <= started + 60 and len(fraction) == 9, line
    assert any(not line.split()[0].endswith("000") for line in lines), lines


def test_all_ports_are_interfaces_with_their_names_and_statistics(bed):
    bed.capture("all")
    assert bed.curl("/").stdout == "hello from v1\n"
    bed.end("all")
    file = bed.directory / "all.pcapng"
    assert interfaces(file) == ["client", "v1", "v2"]
    by_interface = collections.Counter(number for number, *_ in packets(file))
    assert by_interface[0] > 5 and by_interface[1] >= 2, by_interface  # the kept connection to v1: a request and its answer
    counted = statistics(file)
    assert set(counted) == {0, 1, 2}
    for number, one in counted.items():
        assert one[DELIVERED] == one[MATCHED] == one[SEEN] == by_interface[number] and one[DROPPED] == 0, (number, one)
    assert any(BACKENDS["v1"] in line for line in tcpdump(file))


def test_a_filter_counts_what_it_sees_and_takes_only_what_it_names(bed):
    bed.capture("nothing", "--port", "client", "--filter", "udp")
    assert bed.curl("/").stdout == "hello from v1\n"
    said = bed.end("nothing")
    file = bed.directory / "nothing.pcapng"
    assert tcpdump(file) == []
    assert statistics(file)[0][SEEN] > 5 and statistics(file)[0][MATCHED] == 0
    assert "0 frames captured, 0 matched the filter" in said, said


def test_a_direction_and_a_length_can_be_chosen(bed):
    bed.capture("out", "--port", "client", "--direction", "out", "--snaplen", "60", "--filter", "tcp")
    bed.curl("/")
    bed.end("out")
    seen = list(packets(bed.directory / "out.pcapng"))
    assert seen and all(direction == "out" for *_, direction in seen), seen
    assert all(kept == min(60, whole) for _, kept, whole, _ in seen) and any(whole > 60 for _, _, whole, _ in seen), seen
    assert tcpdump(bed.directory / "out.pcapng")


def test_a_capture_ends_by_itself_at_its_bounds(bed):
    bounds = {"count": (["--count", "3"], lambda file: len(list(packets(file))) == 3),
              "bytes": (["--limit-bytes", "2KiB"], lambda file: 1024 < file.stat().st_size <= 2048),
              "time": (["--duration", "200ms"], lambda file: True)}
    for name, (words, is_right) in bounds.items():
        process, file = bed.capture(name, "--port", "client", *words)

        def has_ended(process=process):
            bed.curl("/")
            return process.poll() is not None

        wait_until(has_ended, f"the capture ends at its {name}")
        assert bed.processes.running.pop(name).returncode == 0, bed.processes.log_tail(name)
        assert is_right(file), (name, file.stat().st_size, list(packets(file)))
        assert len(statistics(file)) == 1, name


def test_a_capture_goes_into_a_pipe(bed):
    command = f"{program('tools/cli/byway')} --server unix:{bed.agent_socket} capture --filter tcp --count 3 -w - | tcpdump -nn -r -"
    reader = bed.processes.start("pipe", ["sh", "-c", command])
    log = bed.directory / "logs" / "pipe.log"

    def has_ended():
        bed.curl("/")
        return reader.poll() is not None

    wait_until(has_ended, "three packets come through the pipe")
    bed.processes.running.pop("pipe")
    assert reader.returncode == 0 and log.read_text().count("IP ") == 3, log.read_text()


def test_what_is_wrong_with_a_capture_is_said_and_no_file_is_left(bed):
    file = bed.directory / "wrong.pcapng"
    for words, code, sentence in (
            (["--port", "eth9"], 1, "no port named eth9; ports: client, v1, v2"),
            (["--filter", "hots 10.0.0.1"], 1, "query parameter filter: can't parse filter expression"),
            (["--filter", "ip6 protochain 6"], 1, "jumps out of the program or backwards"),
            (["--duration", "1"], 1, "query parameter duration: is a duration"),
            (["--snaplen", "1"], 2, "--snaplen")):
        got, said = bed.byway("capture", "-w", str(file), *words)
        assert got == code and sentence in said, (words, got, said)
    assert not file.exists()
    got, said = bed.byway("capture", "-w", "/does/not/exist")
    assert got == 2 and "/does/not/exist: No such file or directory" in said, said
    wait_until(lambda: bed.api("DELETE", "/byway/v1/capture")[0] == 404, "no capture is left")


def test_one_capture_runs_at_a_time_and_its_client_s_end_is_its_own(bed):
    process, _ = bed.capture("first")
    got, said = bed.byway("capture", "-w", str(bed.directory / "second.pcapng"))
    assert got == 1 and "another capture is running" in said, said
    process.kill()  # without a word to the agent
    process.wait(timeout=PATIENCE_SECONDS)
    bed.processes.running.pop("first")
    # The agent finds its client gone though no packet comes, and the data plane the agent's connection.
    wait_until(lambda: bed.byway("capture", "-w", str(bed.directory / "second.pcapng"), "--duration", "10ms")[0] == 0,
               "the next capture can begin", 5)


def test_a_capture_ends_with_its_agent_and_the_data_plane_goes_on(fresh_bed):
    process, file = fresh_bed.capture("orphan")
    fresh_bed.kill("agent")
    assert process.wait(timeout=PATIENCE_SECONDS) == 1
    fresh_bed.processes.running.pop("orphan")
    assert "the file ends without statistics" in fresh_bed.processes.log_tail("orphan") or not list(packets(file))
    fresh_bed.start_agent()
    assert fresh_bed.curl("/").stdout == "hello from v1\n"
    wait_until(lambda: fresh_bed.byway("capture", "-w", str(file), "--duration", "10ms")[0] == 0, "the next capture can begin", 5)


def test_a_capture_under_load_loses_no_request_and_counts_what_it_drops(bed):
    before = bed.metrics()
    bed.capture("load", "--ring", "256KiB")
    result = bed.client(["wrk", "-t1", "-c32", "-d3s", f"http://{GATEWAY}/"], 30)
    assert result.returncode == 0 and "Socket errors" not in result.stdout and "Non-2xx" not in result.stdout, result.stdout
    bed.end("load")
    file = bed.directory / "load.pcapng"
    counted = statistics(file)
    sums = {code: sum(one[code] for one in counted.values()) for code in (SEEN, MATCHED, DROPPED, DELIVERED)}
    assert sums[SEEN] == sums[MATCHED] == sums[DELIVERED] + sums[DROPPED] and sums[DELIVERED] > 10_000, sums
    after = bed.metrics()
    assert after["byway_worker_capture_frames_total"] - before["byway_worker_capture_frames_total"] == sums[DELIVERED], sums
    assert after["byway_worker_capture_dropped_total"] - before["byway_worker_capture_dropped_total"] == sums[DROPPED], sums
    assert len(tcpdump(file)) == sums[DELIVERED]


def test_without_a_capture_nothing_is_copied(bed):
    before = bed.metrics()
    for _ in range(5):
        bed.curl("/")
    after = bed.metrics()
    assert after["byway_net_rx_frames_total"] > before["byway_net_rx_frames_total"]
    for name in ("capture_frames", "capture_dropped"):
        assert after[f"byway_worker_{name}_total"] == before[f"byway_worker_{name}_total"], name


def test_captures_are_in_the_audit_log_with_their_filter(bed):
    bed.byway("capture", "-w", str(bed.directory / "audited.pcapng"), "--filter", "host 10.80.0.2", "--duration", "10ms")
    lines = [json.loads(line) for line in (bed.directory / "audit.log").read_text().splitlines()]
    one = [line for line in lines if line["path"] == "/byway/v1/capture"][-1]
    assert one["caller"] == "uid 0" and one["objects"] == ['capture duration="10ms" filter="host 10.80.0.2"'], one


def test_a_captures_filter_is_checked_by_the_data_plane_as_well(bed):
    """A program that loops for ever, sent as an agent would that has been taken over."""
    words = [program("tests/support/ask_data_plane"), str(bed.control_socket), "capture", "filter=0005000000000000" + "00050000ffffffff"]
    result = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1 and "jumps out of the program or backwards" in result.stdout, result.stdout
    assert bed.curl("/").stdout == "hello from v1\n"


def test_connections_are_chosen_by_state_address_and_port(bed):
    connection = http_connection(bed)
    assert exchange(connection, "GET", "/")[0] == 200
    local = f"{CLIENT}:{connection.sock.getsockname()[1]}"

    def shown(*words):
        code, text = bed.byway("connections", "-o", "json", *words)
        assert code == 0, text
        return json.loads(text)["connections"]

    everything = shown()
    ours = [one for one in everything if one["remote"] == local]
    assert len(ours) == 1 and ours[0]["state"] == "ESTABLISHED" and ours[0]["local"] == f"{GATEWAY}:80", everything
    assert shown("--state", "established", "--tcp-port", local.split(":")[1]) == ours
    assert {one["remote"] for one in shown("--address", BACKENDS["v1"])} == {f"{BACKENDS['v1']}:8080"}
    assert shown("--address", "10.80.0.77") == []
    assert all(one["state"] == "TIME-WAIT" for one in shown("--state", "time-wait"))
    assert shown("--worker", "0") and bed.byway("connections", "--worker", "5")[0] == 1
    code, text = bed.byway("connections", "--state", "open")
    assert code == 1 and "state: is one of SYN-SENT" in text, text
    connection.close()


def test_the_table_of_connections_is_that_of_ss(bed):
    connection = http_connection(bed)
    assert exchange(connection, "GET", "/")[0] == 200
    port = str(connection.sock.getsockname()[1])
    code, text = bed.byway("connections", "--tcp-port", port)
    head, row = text.splitlines()
    assert code == 0 and head.split() == ["STATE", "RECV-Q", "SEND-Q", "LOCAL", "REMOTE", "RTT", "RTO", "CWND", "SSTHRESH", "MSS",
                                          "IN-FLIGHT", "RETRANS", "SEND-WND", "WORKER"], text
    assert re.search(rf"ESTABLISHED +0 +0 +{GATEWAY}:80 +{CLIENT}:{port} +[\d.]+ .s +[\d.]+ .s +10 +- +1448 ", row), row
    detail = bed.byway("connections", "--tcp-port", port, "--info")[1].splitlines()[2]
    # Whatever the data plane tells of a connection is there.
    for name in bed.api("GET", f"/byway/v1/connections?tcpPort={port}")[1]["connections"][0]:
        if name not in ("state", "local", "remote"):
            assert f" {name.removesuffix('Ns')}:" in detail, (name, detail)
    connection.close()


def test_a_list_that_is_not_whole_says_so(bed):
    both = [http_connection(bed), http_connection(bed)]
    for connection in both:
        exchange(connection, "GET", "/")
    assert ask(bed, "connections", "limit=1")["truncated"]
    assert "only the first 1 are shown" in bed.byway("connections", "--limit", "1")[1]
    for connection in both:
        connection.close()


if shutil.which("tcpdump") is None:
    raise SystemExit("tcpdump is not installed (tools/lib/setup.sh)")
main(globals(), make_bed=SightBed)
