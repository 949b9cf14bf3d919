#!/usr/bin/env python3
"""A bad network between the gateway and others, made of a namespace in the middle: either a bridge of the kernel
that drops at random (nftables), or this program as a wire that reorders and duplicates:

    link.py SEED NEAR FAR REORDER DUPLICATE     interfaces, then shares of the frames in percent

Both work on what is on its way, not at the end that sends: a kernel that is told of a drop has lost nothing. The
wire holds some frames back for a random while, so that later ones overtake them; at the end it prints what it did.
"""

import heapq
import json
import random
import select
import signal
import socket
import subprocess
import sys
import time

from harness import Bed, demo_layout

# Longer than several frames take, shorter than any retransmission timer (200 ms).
HELD_SECONDS_MAX = 0.003
# Frames taken from one side before the other has its turn.
BURST = 32
RECEIVE_BUFFER_BYTES = 16 << 20
SO_RCVBUFFORCE = 33  # beyond the system's bound, as root may; Python has no name for it
ADDRESSES = {"client": demo_layout.CLIENT_ADDRESS} | {part: f"{address}/24" for part, address in demo_layout.BACKENDS.items()}


class LinkBed(Bed):
    """The demo's layout with the namespace `link` between the gateway and each of PARTS."""

    PARTS = ("client", "v1")

    def lay_out(self):
        super().lay_out()
        network = self.network
        namespace = network.add_namespace("link")
        network.set_sysctl(namespace, "net.ipv6.conf.default.disable_ipv6", 1)
        for part in self.PARTS:
            self.ip(part, "link", "delete", "eth0")
            network.add_link(part, "eth0", "link", f"{part}-near", address=ADDRESSES[part])
            network.add_link("link", f"{part}-far", "gateway", demo_layout.gateway_interface(part))
            self.ip("link", "link", "add", f"{part}-bridge", "type", "bridge")
            self.ip("link", "link", "set", f"{part}-bridge", "up")
        self.wires = {}
        self.bridge(*self.PARTS)

    def ip(self, part, *words):
        subprocess.run(["ip", "-n", self.network.namespace(part), *words], check=True)

    def bridge(self, *parts):
        for part in parts:
            for side in ("near", "far"):
                self.ip("link", "link", "set", f"{part}-{side}", "master", f"{part}-bridge")

    def lose(self, **percent):
        """From now on so many percent of the frames are lost in each direction between the gateway and a part."""
        rules = "".join(f'iifname "{part}-{side}" numgen random mod 1000 < {int(share * 10)} counter drop\n'
                        for part, share in percent.items() for side in ("near", "far"))
        self.nft("-f", "-", text=f"flush ruleset\ntable bridge loss {{\nchain forward {{\ntype filter hook forward priority 0\n{rules}}}\n}}\n")

    def lost(self):
        """Frames that each of the rules has dropped."""
        document = json.loads(self.nft("-j", "list", "ruleset"))
        return [expression["counter"]["packets"] for item in document["nftables"] if "rule" in item
                for expression in item["rule"]["expr"] if "counter" in expression]

    def nft(self, *words, text=None):
        return subprocess.run(self.network.inside("link", ["nft", *words]), input=text, capture_output=True, text=True, check=True).stdout

    def reorder(self, part, seed, reorder, duplicate):
        """The wire instead of the bridge, between the gateway and `part`."""
        for side in ("near", "far"):
            self.ip("link", "link", "set", f"{part}-{side}", "nomaster")
        words = [sys.executable, __file__, seed, f"{part}-near", f"{part}-far", reorder, duplicate]
        self.wires[part] = self.processes.start(f"wire-{part}", self.network.inside("link", [str(word) for word in words]))

    def end_reordering(self, part):
        """Back to the bridge; returns what the wire did."""
        assert self.processes.stop(f"wire-{part}") == 0, self.processes.log_tail(f"wire-{part}")
        self.bridge(part)
        return json.loads(self.processes.log_tail(f"wire-{part}").splitlines()[-1])


class Wire:
    def __init__(self, seed, near, far, reorder, duplicate):
        self.chance = random.Random(int(seed))
        self.reorder, self.duplicate = float(reorder) / 100, float(duplicate) / 100
        self.sides = [self.open(near), self.open(far)]
        self.held = []  # (when to send, number, side, frame)
        self.done = dict.fromkeys(("passed", "held", "duplicated", "unsent"), 0)
        self.is_over = False

    @staticmethod
    def open(interface):
        side = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        side.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        side.bind((interface, 0))
        side.setblocking(False)
        return side

    def run(self):
        while not self.is_over:
            patience = max(0.0, self.held[0][0] - time.monotonic()) if self.held else 0.2
            for side in select.select(self.sides, [], [], patience)[0]:
                self.take(side, self.sides[1 - self.sides.index(side)])
            while self.held and self.held[0][0] <= time.monotonic():
                _, _, other, frame = heapq.heappop(self.held)
                self.send(other, frame)

    def take(self, side, other):
        for _ in range(BURST):
            try:
                frame, where = side.recvfrom(65536)
            except BlockingIOError:
                return
            if where[2] == socket.PACKET_OUTGOING:
                continue
            copies = 1
            if self.chance.random() < self.duplicate:
                copies = 2
                self.done["duplicated"] += 1
            for _ in range(copies):
                if self.chance.random() < self.reorder:
                    self.done["held"] += 1
                    until = time.monotonic() + self.chance.random() * HELD_SECONDS_MAX
                    heapq.heappush(self.held, (until, self.done["held"], other, frame))
                else:
                    self.done["passed"] += 1
                    self.send(other, frame)

    def send(self, other, frame):
        try:
            other.send(frame)
        except OSError:  # the device's queue is full: a loss, as a wire has them
            self.done["unsent"] += 1

    def stop(self, *_):
        self.is_over = True


if __name__ == "__main__":
    wire = Wire(*sys.argv[1:])
    signal.signal(signal.SIGTERM, wire.stop)
    wire.run()
    print(json.dumps(wire.done))
