#!/usr/bin/env python3
# timeout: 240
"""IPv6 over real ports against the kernel's: neighbours, echo, duplicate addresses, and HTTP in every pairing of
IP versions between client and backend."""

import contextlib
import ipaddress
import re
import subprocess

from backend import content, digest
from harness import demo_layout, main, wait_until
from ipv6 import BACKEND, BACKEND_GATEWAY, BYTES_PORT, CLIENT, GATEWAY, POLICY, Ipv6Bed, with_ipv6
from peers import metric, start_backend

SIX = f"http://[{GATEWAY}]"
FOUR = f"http://{demo_layout.GATEWAY_ADDRESS}"
MIB = 1 << 20
# On the client's link: another station has it, and policy wants it for the gateway too.
CONTESTED = "fd00:80::77"


def counter(bed, name):
    return metric(bed, POLICY, f"byway_net_{name}_total")


def ping(bed, address, *arguments):
    return bed.client(["ping", "-6", "-c", 3, "-i", 0.2, "-W", 2, *arguments, address])


def is_up(bed):
    return ping(bed, GATEWAY).returncode == 0


def publish(bed):
    bed.publish(POLICY)
    wait_until(lambda: is_up(bed), "the gateway uses its IPv6 address")


def link_local(bed, part):
    """The gateway's link-local address on its interface to `part`: its MAC address as modified EUI-64."""
    command = bed.network.inside("gateway", ["cat", f"/sys/class/net/to-{part}/address"])
    mac = bytes.fromhex(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().replace(":", ""))
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]))


def neighbor(bed, part, address):
    """The kernel's line about a neighbour."""
    return bed.ip(part, "-6", "neighbour", "show", address, "dev", "eth0")


def test_the_kernel_finds_the_gateway_and_its_echo_requests_are_answered(bed):
    publish(bed)
    result = ping(bed, GATEWAY, "-s", 1400)
    assert result.returncode == 0 and " 0% packet loss" in result.stdout, result.stdout + result.stderr
    assert re.search(r"lladdr ([0-9a-f:]{17}) .*(REACHABLE|STALE|DELAY|PROBE)", neighbor(bed, "client", GATEWAY)), neighbor(bed, "client", GATEWAY)
    assert counter(bed, "addresses_duplicate") == 0


def test_the_kernel_s_confirmation_of_the_gateway_succeeds(bed):
    """It asks everybody once it knows nobody, and its neighbour, for confirmation."""
    publish(bed)
    before = counter(bed, "ndp_solicitations_answered")
    bed.ip("client", "-6", "neighbour", "flush", "dev", "eth0")
    wait_until(lambda: is_up(bed) and "REACHABLE" in neighbor(bed, "client", GATEWAY), "the kernel has proof that the gateway hears it")
    assert counter(bed, "ndp_solicitations_answered") > before


def test_the_link_local_address_is_answered_on_its_link_only(bed):
    publish(bed)
    bed.ip("client", "-6", "address", "add", "fe80::2/64", "dev", "eth0", "nodad")
    mine, other = link_local(bed, "client"), link_local(bed, "v1")
    assert ping(bed, f"{mine}%eth0").returncode == 0
    assert ping(bed, f"{other}%eth0").returncode != 0


def test_http_in_every_pairing_of_ip_versions(bed):
    publish(bed)
    expected = {
        (SIX, "/six"): f"{BACKEND_GATEWAY} for {CLIENT}",
        (SIX, "/four"): f"{demo_layout.BACKEND_GATEWAYS['v2']} for {CLIENT}",
        (FOUR, "/six"): f"{BACKEND_GATEWAY} for 10.80.0.2",
        (FOUR, "/four"): f"{demo_layout.BACKEND_GATEWAYS['v2']} for 10.80.0.2",
    }
    for (base, path), text in expected.items():
        result = bed.curl(base + path, "--fail")
        assert result.returncode == 0 and result.stdout == text + "\n", f"{base}{path}: {result.stdout}{result.stderr}"


def test_content_arrives_whole_both_ways_over_ipv6(bed):
    start_backend(bed, "v1", BYTES_PORT, address=BACKEND)
    publish(bed)
    size = 20 * MIB
    path = bed.directory / "upload"
    with path.open("wb") as file:
        for block in content(size):
            file.write(block)
    upload = bed.curl(f"{SIX}/digest", "--fail", "-T", path)
    assert upload.stdout == digest(content(size)), upload.stdout + upload.stderr
    download = bed.client(["sh", "-c", f"curl -sS -g --fail --max-time 60 {SIX}/bytes/{size} | b2sum -l 128"])
    assert download.stdout.split()[0] == digest(content(size)), download.stdout + download.stderr
    assert counter(bed, "drop_tcp_checksum") == 0


def test_a_backend_that_vanishes_is_given_up_and_found_again(bed):
    publish(bed)
    assert bed.curl(f"{SIX}/six", "--fail").returncode == 0
    bed.ip("v1", "link", "set", "eth0", "down")
    try:
        wait_until(lambda: bed.curl(f"{SIX}/six", "-o", "/dev/null", "-w", "%{http_code}").stdout in ("503", "504"),
                   "requests for it are answered by the gateway", 90)
        wait_until(lambda: counter(bed, "neighbors_failed") > 0, "the neighbour is given up", 60)
    finally:
        bed.ip("v1", "link", "set", "eth0", "up")
    wait_until(lambda: bed.curl(f"{SIX}/six", "--fail").returncode == 0, "its requests succeed again", 60)
    assert bed.curl(f"{SIX}/four", "--fail").returncode == 0


