#!/usr/bin/env python3
# timeout: 180
"""Either process killed and started again under load: what was served goes on, what was written is there."""

import json
import random
import struct
import threading

from agent import ROUTES, AgentBed, backend, gateway, route
from console import ScriptError
from harness import PATIENCE_SECONDS, main, wait_until
from load import Load

V1, V2 = {"hello-v1": 1, "hello-v2": 0}, {"hello-v1": 0, "hello-v2": 1}
# control/shm/last_good.cpp: a magic number, then the generation.
LAST_GOOD_HEAD = struct.Struct("<QQ")


class RestartBed(AgentBed):
    def prepare(self):
        self.apply(*gateway(), *backend("hello-v1", "v1"), *backend("hello-v2", "v2"), route("hello", V2))


def objects(bed):
    """Everything that a client can write and read back, without status."""
    kept = {}
    for path in ("/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices", "/apis/gateway.networking.k8s.io/v1/gateways",
                 "/apis/gateway.networking.k8s.io/v1/httproutes", "/apis/gateway.networking.k8s.io/v1/gatewayclasses"):
        status, answer = bed.api("GET", path)
        assert status == 200, answer
        for item in answer["items"]:
            item.pop("status", None)
            kept[path, item["metadata"].get("namespace"), item["metadata"]["name"]] = item
    assert len(kept) == 7, list(kept)
    return kept


def generation(bed):
    """What all workers run."""
    status, answer = bed.api("GET", "/byway/v1/workers")
    assert status == 200 and answer["workers"], answer
    assert all(worker["generation"] == answer["generation"] for worker in answer["workers"]), answer
    return answer["generation"]


def served(bed):
    return {bed.curl("/").stdout.strip() for _ in range(6)}


def assert_in_order(bed, what):
    """The command line finds nothing; returns the generation that runs."""
    bed.wait_until_good(what)
    return generation(bed)


def kept_generation(bed):
    """That of the set on disk."""
    path = bed.runtime_directory / "last_good"
    return LAST_GOOD_HEAD.unpack_from(path.read_bytes())[1] if path.exists() else None


def wait_until_kept(bed):
    """Sets are written to disk some time after they run, so that many changes cost one write. Returns the
    generation that runs and is kept."""
    running = assert_in_order(bed, "before the kill")
    wait_until(lambda: kept_generation(bed) == running, f"generation {running} is on disk")
    return running


def assert_a_flip_takes_effect(bed):
    before = assert_in_order(bed, "before the flip")
    for weights, version in (({"hello-v1": 3, "hello-v2": 0}, "hello from v1"), (V2, "hello from v2")):
        receipt = bed.apply(route("hello", weights))
        assert receipt["generation"] > before and served(bed) == {version}, receipt
        before = receipt["generation"]
    assert generation(bed) == before


def test_the_agent_killed_and_started_again_under_load_costs_no_request(bed):
    kept = objects(bed)
    with Load(bed) as load:
        for number in range(4):
            before = assert_in_order(bed, "before the kill")
            bed.kill("agent")
            load.enter(f"without the agent {number}")
            load.settle(f"without the agent {number}", requests=50)
            bed.start_agent()
            load.enter(f"with it again {number}")
            assert assert_in_order(bed, "after the restart") >= before
            assert objects(bed) == kept
            load.settle(f"with it again {number}", requests=50)
    load.assert_none_failed()
    assert all(set(phase.answers) == {"v2"} for phase in load.phases.values() if phase.answers), "the policy was another"
    assert_a_flip_takes_effect(bed)


def test_the_data_plane_comes_back_with_its_last_good_set_without_the_agent_and_with_it(bed):
    kept = objects(bed)
    for number in range(2):
        before = wait_until_kept(bed)
        bed.kill("agent")
        bed.kill("dataplane")
        bed.start_dataplane()
        wait_until(lambda: bed.curl("/", seconds=5).stdout == "hello from v2\n", "an answer without the agent")
        assert served(bed) == {"hello from v2"}
        bed.start_agent(store=f"empty-{number}.db")  # knows nothing, and so only looks
        assert assert_in_order(bed, "with the set that was kept") == before and served(bed) == {"hello from v2"}
        bed.kill("agent")
        bed.start_agent()
        assert assert_in_order(bed, "with both again") >= before
        assert objects(bed) == kept and served(bed) == {"hello from v2"}
    assert_a_flip_takes_effect(bed)


