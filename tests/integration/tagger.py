#!/usr/bin/env python3
"""A switch with VLANs, in user space: kernels without 802.1Q can neither make a sub-interface nor filter on a bridge.

    tagger.py TRUNK ACCESS=VLAN...      names of interfaces; frames of an access port have no tag there and have it on the trunk

Frames on the trunk without a tag, or with one that no access port has, end here; at the end it prints how many of each
VLAN (0: no tag) came by the trunk.
"""

import json
import select
import signal
import socket
import struct
import sys

RECEIVE_BUFFER_BYTES = 16 << 20
SO_RCVBUFFORCE = 33  # beyond the system's bound, as root may; Python has no name for it
# A kernel takes the tag out of a frame that it hands over, and says it beside the frame (packet(7)).
SOL_PACKET, PACKET_AUXDATA = 263, 8
AUXDATA = struct.Struct("IIIHHHH")
TAG_IS_VALID = 1 << 4
TAG = b"\x81\x00"
BURST = 32


class Switch:
    def __init__(self, trunk, ports):
        self.trunk = self.open(trunk)
        self.vlans = {self.open(name): int(vlan) for name, vlan in (port.split("=") for port in ports)}
        self.ports = {vlan: port for port, vlan in self.vlans.items()}
        self.seen = {}
        self.is_over = False

    @staticmethod
    def open(interface):
        side = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        side.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        side.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        side.bind((interface, 0))
        side.setblocking(False)
        return side

    def run(self):
        while not self.is_over:
            for side in select.select([self.trunk, *self.vlans], [], [], 0.2)[0]:
                self.take(side)

    def take(self, side):
        for _ in range(BURST):
            try:
                frame, beside, _, where = side.recvmsg(65536, 256)
            except BlockingIOError:
                return
            if where[2] == socket.PACKET_OUTGOING:
                continue
            if side is not self.trunk:
                self.send(self.trunk, frame[:12] + TAG + struct.pack(">H", self.vlans[side]) + frame[12:])
                continue
            vlan, frame = self.untagged(frame, beside)
            self.seen[vlan] = self.seen.get(vlan, 0) + 1
            if vlan in self.ports:
                self.send(self.ports[vlan], frame)

    @staticmethod
    def untagged(frame, beside):
        """(number of the VLAN or 0, the frame without its tag)"""
        for level, kind, data in beside:
            if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
                status, _, _, _, _, control, _ = AUXDATA.unpack_from(data)
                if status & TAG_IS_VALID:
                    return control & 0xFFF, frame
        if frame[12:14] == TAG:
            return struct.unpack_from(">H", frame, 14)[0] & 0xFFF, frame[:12] + frame[16:]
        return 0, frame

    @staticmethod
    def send(side, frame):
        try:
            side.send(frame)
        except OSError:  # the device's queue is full: a loss, as switches have them
            pass

    def stop(self, *_):
        self.is_over = True


if __name__ == "__main__":
    switch = Switch(sys.argv[1], sys.argv[2:])
    signal.signal(signal.SIGTERM, switch.stop)
    switch.run()
    print(json.dumps(switch.seen))
