"""Frames that a host must not take, each with the counter that tells why it was dropped; and SYNs by the thousand.

A Crafter writes them as a station on the client's link would, into a packet socket inside its namespace.
"""

import random
import socket
import struct
import threading
import time

from harness import GATEWAY
from peers import namespace_of
from probe import ETH_ARP, ETH_IP, checksum

CLIENT = "10.80.0.2"
TCP, ICMP, GRE = 6, 1, 47
LISTENER, CLOSED = 80, 9
SYN, ACK = 2, 16


class Crafter:
    def __init__(self, bed, seed):
        self.chance = random.Random(seed)
        with namespace_of(bed, "client"):
            self.raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.raw.bind(("eth0", 0))
            self.mac = self.raw.getsockname()[4]
        with namespace_of(bed, "gateway"), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as other:
            other.bind(("to-client", 0))
            self.gateway_mac = other.getsockname()[4]

    def send(self, frame):
        while True:
            try:
                self.raw.send(frame)
                return
            except OSError:  # the device's queue is full for a moment
                time.sleep(0.001)

    def ethernet(self, payload, kind=ETH_IP, source=None, target=None):
        return (target or self.gateway_mac) + (source or self.mac) + struct.pack(">H", kind) + payload

    def ip(self, payload, source=CLIENT, target=GATEWAY, protocol=TCP, **changes):
        """An IPv4 packet; `changes` are fields that are wrong: version, words,
        size, number, fragment, sum, options."""
        options = changes.get("options", b"")
        words = changes.get("words", 5 + len(options) // 4)
        size = changes.get("size", 20 + len(options) + len(payload))
        head = struct.pack(">BBHHHBBH", changes.get("version", 4) << 4 | words, 0, size, changes.get("number", self.chance.randrange(65536)),
                           changes.get("fragment", 0), 64, protocol, 0) + socket.inet_aton(source) + socket.inet_aton(target) + options
        return head[:10] + struct.pack(">H", checksum(head) ^ changes.get("sum", 0)) + head[12:] + payload

    def tcp(self, data=b"", source=CLIENT, target=GATEWAY, port=LISTENER, flags=SYN, source_port=None, words=None, options=b"", error=0):
        head = struct.pack(">HHIIBBHHH", self.chance.randrange(1024, 65536) if source_port is None else source_port, port,
                           self.chance.randrange(1 << 32), self.chance.randrange(1 << 32) if flags & ACK else 0,
                           (5 + len(options) // 4 if words is None else words) << 4, flags, 65535, 0, 0) + options + data
        total = checksum(socket.inet_aton(source) + socket.inet_aton(target) + struct.pack(">BBH", 0, TCP, len(head)) + head)
        return head[:16] + struct.pack(">H", total ^ error) + head[18:]

    def arp(self, operation=1, sender=CLIENT, target=GATEWAY, mac=None, size=6):
        return struct.pack(">HHBBH", 1, ETH_IP, size, 4, operation) + (mac or self.mac) + socket.inet_aton(sender) + bytes(6) + socket.inet_aton(target)

    def noise(self, least=0, most=200):
        return self.chance.randbytes(self.chance.randrange(least, most))

    def malformed(self):
        """Counter (without `byway_` and `_total`) and one frame that it counts; each time other bytes."""
        ip, tcp, ethernet, noise = self.ip, self.tcp, self.ethernet, self.noise
        other = bytes([2, 0, 0, 0, 0, self.chance.randrange(1, 255)])
        icmp = struct.pack(">BBHI", 8, 0, self.chance.randrange(1, 65535), 1)
        wrong_port = f"10.80.1.{self.chance.randrange(3, 250)}"
        yield "net_drop_ethernet_not_for_us", ethernet(ip(tcp()), target=other)
        yield "net_drop_ethernet_source", ethernet(ip(tcp()), source=b"\x01" + self.mac[1:])
        yield "net_drop_ethernet_type", ethernet(noise(), kind=self.chance.choice([0x8847, 0x88B5, 0x0600, 0xFFFF]))
        yield "net_drop_arp_malformed", ethernet(self.arp(operation=self.chance.randrange(3, 65536)), ETH_ARP)
        yield "net_drop_arp_malformed", ethernet(self.arp(size=self.chance.randrange(7, 256)), ETH_ARP)
        yield "net_drop_arp_malformed", ethernet(self.arp()[:self.chance.randrange(28)], ETH_ARP)
        yield "net_drop_arp_not_for_us", ethernet(self.arp(target="10.80.0.77"), ETH_ARP)
        yield "net_drop_arp_off_link", ethernet(self.arp(sender=wrong_port), ETH_ARP)
        yield "net_drop_arp_conflict", ethernet(self.arp(sender=GATEWAY, mac=other), ETH_ARP)
        yield "net_drop_ip_truncated", ethernet(ip(tcp(), size=self.chance.randrange(41, 65536)))
        yield "net_drop_ip_truncated", ethernet(ip(b"")[:self.chance.randrange(20)])
        yield "net_drop_ip_version", ethernet(ip(tcp(), version=self.chance.choice([0, 5, 6, 15])))
        yield "net_drop_ip_header_length", ethernet(ip(tcp(), words=self.chance.randrange(5)))
        yield "net_drop_ip_header_length", ethernet(ip(tcp(), size=self.chance.randrange(20)))
        yield "net_drop_ip_checksum", ethernet(ip(tcp(), sum=self.chance.randrange(1, 65535)))
        yield "net_drop_ip_options", ethernet(ip(tcp(), options=bytes([131, 7, 4, 10, 80, 1, 2, 0])))
        yield "net_drop_ip_options", ethernet(ip(tcp(), options=bytes([68, self.chance.choice([0, 1, 9, 255]), 5, 0])))
        yield "net_drop_ip_martian", ethernet(ip(tcp(), source=self.chance.choice(["127.0.0.1", "224.0.0.1", "0.0.0.0", GATEWAY, "10.80.0.255"])))
        yield "net_drop_ip_not_for_us", ethernet(ip(tcp(), target=self.chance.choice(["10.80.0.77", "10.80.1.1", "8.8.8.8"])))
        yield "net_drop_ip_reverse_path", ethernet(ip(tcp(source=wrong_port), source=wrong_port))
        yield "net_drop_ip_link_broadcast", ethernet(ip(tcp()), target=b"\xff" * 6)
        yield "net_drop_ip_protocol", ethernet(ip(noise(), protocol=self.chance.choice([0, 2, 17, GRE, 50, 132, 255])))
        yield "net_drop_tcp_checksum", ethernet(ip(tcp(noise(), error=self.chance.randrange(1, 65535))))
        yield "net_drop_icmp_malformed", ethernet(ip(icmp + noise(1), protocol=ICMP))
        yield "tcp_drop_truncated", ethernet(ip(tcp(words=self.chance.randrange(6, 16))))
        yield "tcp_drop_bad_offset", ethernet(ip(tcp(noise(), words=self.chance.randrange(5))))
        yield "tcp_drop_bad_options", ethernet(ip(tcp(options=bytes([2, self.chance.choice([0, 1, 5, 255]), 5, 180]))))
        yield "tcp_drop_bad_address", ethernet(ip(tcp(source_port=0)))
        yield "tcp_drop_no_connection", ethernet(ip(tcp(flags=ACK)))
        yield "tcp_drop_no_connection", ethernet(ip(tcp(port=CLOSED)))
        yield "tcp_drop_bad_flags", ethernet(ip(tcp(flags=SYN | 1)))

    def fragments(self):
        """A packet in pieces, or some of them. Which counter they meet depends on the port: packet sockets that
        share an interface have the kernel put packets together, beyond the size of any frame."""
        payload, number = self.noise(2000, 9000), self.chance.randrange(65536)
        protocol = self.chance.choice([TCP, ICMP, 17])
        pieces = [self.ethernet(self.ip(payload[first:first + 800], protocol=protocol, number=number,
                                        fragment=first // 8 | (0x2000 if first + 800 < len(payload) else 0)))
                  for first in range(0, len(payload), 800)]
        return self.chance.sample(pieces, self.chance.randrange(1, len(pieces) + 1))

    def syn(self, source):
        return self.ethernet(self.ip(self.tcp(source=source), source=source))


class SynFlood:
    """SYNs of stations that are not there, at about `rate` a second, for as long as it is open."""

    def __init__(self, bed, rate, seed=4):
        self.crafter, self.rate = Crafter(bed, seed), rate
        self.sent = 0
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()

    def run(self):
        began = time.monotonic()
        while not self.is_over.wait(0.01):
            while self.sent < (time.monotonic() - began) * self.rate:
                self.crafter.send(self.crafter.syn(f"10.80.0.{self.crafter.chance.randrange(3, 255)}"))
                self.sent += 1