def test_a_station_that_wants_the_gateway_s_address_is_told(bed):
    """The kernel's detection of duplicates hears our answer to its probe."""
    publish(bed)
    bed.add_address("client", GATEWAY, "scope", "global")
    try:
        wait_until(lambda: "dadfailed" in bed.ip("client", "-6", "address", "show", "dev", "eth0", "to", f"{GATEWAY}/128"),
                   "the kernel finds its address a duplicate")
    finally:
        bed.ip("client", "-6", "address", "delete", f"{GATEWAY}/64", "dev", "eth0")
    publish(bed)
    assert bed.curl(f"{SIX}/six", "--fail").returncode == 0


def test_an_address_that_another_station_has_is_not_used(bed):
    bed.add_address("client", CONTESTED)
    policy = POLICY.replace("listener default/demo/http 80", f"listener default/demo/http 80 address={CONTESTED} address={GATEWAY}")
    before = counter(bed, "addresses_duplicate")
    bed.publish(policy)
    wait_until(lambda: metric(bed, policy, "byway_net_addresses_duplicate_total") == before + 1, "the duplicate is found")
    # The kernel keeps its address: nobody claims it.
    assert "dadfailed" not in bed.ip("client", "-6", "address", "show", "dev", "eth0")
    assert bed.curl(f"{SIX}/six", "--fail").returncode == 0
    bed.ip("client", "-6", "address", "delete", f"{CONTESTED}/64", "dev", "eth0")
    log = bed.directory / "logs/dataplane.log"
    wait_until(lambda: f"port client: {CONTESTED} belongs to another station" in log.read_text(), "it is logged")
    bed.publish(POLICY)
    bed.publish(policy)  # nobody has it any more
    wait_until(lambda: bed.curl(f"http://[{CONTESTED}]/six", "--fail").returncode == 0, "the address is used")


def test_router_advertisements_are_not_followed(bed):
    publish(bed)
    before = counter(bed, "drop_ndp_router")
    # A router solicitation, as the kernel sends it: the simplest of what only routers read.
    program = ("import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6); "
               "s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255); "
               "i = socket.if_nametoindex('eth0'); "
               "[s.sendto(bytes([kind, 0, 0, 0]) + bytes(12), ('ff02::1', 0, 0, i)) for kind in (133, 134, 137)]")
    assert bed.client(["python3", "-c", program]).returncode == 0
    wait_until(lambda: counter(bed, "drop_ndp_router") >= before + 3, "they are counted")
    assert is_up(bed)


@contextlib.contextmanager
def bed_with(change):
    """A bed of its own, whose node.yaml has `change` made to it."""
    bed = Ipv6Bed(node=lambda text: change(with_ipv6(text)))
    try:
        publish(bed)
        yield bed
    finally:
        problems = bed.remove()
    assert not problems, problems


def test_two_workers_share_neighbours_and_connections(bed):
    with bed_with(lambda text: text + "\nworkers: {cores: [0, 1]}\n") as bed:
        for _ in range(40):  # a connection each, so that both workers have some
            for path in ("/six", "/four"):
                assert bed.curl(SIX + path, "--fail").returncode == 0
        assert counter(bed, "addresses_duplicate") == 0
        assert_fragments_are_put_together(bed)


# In IPv4 the kernel puts fragments together itself before af_packet gets them (PACKET_FANOUT_FLAG_DEFRAG).
def assert_fragments_are_put_together(bed):
    before = counter(bed, "datagrams_reassembled")
    bed.ip("client", "-6", "route", "replace", f"{GATEWAY}/128", "dev", "eth0", "mtu", "1280")
    assert ping(bed, GATEWAY, "-s", "1400", "-M", "want").returncode == 0
    assert counter(bed, "datagrams_reassembled") == before + 3


def test_a_ping_in_fragments_is_answered(bed):
    with bed_with(lambda text: text) as bed:
        assert_fragments_are_put_together(bed)


def test_an_af_xdp_port_receives_the_groups_of_its_addresses(bed):
    packet_device = "net_af_packet0,iface=to-client,framesz=2048,blocksz=16384"
    with bed_with(lambda text: text.replace(packet_device, "net_af_xdp0,iface=to-client")) as bed:
        assert "port client: net_af_xdp" in bed.processes.log_tail("dataplane")
        bed.ip("client", "-6", "neighbour", "flush", "dev", "eth0")
        before = counter(bed, "ndp_solicitations_answered")
        wait_until(lambda: is_up(bed) and counter(bed, "ndp_solicitations_answered") > before, "a solicitation of the kernel is answered")
        assert bed.curl(f"{SIX}/six", "--fail").returncode == 0


def test_the_interfaces_of_ipv6_ports_receive_all_groups_while_the_gateway_runs(bed):
    def receives_all(part):
        return "allmulti 1" in bed.ip("gateway", "-d", "link", "show", f"to-{part}")

    assert [receives_all(part) for part in ("client", "v1", "v2")] == [True, True, False]
    assert bed.processes.stop("dataplane") == 0
    assert not receives_all("client")
    bed.start_dataplane()
    publish(bed)


def test_everything_is_given_back(bed):
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


main(globals(), make_bed=Ipv6Bed)
