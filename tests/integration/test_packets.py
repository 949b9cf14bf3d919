#!/usr/bin/env python3
# timeout: 240
"""The network layer of byway-dataplane over real ports: ARP, echo, checksums, garbage, start and stop."""

import os
import pathlib
import signal
import subprocess

from harness import GATEWAY, SPLIT, Bed, main, program, wait_until

# Nobody has the first backend's address; the second is behind a router that has no way to it.
UNREACHABLE = """\
listener default/demo/http 80
backend default/absent:80 10.80.1.99:8080
backend default/behind:80 10.99.0.1:8080
route default/absent prefix=/absent to default/absent:80
route default/behind prefix=/behind to default/behind:80
"""
PROBE = str(pathlib.Path(__file__).with_name("probe.py"))


def probe(bed, *arguments):
    result = bed.client(["python3", PROBE, arguments[0], "eth0", *arguments[1:]])
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def gateway_mac(bed):
    command = bed.network.inside("gateway", ["cat", "/sys/class/net/to-client/address"])
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def metric(bed, name):
    """A counter of the data plane. Publishing a set is how publish_set gets at it."""
    return int(bed.publish(SPLIT.format(v1=1, v2=1), metric=name).split()[-1])


def test_arp_requests_are_answered_with_the_port_s_address(bed):
    assert probe(bed, "arp", GATEWAY, "3") == [gateway_mac(bed)] * 3


def test_arp_for_addresses_of_others_is_not_answered(bed):
    assert probe(bed, "arp", "10.80.0.77", "1") == []
    assert probe(bed, "arp", "10.80.1.1", "1") == []  # ours, but on another port


def test_ping_is_answered_with_its_bytes(bed):
    for size in ("0", "1", "56", "1472"):
        assert probe(bed, "ping", GATEWAY, "5", size) == ["5"], size


def test_a_closed_port_answers_with_a_reset_and_a_wrong_checksum_with_nothing(bed):
    reset_ack = "0x14"
    assert probe(bed, "syn", GATEWAY, "9", "0") == [reset_ack]
    before = metric(bed, "byway_net_drop_tcp_checksum_total")
    assert probe(bed, "syn", GATEWAY, "9", "1") == []
    assert metric(bed, "byway_net_drop_tcp_checksum_total") == before + 1


def test_a_listener_of_the_policy_answers_a_syn_until_it_is_withdrawn(bed):
    bed.publish(SPLIT.format(v1=1, v2=1))
    syn_ack = "0x12"
    assert probe(bed, "syn", GATEWAY, "80", "0") == [syn_ack]
    bed.publish("listener default/demo/http 81\n")
    reset_ack = "0x14"
    assert probe(bed, "syn", GATEWAY, "80", "0") == [reset_ack]


def test_a_virtual_address_of_the_policy_is_answered_while_a_listener_has_it(bed):
    assert probe(bed, "arp", "10.80.0.99", "1") == []
    bed.publish("listener default/demo/http 80 address=10.80.0.99\n")
    assert probe(bed, "arp", "10.80.0.99", "1") == [gateway_mac(bed)]
    assert probe(bed, "ping", "10.80.0.99", "1", "56") == ["1"]
    bed.publish(SPLIT.format(v1=1, v2=1))
    wait_until(lambda: probe(bed, "arp", "10.80.0.99", "1") == [], "the address is given up after its retirement")


def test_garbage_frames_do_not_stop_the_data_plane_or_cost_it_buffers(fresh_bed):
    for seed in ("1", "2", "3"):
        probe(fresh_bed, "garbage", seed, "5000", gateway_mac(fresh_bed))
        assert probe(fresh_bed, "ping", GATEWAY, "1", "56") == ["1"]
    code = fresh_bed.processes.stop("dataplane")
    log = fresh_bed.processes.log_tail("dataplane")
    assert code == 0 and "all packet buffers came back" in log, f"{code}\n{log}"


def test_two_workers_share_the_ports(fresh_bed):
    if os.cpu_count() < 2:
        return
    fresh_bed.processes.stop("dataplane")
    fresh_bed.node = lambda text: text + "\nworkers: {cores: [0, 1]}\n"
    fresh_bed.start_dataplane()
    assert probe(fresh_bed, "arp", GATEWAY, "3") == [gateway_mac(fresh_bed)] * 3
    for _ in range(4):
        assert probe(fresh_bed, "ping", GATEWAY, "5", "56") == ["5"]
        assert probe(fresh_bed, "syn", GATEWAY, "9", "0") == ["0x14"]
    assert fresh_bed.processes.stop("dataplane") == 0


