#!/usr/bin/env python3
# timeout: 300
"""The kernel beside the gateway on one port: by the port's addresses, which both have, and by its own, programs of
the kernel are reached and reach others, while HTTP at the same address is the gateway's."""

import contextlib
import os
import pathlib
import socket
import subprocess
import threading

from backend import content, digest
from harness import GATEWAY, SPLIT, Bed, demo_layout, main, wait_until
from load import Load
from netns import run
from peers import ANSWER_SECONDS, metric, namespace_of

MIB = 1 << 20
INTERFACE = "byway0"
SSH_PORT = 22
POLICY = SPLIT.format(v1=1, v2=1)
CLIENT = {4: "10.80.0.2", 6: "fd00:80::2"}
SHARED = {4: GATEWAY, 6: "fd00:80::1"}
OWN = {4: "10.80.0.5", 6: "fd00:80::5"}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
PROBE = str(pathlib.Path(__file__).with_name("probe.py"))


def with_kernel(text):
    addresses = f"[{SHARED[4]}/24]"
    assert addresses in text
    return text.replace(addresses, f'[{SHARED[4]}/24, "{SHARED[6]}/64"]\n    kernel: {{interface: {INTERFACE}}}')


class KernelBed(Bed):
    """The data plane with a kernel's side of the client's port."""

    def __init__(self):
        self.cores = [0]
        self.is_made_before = False  # the interface is there before the data plane, and after it
        super().__init__(node=lambda text: with_kernel(text) + f"\nworkers: {{cores: {self.cores}}}\n")

    def lay_out(self):
        super().lay_out()
        self.network.set_sysctl(self.network.namespace("client"), "net.ipv6.conf.eth0.disable_ipv6", 0)
        self.ip("client", "address", "add", f"{CLIENT[6]}/64", "dev", "eth0", "nodad")
        # A packet socket takes nothing away: else the kernel would see each frame twice, and those of the gateway.
        run(self.network.inside("gateway", ["nft", "table netdev byway { chain ingress { "
                                            "type filter hook ingress device to-client priority 0; policy drop; }; }"]))

    def ip(self, part, *words):
        return run(["ip", "-n", self.network.namespace(part), *words]).stdout

    def give_addresses(self):
        for address in (f"{SHARED[4]}/24", f"{OWN[4]}/24", f"{SHARED[6]}/64", f"{OWN[6]}/64"):
            self.ip("gateway", "address", "add", address, "dev", INTERFACE)

    def start_dataplane(self):
        super().start_dataplane()
        if not self.is_made_before:
            self.give_addresses()
        self.publish(POLICY)
        # Both have found out by now that nobody else has the addresses.
        wait_until(lambda: "tentative" not in self.ip("gateway", "-6", "address", "show", "dev", INTERFACE), "the kernel uses its addresses")
        for address in (SHARED[6], OWN[6]):
            wait_until(lambda to=address: ping(self, "client", to, count=1), f"{address} answers")

    def count(self, name):
        return metric(self, POLICY, f"byway_{name}_total")


@contextlib.contextmanager
def server(bed, part, serve, kind=socket.SOCK_STREAM, address="::"):
    """A socket of the kernel in the namespace of `part`, at all its addresses or one (a datagram's answer comes from
    where it was asked then); `serve` gets each connection, or the socket itself if it is of UDP."""
    with namespace_of(bed, part):
        listener = socket.socket(FAMILIES[6 if ":" in address else 4], kind)
        if address == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, SSH_PORT))
    if kind == socket.SOCK_STREAM:
        listener.listen()

    def loop():
        with contextlib.suppress(OSError):
            while True:
                if kind == socket.SOCK_DGRAM:
                    serve(listener)
                    continue
                connection, _ = listener.accept()
                with connection:
                    serve(connection)

    threading.Thread(target=loop, daemon=True).start()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def echo(connection):
    while piece := connection.recv(65536):
        connection.sendall(piece)


def echo_datagram(listener):
    data, sender = listener.recvfrom(65536)
    if sender is None:
        raise OSError("shut down")
    listener.sendto(data, sender)


def connect(bed, part, version, address, tcp_port=SSH_PORT, source=None):
    with namespace_of(bed, part):
        client = socket.socket(FAMILIES[version], socket.SOCK_STREAM)
    client.settimeout(ANSWER_SECONDS)
    if source:
        client.bind((source, 0))
    client.connect((address, tcp_port))
    return client


def echoed(client, blocks):
    """Sends blocks, reads as much, and returns (digest of what went, digest of what came)."""
    blocks = list(blocks)

    def send():
        for block in blocks:
            client.sendall(block)
        client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    pieces = []
    while piece := client.recv(65536):
        pieces.append(piece)
    sender.join()
    return digest(blocks), digest(pieces)


