#!/usr/bin/env python3
# timeout: 240
"""byway-dataplane as a gateway: requests over real ports, commands, sets, restarts, the end under load."""

import collections
import json
import os
import signal
import subprocess
import time

from harness import GATEWAY, SPLIT, Bed, main, program, wait_until

URL = f"http://{GATEWAY}/"


def ask(bed, *words):
    """A command over the socket: (exit code, answer)."""
    command = [program("tests/support/ask_data_plane"), str(bed.control_socket), *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return result.returncode, result.stdout


def wrk(bed, seconds, connections=16):
    """Loads the gateway; returns wrk's output, which names socket errors and wrong answers only if there are any."""
    result = bed.client(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", URL], seconds + 20)
    assert result.returncode == 0, result.stderr
    return result.stdout


def with_workers(count):
    cores = ", ".join(str(core) for core in range(count))
    return lambda text: text + f"\nworkers: {{cores: [{cores}]}}\n"


def restart(bed, node=None):
    code = bed.processes.stop("dataplane")
    assert code == 0, bed.processes.log_tail("dataplane")
    bed.node = node or bed.node
    bed.start_dataplane()


def test_requests_reach_both_backends_by_their_weights(bed):
    bed.publish(SPLIT.format(v1=1, v2=1))
    answers = collections.Counter(bed.curl("/").stdout.strip() for _ in range(40))
    assert set(answers) == {"hello from v1", "hello from v2"}, answers
    bed.publish(SPLIT.format(v1=0, v2=1))
    answers = collections.Counter(bed.curl("/").stdout.strip() for _ in range(20))
    assert set(answers) == {"hello from v2"}, answers


def test_a_set_is_taken_up_during_traffic_without_a_failed_request(bed):
    load = bed.processes.start("load", bed.network.inside("client", ["wrk", "-t1", "-c16", "-d3s", URL]))
    flips = 0
    while load.poll() is None:
        bed.publish(SPLIT.format(v1=flips % 3, v2=1))
        flips += 1
        time.sleep(0.02)
    bed.processes.running.pop("load")
    text = bed.processes.log_tail("load")
    assert load.returncode == 0 and "Requests/sec" in text, text
    assert "Socket errors" not in text and "Non-2xx" not in text, text
    assert flips > 20, flips


def test_the_connections_command_shows_both_sides_with_their_state(bed):
    """Connections that the test before has left in TIME-WAIT are in the list too, and prove nothing."""
    bed.publish(SPLIT.format(v1=1, v2=0))
    load = bed.processes.start("load", bed.network.inside("client", ["wrk", "-t1", "-c4", "-d3s", URL]))

    def established(side, address):
        code, text = ask(bed, "connections", "limit=1000")
        assert code == 0 and not json.loads(text).get("truncated"), text
        return [one for one in json.loads(text)["connections"] if one["state"] == "ESTABLISHED" and one[side] == address]

    wait_until(lambda: len(established("local", f"{GATEWAY}:80")) == 4, "wrk's connections", 3)
    wait_until(lambda: any(one["rttNs"] > 0 for one in established("remote", "10.80.1.2:8080")), "connections to nginx", 3)
    one = json.loads(ask(bed, "connections", "limit=1")[1])
    assert len(one["connections"]) == 1 and one["truncated"], one
    load.wait(timeout=20)
    bed.processes.running.pop("load")


def test_commands_say_what_is_wrong_with_them(bed):
    assert ask(bed, "connections", "limit=x")[0] == 1
    code, text = ask(bed, "nonsense")
    assert code == 1 and "connections, workers" in text, text


def test_the_workers_command_counts_and_an_idle_worker_is_not_busy(bed):
    before = json.loads(ask(bed, "workers")[1])["workers"][0]
    for _ in range(5):
        bed.curl("/")
    after = json.loads(ask(bed, "workers")[1])["workers"][0]
    assert after["requests"] == before["requests"] + 5
    assert 0 < after["mbufsFree"] <= after["mbufs"] and after["core"] in range(os.cpu_count()), after
    pid = bed.processes.running["dataplane"].pid

    def cpu_ticks():
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return sum(int(word) for word in file.read().rpartition(")")[2].split()[11:13])

    ticks = cpu_ticks()
    time.sleep(2)
    used = (cpu_ticks() - ticks) / os.sysconf("SC_CLK_TCK") / 2
    assert used < 0.35, f"an idle adaptive worker uses {used:.0%} of a core"


def test_after_a_restart_the_last_good_set_runs_without_an_agent(fresh_bed):
    fresh_bed.publish(SPLIT.format(v1=0, v2=1))
    restart(fresh_bed)
    wait_until(lambda: fresh_bed.curl("/").stdout == "hello from v2\n", "an answer by the set that was kept", 5)
    assert "generation" in fresh_bed.publish(SPLIT.format(v1=1, v2=0)), "generations go on after the kept one"
    assert fresh_bed.curl("/").stdout == "hello from v1\n"


def test_killed_and_started_again_it_serves_the_last_good_set(fresh_bed):
    fresh_bed.publish(SPLIT.format(v1=0, v2=1))
    wait_until((fresh_bed.runtime_directory / "last_good").exists, "the set is kept", 5)
    fresh_bed.processes.stop("dataplane", signal.SIGKILL)
    fresh_bed.start_dataplane()
    wait_until(lambda: fresh_bed.curl("/").stdout == "hello from v2\n", "an answer by the set that was kept", 5)


def test_two_workers_serve_every_request(fresh_bed):
    if os.cpu_count() < 2:
        return
    restart(fresh_bed, with_workers(2))
    fresh_bed.publish(SPLIT.format(v1=1, v2=1))
    text = wrk(fresh_bed, 3, connections=32)
    assert "Socket errors" not in text and "Non-2xx" not in text, text
    workers = json.loads(ask(fresh_bed, "workers")[1])["workers"]
    assert len(workers) == 2 and all(worker["requests"] > 0 for worker in workers), workers
    started = time.monotonic()
    assert fresh_bed.processes.stop("dataplane") == 0, fresh_bed.processes.log_tail("dataplane")
    assert time.monotonic() - started < 3, "nothing was open, so there was nothing to wait for"


def test_stopped_under_load_it_drains_and_no_packet_buffer_is_missing(fresh_bed):
    fresh_bed.node = lambda text: text + "\nlimits: {drain_timeout: 1s}\n"
    restart(fresh_bed)
    fresh_bed.publish(SPLIT.format(v1=1, v2=1))
    load = fresh_bed.processes.start("load", fresh_bed.network.inside("client", ["wrk", "-t1", "-c32", "-d4s", URL]))
    time.sleep(1)
    started = time.monotonic()
    code = fresh_bed.processes.stop("dataplane")
    log = fresh_bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"
    assert time.monotonic() - started < 4
    load.wait(timeout=20)
    fresh_bed.processes.running.pop("load")


def test_every_thread_runs_without_capabilities_and_under_a_filter(bed):
    pid = bed.processes.running["dataplane"].pid
    tasks = os.listdir(f"/proc/{pid}/task")
    assert len(tasks) >= 3, tasks
    for task in tasks:
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
            status = dict(line.split(":\t", 1) for line in file.read().splitlines())
        assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0, (status["Name"], status["CapEff"])
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", (status["Name"], status)


def test_a_set_beyond_the_bounds_is_refused_and_the_old_one_stays(bed):
    bed.publish(SPLIT.format(v1=1, v2=0))
    too_many = "".join(f"listener a/b/l{number} {1000 + number}\n" for number in range(400))
    try:
        bed.publish(too_many)
        raise SystemError("it was accepted")
    except AssertionError as error:
        assert "at most 1024 are possible" in str(error), error
    assert bed.curl("/").stdout == "hello from v1\n"


main(globals(), make_bed=Bed)