def test_an_interface_that_is_not_there_ends_with_code_1_and_its_name(fresh_bed):
    fresh_bed.processes.stop("dataplane")
    path = fresh_bed.node_file()
    path.write_text(path.read_text().replace("iface=to-client", "iface=nowhere"))
    result = subprocess.run(fresh_bed.network.inside("gateway", [program("tools/dataplane/byway-dataplane"), "--config", str(path)]),
                            capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 1, result.stderr
    assert "port client" in result.stderr and "iface=nowhere" in result.stderr, result.stderr


def test_a_connect_ends_before_its_timeout_when_arp_or_icmp_say_that_it_is_hopeless(fresh_bed):
    for command in (["sysctl", "-qw", "net.ipv4.ip_forward=1"], ["ip", "route", "add", "unreachable", "10.99.0.1"]):
        subprocess.run(fresh_bed.network.inside("v1", command), check=True)
    fresh_bed.processes.stop("dataplane")
    fresh_bed.node = lambda text: text + "routes: [{to: 10.99.0.0/24, via: 10.80.1.2}]\n"
    fresh_bed.start_dataplane()
    for number, path in enumerate(("/behind", "/absent"), start=1):
        fresh_bed.publish(UNREACHABLE)
        result = fresh_bed.curl(path, "-o", "/dev/null", "-w", "%{http_code}")
        assert result.stdout == "503", result
        for name, value in (("tcp_closed_unreachable", number), ("http_upstream_connect_timeout", 0)):
            shown = fresh_bed.publish(UNREACHABLE, metric=f"byway_{name}_total").split()[-1]
            assert int(shown) == value, f"{path}: {name} {shown}"


def test_a_second_signal_ends_at_once(fresh_bed):
    process = fresh_bed.processes.running["dataplane"]
    process.send_signal(signal.SIGTERM)
    assert fresh_bed.processes.stop("dataplane", signal.SIGINT, seconds=3) == 0


def memif_node(bed, name, role, address):
    """A data plane of its own whose only port is one end of a memif."""
    directory = bed.directory / name
    directory.mkdir(exist_ok=True)
    device = f"net_memif0,role={role},socket={bed.directory}/memif.sock,socket-abstract=no"
    (directory / "node.yaml").write_text(
        f"ports: [{{name: mem, device: '{device}', addresses: [{address}/24]}}]\n"
        f"runtime_dir: {directory}/run\nmemory: {{mbufs: 4096}}\n")
    bed.processes.start(name, bed.network.inside("gateway", [
        program("tools/dataplane/byway-dataplane"), "--config", str(directory / "node.yaml")]))
    bed.processes.wait_until((directory / "run/dataplane.sock").exists, f"{name} is up", 20)


def test_a_memif_client_waits_for_its_server_and_finds_it_again(fresh_bed):
    fresh_bed.processes.stop("dataplane")
    memif_node(fresh_bed, "client", "client", "10.5.0.1")
    for connected in (1, 2):
        memif_node(fresh_bed, "server", "server", "10.5.0.2")
        wait_until(lambda count=connected: fresh_bed.processes.log_tail("client").count("port mem: connected") == count,
                   f"the client connects for time {connected}", 10)
        assert fresh_bed.processes.stop("server") == 0, fresh_bed.processes.log_tail("server")
        (fresh_bed.directory / "server/run/dataplane.sock").unlink(missing_ok=True)
    assert fresh_bed.processes.stop("client") == 0, fresh_bed.processes.log_tail("client")


def test_af_xdp_serves_like_af_packet_and_leaves_the_interface_clean(fresh_bed):
    fresh_bed.processes.stop("dataplane")
    fresh_bed.node = lambda text: text.replace("net_af_packet0,iface=to-client,framesz=2048,blocksz=16384", "net_af_xdp0,iface=to-client")
    fresh_bed.start_dataplane()
    assert "net_af_xdp" in fresh_bed.processes.log_tail("dataplane")
    assert probe(fresh_bed, "arp", GATEWAY, "2") == [gateway_mac(fresh_bed)] * 2
    assert probe(fresh_bed, "ping", GATEWAY, "5", "56") == ["5"]
    fresh_bed.publish(SPLIT.format(v1=1, v2=0))
    assert fresh_bed.curl("/").stdout == "hello from v1\n"
    assert fresh_bed.processes.stop("dataplane") == 0
    links = subprocess.run(fresh_bed.network.inside("gateway", ["ip", "link", "show", "to-client"]), capture_output=True, text=True, check=True)
    assert "xdp" not in links.stdout, links.stdout


def test_a_tap_port_answers_the_kernel_beside_it(fresh_bed):
    fresh_bed.processes.stop("dataplane")
    directory = fresh_bed.directory / "tap"
    directory.mkdir()
    (directory / "node.yaml").write_text(
        f"ports: [{{name: tap, device: 'net_tap0,iface=byway-tap', addresses: [10.5.0.1/24]}}]\nruntime_dir: {directory}/run\n")
    inside = fresh_bed.network.inside
    fresh_bed.processes.start("tap", inside("gateway", [program("tools/dataplane/byway-dataplane"), "--config", str(directory / "node.yaml")]))
    fresh_bed.processes.wait_until((directory / "run/dataplane.sock").exists, "the port is up", 20)
    for command in (["ip", "address", "add", "10.5.0.2/24", "dev", "byway-tap"], ["ethtool", "-K", "byway-tap", "tx", "off"]):
        subprocess.run(inside("gateway", command), capture_output=True, check=True)
    result = subprocess.run(inside("gateway", ["python3", PROBE, "ping", "byway-tap", "10.5.0.1", "5", "56"]),
                            capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["5"], result
    assert fresh_bed.processes.stop("tap") == 0, fresh_bed.processes.log_tail("tap")


main(globals(), make_bed=Bed)