def ping(bed, part, address, count=3, source=None):
    command = ["ping", "-c", str(count), "-i", "0.2", "-W", "2", *(["-I", source] if source else []), address]
    return subprocess.run(bed.network.inside(part, command), capture_output=True, check=False).returncode == 0


def assert_the_gateway_serves(bed):
    for _ in range(3):
        assert bed.curl("/").stdout.startswith("hello from v"), "HTTP at the shared address is the gateway's"


def check_the_kernel_is_reached(bed):
    with server(bed, "gateway", echo):
        for version in (4, 6):
            for address in (SHARED[version], OWN[version]):
                with connect(bed, "client", version, address) as client:
                    went, came = echoed(client, [b"hello"])
                    assert went == came, address
                assert_the_gateway_serves(bed)


def check_the_kernel_reaches_others(bed):
    with server(bed, "client", echo):
        for version in (4, 6):
            for source in (SHARED[version], OWN[version]):
                assert ping(bed, "gateway", CLIENT[version], source=source), source
                with connect(bed, "gateway", version, CLIENT[version], source=source) as client:
                    went, came = echoed(client, [b"hello"])
                    assert went == came, source


def check_bulk(bed, size):
    """Both ways at one time over each kind of address, while the gateway answers requests."""
    with Load(bed) as load, server(bed, "gateway", echo):
        for version, address in ((4, SHARED[4]), (4, OWN[4]), (6, SHARED[6])):
            with connect(bed, "client", version, address) as client:
                went, came = echoed(client, content(size))
                assert went == came, address
    load.assert_none_failed()


def check_end(bed):
    code = bed.processes.stop("dataplane")
    log = bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


def test_the_kernel_is_reached_at_the_shared_address_and_its_own_while_http_is_the_gateway_s(bed):
    check_the_kernel_is_reached(bed)


def test_pings_to_either_kind_of_address_are_answered(bed):
    for version in (4, 6):
        for address in (SHARED[version], OWN[version]):
            assert ping(bed, "client", address), address


def test_the_kernel_reaches_others_from_either_kind_of_address(bed):
    check_the_kernel_reaches_others(bed)


def test_udp_is_the_kernel_s_also_in_pieces(bed):
    for version in (4, 6):
        for address in (SHARED[version], OWN[version]):
            with namespace_of(bed, "client"):
                client = socket.socket(FAMILIES[version], socket.SOCK_DGRAM)
            client.settimeout(ANSWER_SECONDS)
            with client, server(bed, "gateway", echo_datagram, socket.SOCK_DGRAM, address):
                client.connect((address, SSH_PORT))
                # Not those of IPv4, which come from a packet socket as one frame that is too long.
                for size in (5, 1400, 6000 if version == 6 else 6):
                    data = os.urandom(size)
                    client.send(data)
                    assert client.recv(65536) == data, f"{address}, {size} bytes"


def test_a_frame_that_the_interface_does_not_take_is_counted_and_holds_up_no_other(bed):
    before = bed.count("worker_kernel_drop_refused")
    with namespace_of(bed, "client"):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client:
        client.sendto(bytes(1900), (SHARED[4], 9))
    wait_until(lambda: bed.count("worker_kernel_drop_refused") == before + 1, "it is too long, in one piece")
    check_the_kernel_is_reached(bed)


def test_a_bulk_transfer_is_whole_while_the_gateway_serves(bed):
    check_bulk(bed, 16 * MIB)


def test_questions_for_a_shared_address_are_answered_once_and_those_for_the_kernel_s_own_too(bed):
    mac = bed.ip("gateway", "-br", "link", "show", "to-client").split()[2]
    for address in (SHARED[4], OWN[4]):
        result = bed.client(["python3", PROBE, "arp", "eth0", address, "3"])
        assert result.stdout.split() == [mac] * 3, f"{address}: {result.stdout}{result.stderr}"


def test_neither_takes_the_other_for_a_stranger_with_its_address(bed):
    shown = bed.ip("gateway", "-6", "address", "show", "dev", INTERFACE)
    assert SHARED[6] in shown and "dadfailed" not in shown and "tentative" not in shown, shown
    for name in ("net_addresses_duplicate", "net_drop_arp_conflict", "net_drop_ndp_conflict"):
        assert bed.count(name) == 0, name


