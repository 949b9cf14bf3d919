#!/usr/bin/env python3
# timeout: 240
"""Linux's TCP on both sides of the gateway over a network that loses, reorders and duplicates: content arrives
whole, and no request fails."""

from backend import content, digest
from harness import GATEWAY, main
from link import LinkBed
from load import Load
from peers import metric, start_backend

MIB = 1 << 20
POLICY = """\
listener default/demo/http 80
backend default/nginx:80 10.80.1.2:8080
backend default/python:80 10.80.1.2:8090
route default/nginx prefix=/ to default/nginx:80
route default/bytes prefix=/bytes to default/python:80
route default/digest prefix=/digest to default/python:80
"""


class NetworkBed(LinkBed):
    def __init__(self):
        super().__init__()
        try:
            start_backend(self, "v1", 8090)
            self.publish(POLICY)
        except BaseException:
            self.remove()
            raise


def move(bed, size):
    """An upload and a download of so many bytes at one time, both by curl, with the digest of what arrived."""
    path = bed.directory / "upload"
    with path.open("wb") as file:
        for block in content(size):
            file.write(block)
    url = f"http://{GATEWAY}"
    commands = {"upload": f"curl -sS --fail --max-time 100 -T {path} {url}/digest",
                "download": f"curl -sS --fail --max-time 100 {url}/bytes/{size} | b2sum -l 128"}
    processes = {name: bed.processes.start(name, bed.network.inside("client", ["sh", "-c", command])) for name, command in commands.items()}
    for name, process in processes.items():
        assert process.wait(timeout=110) == 0, bed.processes.log_tail(name)
        bed.processes.running.pop(name)
        log = bed.directory / f"logs/{name}.log"
        assert log.read_text().split()[0] == digest(content(size)), f"{name}: {log.read_text()}"
        log.unlink()


def ask(bed, requests, **options):
    """Many small requests on kept connections."""
    with Load(bed, **options) as load:
        load.settle("start", requests=requests)
    load.assert_none_failed()


def assert_lost(bed, rules):
    lost = bed.lost()
    assert len(lost) == rules and all(lost), f"{lost}: nothing was lost somewhere, so nothing was shown"
    return sum(lost)


def test_transfers_over_a_network_without_faults(bed):
    move(bed, 20 * MIB)
    ask(bed, 500)


def test_1_percent_lost_everywhere(bed):
    before = metric(bed, POLICY, "byway_tcp_retransmitted_segments_total")
    bed.lose(client=1, v1=1)
    move(bed, 20 * MIB)
    ask(bed, 500)
    assert_lost(bed, rules=4)
    assert metric(bed, POLICY, "byway_tcp_retransmitted_segments_total") > before + 50


def test_3_percent_lost_on_either_side(bed):
    for part in ("client", "v1"):
        bed.lose(**{part: 3})
        move(bed, 8 * MIB)
        assert_lost(bed, rules=2)


def test_5_percent_lost_between_clients_and_gateway(bed):
    bed.lose(client=5)
    move(bed, 3 * MIB)
    ask(bed, 500, connections=32)
    ask(bed, 200, connections=32, is_kept=False)
    assert_lost(bed, rules=2)


def test_reordered_and_duplicated_frames_between_client_and_gateway(bed):
    bed.lose()
    bed.reorder("client", seed=1, reorder=10, duplicate=2)
    move(bed, 20 * MIB)
    ask(bed, 500)
    done = bed.end_reordering("client")
    assert done["held"] > 1000 and done["duplicated"] > 200, done


def test_reordered_and_duplicated_frames_between_gateway_and_backend(bed):
    bed.lose()
    bed.reorder("v1", seed=2, reorder=10, duplicate=2)
    move(bed, 20 * MIB)
    ask(bed, 500)
    done = bed.end_reordering("v1")
    assert done["held"] > 1000 and done["duplicated"] > 200, done


def test_all_of_it_on_both_sides(bed):
    bed.reorder("client", seed=3, reorder=20, duplicate=5)
    bed.lose(v1=2)
    move(bed, 4 * MIB)
    ask(bed, 300)
    bed.end_reordering("client")
    assert_lost(bed, rules=2)


def test_everything_is_given_back(bed):
    bed.lose()
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


main(globals(), make_bed=NetworkBed)