def test_the_data_plane_killed_under_load_serves_again_and_the_agent_finds_it(bed):
    kept = objects(bed)
    with Load(bed) as load:
        for number in range(2):
            before = wait_until_kept(bed)
            load.enter(f"away {number}")
            bed.kill("dataplane")
            wait_until(lambda: bed.byway("status")[0] != 0, "byway status says that the data plane is away")
            bed.start_dataplane()
            wait_until(lambda: bed.curl("/", seconds=5).stdout == "hello from v2\n", "an answer")
            assert assert_in_order(bed, "after the restart") >= before
            back = load.enter(f"back {number}")
            # What began while it was away may still wait for a SYN to be sent again.
            load.settle(f"back {number}", requests=100)
            assert not back.failures and set(back.answers) == {"v2"}, f"{dict(back.failures)} {dict(back.answers)}"
    assert objects(bed) == kept
    assert all(set(phase.answers) <= {"v2"} for phase in load.phases.values()), "the policy was another"
    assert_a_flip_takes_effect(bed)


def test_the_agent_restarted_while_the_data_plane_is_away_hands_over_what_was_written_meanwhile(bed):
    bed.kill("dataplane")
    bed.kill("agent")
    bed.start_agent()
    status, answer = bed.api("POST", "/byway/v1/apply?wait=applied&timeout=1s", route("hello", V1))
    assert status == 202 and not answer["receipt"]["applied"] and answer["receipt"]["reason"], f"{status} {answer}"
    bed.kill("agent")
    bed.start_agent()
    bed.start_dataplane()
    assert_in_order(bed, "with both again")
    assert served(bed) == {"hello from v1"}
    assert_a_flip_takes_effect(bed)


def weight_of(bed, name="hello"):
    status, answer = bed.api("GET", f"{ROUTES}/{name}")
    assert status in (200, 404), answer
    return answer["spec"]["rules"][0]["backendRefs"][0]["weight"] if status == 200 else None


def test_what_the_agent_has_acknowledged_survives_its_kill(bed):
    for weight in range(1, 11):
        status, answer = bed.api("PUT", f"{ROUTES}/hello", route("hello", {"hello-v1": weight, "hello-v2": 1}))
        bed.kill("agent")
        assert status == 200, answer
        bed.start_agent()
        assert weight_of(bed) == weight
    status, answer = bed.api("DELETE", f"{ROUTES}/hello")
    bed.kill("agent")
    assert status == 200, answer
    bed.start_agent()
    assert weight_of(bed) is None
    bed.apply(route("hello", V2))


def test_a_write_in_progress_when_the_agent_is_killed_is_there_whole_or_not_at_all(bed):
    """Ten routes in one request, killed at some moment of it."""
    chance = random.Random(4)
    outcomes = set()
    for number in range(12):
        documents = [route(f"many-{index}", {"hello-v1": number + 1, "hello-v2": 0}, prefix=f"/many/{index}") for index in range(10)]
        before = [weight_of(bed, f"many-{index}") for index in range(10)]
        answers = []

        def write(documents=documents, answers=answers):
            text = "\n".join(map(json.dumps, documents))
            try:
                answers.append(bed.api("POST", "/byway/v1/apply", text)[0])
            except (OSError, ScriptError):  # the agent was killed before it answered
                answers.append(None)

        writer = threading.Thread(target=write)
        writer.start()
        writer.join(chance.random() * 0.02)
        bed.kill("agent")
        writer.join(PATIENCE_SECONDS)
        bed.start_agent()
        after = [weight_of(bed, f"many-{index}") for index in range(10)]
        assert after in (before, [number + 1] * 10), f"{before} became {after}"
        assert answers != [200] or after == [number + 1] * 10, f"acknowledged, but {after}"
        outcomes.add(after == before)
    assert_in_order(bed, "at the end")
    for index in range(10):
        bed.api("DELETE", f"{ROUTES}/many-{index}")
    print(f"          {outcomes}: True where a kill came before the write")


def test_everything_is_given_back(bed):
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


main(globals(), make_bed=RestartBed)
