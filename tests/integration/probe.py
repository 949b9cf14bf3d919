#!/usr/bin/env python3
"""Packets by hand, run inside a namespace of the test bed: `probe.py WHAT INTERFACE ARGUMENTS...` prints what came back.

    ping ADDRESS COUNT SIZE      echo requests: how many were answered with the same bytes
    arp ADDRESS COUNT            who-has: the MAC addresses that answered, one a line
    garbage SEED COUNT MAC       random frames, half of them beginning like real ones
    syn ADDRESS PORT BAD         one SYN, with a wrong checksum if BAD is 1: the flags of the answer, or nothing
"""

import os
import random
import socket
import struct
import sys
import time

ETH_ARP, ETH_IP = 0x0806, 0x0800
WAIT_SECONDS = 2.0


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def own_mac(interface):
    with open(f"/sys/class/net/{interface}/address", encoding="ascii") as file:
        return bytes.fromhex(file.read().strip().replace(":", ""))


def own_address(interface):
    import fcntl
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        return fcntl.ioctl(any_socket.fileno(), 0x8915, struct.pack("256s", interface.encode()))[20:24]


def packet_socket(interface):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.bind((interface, 0))
    return raw


def frames(raw, seconds):
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            frame, where = raw.recvfrom(65536)
        except socket.timeout:
            return
        if where[2] != socket.PACKET_OUTGOING:
            yield frame


def arp(interface, address, count):
    raw = packet_socket(interface)
    mac = own_mac(interface)
    for _ in range(int(count)):
        request = struct.pack(">HHBBH", 1, ETH_IP, 6, 4, 1) + mac + own_address(interface) + bytes(6) + socket.inet_aton(address)
        raw.send(b"\xff" * 6 + mac + struct.pack(">H", ETH_ARP) + request)
        for frame in frames(raw, WAIT_SECONDS):
            if frame[12:14] == b"\x08\x06" and frame[20:22] == b"\0\2" and frame[28:32] == socket.inet_aton(address):
                print(frame[22:28].hex(":"))
                break


def ping(_interface, address, count, size):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(WAIT_SECONDS)
        answered = 0
        for sequence in range(int(count)):
            data = os.urandom(int(size))
            body = struct.pack(">BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, sequence) + data
            raw.sendto(body[:2] + struct.pack(">H", checksum(body)) + body[4:], (address, 0))
            end = time.monotonic() + WAIT_SECONDS
            while time.monotonic() < end:
                try:
                    packet, source = raw.recvfrom(65536)
                except socket.timeout:
                    break
                if source[0] == address and packet[20] == 0 and packet[26:28] == struct.pack(">H", sequence):
                    answered += checksum(packet[20:]) == 0 and packet[28:] == data
                    break
    print(answered)


def garbage(interface, seed, count, mac):
    chance = random.Random(int(seed))
    raw = packet_socket(interface)
    target, source = bytes.fromhex(mac.replace(":", "")), own_mac(interface)
    for _ in range(int(count)):
        size = chance.randrange(0, 1500)
        body = chance.randbytes(size)
        if chance.random() < 0.5:
            protocol = chance.choice([1, 6, 17])
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size, 0, 0x4000, 64, protocol, 0) + own_address(interface) + bytes([10, 80, 0, 1])
            body = head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body
            body = body[:1500]
        frame = target + source + struct.pack(">H", chance.choice([ETH_IP, ETH_IP, ETH_ARP, 0x86DD, 0x8100])) + body
        if chance.random() < 0.1:
            frame = frame[:chance.randrange(14, len(frame) + 1)]
        while True:
            try:
                raw.send(frame)
                break
            except OSError:  # the device's queue is full for a moment
                time.sleep(0.001)


def syn(interface, address, port, bad):
    source, target = own_address(interface), socket.inet_aton(address)
    local_port = random.randrange(20000, 30000)
    head = struct.pack(">HHIIBBHHH", local_port, int(port), 1, 0, 0x50, 2, 65535, 0, 0)
    total = checksum(source + target + struct.pack(">BBH", 0, 6, len(head)) + head)
    head = head[:16] + struct.pack(">H", total ^ (1 if bad == "1" else 0)) + head[18:]
    listener = packet_socket(interface)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.sendto(head, (address, 0))
        for frame in frames(listener, WAIT_SECONDS / 2):
            if frame[12:14] == b"\x08\0" and frame[23] == 6 and frame[36:38] == struct.pack(">H", local_port):
                print(f"{frame[47]:#04x}")
                return


if __name__ == "__main__":
    {"ping": ping, "arp": arp, "garbage": garbage, "syn": syn}[sys.argv[1]](*sys.argv[2:])