def test_a_closed_port_of_a_shared_address_is_refused_by_the_kernel_and_where_it_has_no_part_by_the_gateway(bed):
    before = bed.count("tcp_segments_not_ours")
    try:
        connect(bed, "client", 4, SHARED[4], 9).close()
        raise AssertionError("somebody listens there")
    except ConnectionRefusedError:
        pass
    assert bed.count("tcp_segments_not_ours") == before + 1
    resets = bed.count("tcp_resets_out")
    result = subprocess.run(bed.network.inside("v1", ["python3", PROBE, "syn", "eth0", demo_layout.BACKEND_GATEWAYS["v1"], "9", "0"]),
                            capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["0x14"], result
    assert bed.count("tcp_resets_out") == resets + 1


def test_an_icmp_error_about_a_packet_of_the_kernel_reaches_the_kernel(bed):
    with namespace_of(bed, "gateway"):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(ANSWER_SECONDS)
    with client:
        client.bind((SHARED[4], 0))
        client.connect((CLIENT[4], 9))
        client.send(b"nobody listens there")
        try:
            client.recv(100)
            raise AssertionError("somebody answered")
        except ConnectionRefusedError:
            pass


def test_connections_of_the_gateway_use_ports_that_the_kernel_does_not(bed):
    bed.publish("listener default/demo/http 80\nbackend default/there:80 10.80.0.2:8000\nroute default/there prefix=/ to default/there:80\n")
    with namespace_of(bed, "client"):
        listener = socket.create_server(("10.80.0.2", 8000))
    with listener:
        listener.settimeout(ANSWER_SECONDS)
        ports = []

        def serve():
            for _ in range(20):
                connection, peer = listener.accept()
                ports.append(peer[1])
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        for _ in range(20):
            assert bed.curl("/", "-f").returncode == 0
        thread.join()
    bed.publish(POLICY)
    assert len(ports) == 20 and all(16384 <= port < 32768 for port in ports), ports


def test_an_interface_that_is_down_costs_the_gateway_nothing(bed):
    bed.ip("gateway", "link", "set", INTERFACE, "down")
    with Load(bed) as load:
        before = bed.count("worker_kernel_drop_refused")
        with Flood(bed):
            wait_until(lambda: bed.count("worker_kernel_drop_refused") > before + 1000, "nothing waits for it to come up")
            load.settle("start", requests=load.count() + 200)
    load.assert_none_failed()
    bed.ip("gateway", "link", "set", INTERFACE, "up")
    for address in (SHARED[6], OWN[6]):
        bed.ip("gateway", "address", "replace", f"{address}/64", "dev", INTERFACE, "nodad")
    check_the_kernel_is_reached(bed)


class Flood:
    """UDP to the shared address, as fast as one process sends it."""

    SCRIPT = """
import socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((sys.argv[1], 9))
while True:
    try:
        sender.send(b"flood")
    except OSError:
        pass
"""

    def __init__(self, bed):
        self.bed = bed

    def __enter__(self):
        self.bed.processes.start("flood", self.bed.network.inside("client", ["python3", "-c", self.SCRIPT, SHARED[4]]))
        return self

    def __exit__(self, *_):
        self.bed.processes.stop("flood")


def test_a_flood_for_the_kernel_is_cut_and_counted_while_the_gateway_serves(bed):
    with Load(bed) as load:
        before = bed.count("worker_kernel_drop_rate")
        with Flood(bed):
            wait_until(lambda: bed.count("worker_kernel_drop_rate") > before + 1000, "the flood is cut")
            load.settle("start", requests=load.count() + 200)
    load.assert_none_failed()
    assert_the_gateway_serves(bed)
    check_the_kernel_is_reached(bed)


def test_all_buffers_come_back_and_the_interface_goes(bed):
    check_end(bed)
    assert INTERFACE not in bed.ip("gateway", "link", "show")


def test_two_workers_share_the_kernel_s_interface(fresh_bed):
    if os.cpu_count() < 2:
        return
    fresh_bed.processes.stop("dataplane")
    fresh_bed.cores = [0, 1]
    fresh_bed.start_dataplane()
    check_the_kernel_is_reached(fresh_bed)
    check_the_kernel_reaches_others(fresh_bed)
    check_bulk(fresh_bed, 4 * MIB)
    check_end(fresh_bed)


def test_an_interface_that_was_made_before_keeps_its_addresses_when_the_data_plane_restarts(fresh_bed):
    fresh_bed.processes.stop("dataplane")
    fresh_bed.ip("gateway", "tuntap", "add", INTERFACE, "mode", "tap", "multi_queue")
    fresh_bed.give_addresses()
    fresh_bed.is_made_before = True
    for _ in range(2):
        fresh_bed.start_dataplane()
        check_the_kernel_is_reached(fresh_bed)
        check_end(fresh_bed)
        assert OWN[4] in fresh_bed.ip("gateway", "address", "show", "dev", INTERFACE)


main(globals(), make_bed=KernelBed)
