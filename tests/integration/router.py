"""A bed whose client stands behind a router of Linux, which marks, drops by length, and says what is too big:

    client 10.90.0.2 ---- 10.90.0.1 link 10.80.0.254 ---- 10.80.0.1 gateway ...
"""

import json
import subprocess

from harness import GATEWAY, Bed, demo_layout

CLIENT = "10.90.0.2"
CLIENTS_NETWORK = "10.90.0.0/24"
ROUTER_NEAR, ROUTER_FAR = "10.90.0.1", "10.80.0.254"


class RouterBed(Bed):
    """`tcp` is what stands under that key of node.yaml."""

    def __init__(self, tcp="", **options):
        routes = f"routes: [{{to: {CLIENTS_NETWORK}, via: {ROUTER_FAR}}}]\n"
        super().__init__(node=lambda text: text + routes + (f"tcp: {tcp}\n" if tcp else ""), **options)

    def lay_out(self):
        super().lay_out()
        network = self.network
        network.add_namespace("link")
        self.ip("client", "link", "delete", "eth0")
        network.add_link("client", "eth0", "link", "near", address=f"{CLIENT}/24", gateway_address=f"{ROUTER_NEAR}/24")
        network.add_link("link", "far", "gateway", demo_layout.gateway_interface("client"), address=f"{ROUTER_FAR}/24")
        network.set_sysctl(network.namespace("link"), "net.ipv4.ip_forward", 1)
        network.add_route("client", f"{GATEWAY}/32", ROUTER_NEAR)

    def ip(self, part, *words):
        subprocess.run(["ip", "-n", self.network.namespace(part), *words], check=True)

    def set_mtu(self, mtu):
        """Of the link to the client, at both ends."""
        self.ip("link", "link", "set", "near", "mtu", str(mtu))
        self.ip("client", "link", "set", "eth0", "mtu", str(mtu))

    def rules(self, *lines):
        """What the router does with packets that it forwards, instead of what it did."""
        chain = "\n".join(lines)
        text = f"flush ruleset\ntable ip router {{\nchain forward {{\ntype filter hook forward priority 0\n{chain}\n}}\n}}\n"
        self.nft("-f", "-", text=text)

    def packets_met(self):
        """By each rule that has a counter."""
        document = json.loads(self.nft("-j", "list", "ruleset"))
        return [expression["counter"]["packets"] for item in document["nftables"] if "rule" in item
                for expression in item["rule"]["expr"] if "counter" in expression]

    def nft(self, *words, text=None):
        command = self.network.inside("link", ["nft", *words])
        result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout
