#!/usr/bin/env python3
"""Policy that changes under load, by the REST API: weights, routes, endpoints. No request fails, and what a
receipt says is true from then on."""

import time

from agent import ROUTES, SLICES, AgentBed, backend, endpoint_slice, gateway, is_alive, route
from harness import GATEWAY, PATIENCE_SECONDS, main, wait_until
from load import Load

FLIP_SECONDS = 0.1
FLIPS = 40
SPLITS = [{"hello-v1": 90, "hello-v2": 10}, {"hello-v1": 0, "hello-v2": 100}, {"hello-v1": 50, "hello-v2": 50}]


class FlipBed(AgentBed):
    def prepare(self):
        self.apply(*gateway(), *backend("hello-v1", "v1"), *backend("hello-v2", "v2"), *backend("both", "v1", "v2"),
                   route("hello", SPLITS[0]))


def assert_served(phase, *versions):
    assert phase.count() > 0 and set(phase.answers) <= set(versions), f"{dict(phase.answers)}, wanted {versions}"


def put(bed, path, document):
    """Writes one object and returns the receipt, which must say that all workers run it."""
    status, answer = bed.api("PUT", f"{path}?wait=applied&timeout={PATIENCE_SECONDS - 5}s", document)
    assert status == 200 and answer["receipt"]["applied"], f"{status} {answer}"
    return answer["receipt"]


def test_weights_flip_every_100_ms_without_a_failed_request_and_each_receipt_is_kept(bed):
    bed.apply(route("hello", SPLITS[0]))
    generation = 0
    with Load(bed) as load:
        for number in range(FLIPS):
            began = time.monotonic()
            split = SPLITS[number % len(SPLITS)]
            receipt = put(bed, f"{ROUTES}/hello", route("hello", split))
            assert receipt["generation"] > generation, receipt
            assert receipt["workers"] and all(worker["applied"] for worker in receipt["workers"]), receipt
            generation = receipt["generation"]
            name = f"{number}: {split}"
            phase = load.enter(name)
            load.settle(name, requests=8)
            time.sleep(max(0.0, began + FLIP_SECONDS - time.monotonic()))
            # A request that has begun in the phase may reach the gateway after the next flip: those are waited for.
            load.enter("between")
            load.settle(name)
            if 0 in split.values():
                assert_served(phase, "v2")
    load.assert_none_failed()
    whole = [phase for name, phase in load.phases.items() if "100" in name]
    assert len(whole) == FLIPS // len(SPLITS) and load.count() > 10 * FLIPS, f"{len(whole)} {load.count()}"


def test_flips_under_wrk_cost_no_request(bed):
    url = f"http://{GATEWAY}/"
    wrk = bed.processes.start("wrk", bed.network.inside("client", ["wrk", "-t1", "-c32", "-d4s", "--timeout", "30s", url]))
    flips = 0
    while is_alive(wrk):
        began = time.monotonic()
        put(bed, f"{ROUTES}/hello", route("hello", SPLITS[flips % len(SPLITS)]))
        flips += 1
        time.sleep(max(0.0, began + FLIP_SECONDS - time.monotonic()))
    bed.processes.running.pop("wrk")
    text = bed.processes.log_tail("wrk")
    assert wrk.returncode == 0 and "Requests/sec" in text, text
    assert "Socket errors" not in text and "Non-2xx" not in text and flips >= 5, f"{flips} flips\n{text}"


def test_endpoints_leave_and_come_back_under_load_without_a_failed_request(bed):
    bed.apply(route("hello", "both"))
    with Load(bed) as load:
        for number in range(8):
            for versions in (["v1"], ["v1", "v2"], ["v2"], ["v2", "v1"]):
                put(bed, f"{SLICES}/both", endpoint_slice("both", *versions))
                name = f"{number}: {versions}"
                phase = load.enter(name)
                load.settle(name, requests=16)
                load.enter("between")
                load.settle(name)
                assert_served(phase, *versions)
                assert len(versions) == 1 or set(phase.answers) == {"v1", "v2"}, dict(phase.answers)
    load.assert_none_failed()


def test_a_removed_endpoint_may_die_once_its_kept_connections_are_idle(bed):
    bed.apply(*backend("both", "v1", "v2"), route("hello", "both"))
    with Load(bed) as load:
        put(bed, f"{SLICES}/both", endpoint_slice("both", "v1"))
        load.enter("v1 only")
        load.settle("start")
        bed.kill("nginx-v2")
        load.settle("v1 only", requests=200)
        bed.start_servers(versions=["v2"])
        load.enter("between")
        bed.apply(*backend("both", "v1", "v2"))
        both = load.enter("both")
        wait_until(lambda: both.answers["v2"] > 20, "the new server is asked")
    load.assert_none_failed()
    assert_served(load.phases["v1 only"], "v1")


def test_routes_and_backends_that_are_added_and_removed_leave_others_alone(bed):
    bed.apply(*backend("hello-v1", "v1"), route("hello", "hello-v1"))
    with Load(bed) as load:
        for number in range(10):
            bed.apply(*backend(f"extra-{number}", "v2"), route(f"extra-{number}", f"extra-{number}", prefix=f"/extra/{number}"))
            assert bed.curl(f"/extra/{number}").stdout == "hello from v2\n"
            assert bed.api("DELETE", f"{ROUTES}/extra-{number}?wait=applied&timeout=10s")[0] == 200
            assert bed.curl(f"/extra/{number}").stdout == "hello from v1\n"
    load.assert_none_failed()
    assert all(set(phase.answers) <= {"v1"} for phase in load.phases.values()), {n: dict(p.answers) for n, p in load.phases.items()}


main(globals(), make_bed=FlipBed)
