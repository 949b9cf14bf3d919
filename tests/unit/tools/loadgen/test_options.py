#!/usr/bin/env python3
"""Wrong options of byway-loadgen end with 2 and a sentence, before any device is touched. Takes the program's path."""

import subprocess
import sys

CLIENT = ["client", "--device", "net_ring0", "--address", "10.0.0.2/24", "--target", "10.0.0.1:80"]
WRONG = {
    "is required": ["client"],
    "not ADDRESS/LENGTH": ["server", "--device", "net_ring0", "--address", "10.0.0.2"],
    "not ADDRESS:PORT": [*CLIENT[:-1], "10.0.0.1:99999"],
    "not of the IP version of": [*CLIENT[:-1], "[2001:db8::1]:80"],
    "--target 2001:db8::1:80: not ADDRESS:PORT": [*CLIENT[:-1], "2001:db8::1:80"],
    "--target [10.0.0.1]:80: not ADDRESS:PORT": [*CLIENT[:-1], "[10.0.0.1]:80"],
    "not in the network of": [*CLIENT[:-1], "10.9.0.1:80"],
    "not a neighbour": [*CLIENT, "--gateway", "10.9.0.1"],
    "--gateway 2001:db8::9: not a neighbour": [*CLIENT, "--gateway", "2001:db8::9"],
    "not an IP address": [*CLIENT, "--gateway", "router"],
    "not a CPU that this process may use": [*CLIENT, "--cpu", "4711"],
    "not a method in capitals": [*CLIENT, "--method", "get"],
    "--method CONNECT: not a method": [*CLIENT, "--method", "CONNECT"],
    "not a path": [*CLIENT, "--path", "x y"],
    "not a host": [*CLIENT, "--host", "a\r\nX: y"],
    "not in range": [*CLIENT, "--rate", "-1"],
    "99 not in range": [*CLIENT, "--expect-status", "99"],
}

failed = 0
for sentence, words in WRONG.items():
    result = subprocess.run([sys.argv[1], *words], capture_output=True, text=True, timeout=30, check=False)
    if result.returncode != 2 or sentence not in result.stderr or "EAL" in result.stderr + result.stdout:
        failed += 1
        print(f"{' '.join(words)}: exit {result.returncode}, {result.stdout}{result.stderr}")
print(f"{len(WRONG) - failed} passed, {failed} failed")
sys.exit(1 if failed else 0)
