"""The demo's layout with IPv6 beside IPv4 on the client's and the first backend's links; the second backend has
IPv4 only, so that every pairing of client and backend occurs.

    client fd00:80::2 ---- fd00:80::1 gateway fd00:80:1::1 ---- fd00:80:1::2 v1
"""

import nginx
from harness import PATIENCE_SECONDS, Bed, demo_layout
from netns import run

CLIENT = "fd00:80::2"
GATEWAY = "fd00:80::1"
BACKEND = "fd00:80:1::2"
BACKEND_GATEWAY = "fd00:80:1::1"
BYTES_PORT = 8090
# Says who the gateway is and whom it forwards for.
WHO = '    location / { return 200 "$remote_addr for $http_x_forwarded_for\\n"; }'
POLICY = f"""\
listener default/demo/http 80
backend default/six:80 [{BACKEND}]:{demo_layout.BACKEND_PORT}
backend default/four:80 10.80.2.2:{demo_layout.BACKEND_PORT}
backend default/bytes:80 [{BACKEND}]:{BYTES_PORT}
route default/six prefix=/six to default/six:80
route default/four prefix=/four to default/four:80
route default/bytes prefix=/bytes to default/bytes:80
route default/digest prefix=/digest to default/bytes:80
"""


def with_ipv6(text):
    """node.yaml of the demo with the addresses above."""
    for four, six in ((demo_layout.GATEWAY_ADDRESS, GATEWAY), (demo_layout.BACKEND_GATEWAYS["v1"], BACKEND_GATEWAY)):
        assert f"[{four}/24]" in text
        text = text.replace(f"[{four}/24]", f'[{four}/24, "{six}/64"]')
    return text


class Ipv6Bed(Bed):
    def __init__(self, node=with_ipv6, **options):
        super().__init__(node=node, **options)

    def lay_out(self):
        super().lay_out()
        for part, address in (("client", CLIENT), ("v1", BACKEND)):
            namespace = self.network.namespace(part)
            # Also when the link goes down and comes again.
            self.network.set_sysctl(namespace, "net.ipv6.conf.eth0.keep_addr_on_down", 1)
            self.network.set_sysctl(namespace, "net.ipv6.conf.eth0.disable_ipv6", 0)
            self.add_address(part, address)

    def add_address(self, part, address, *flags):
        """To the kernel's end of a link; used at once unless the flags say otherwise."""
        self.ip(part, "-6", "address", "add", f"{address}/64", "dev", "eth0", *(flags or ("nodad",)))

    def ip(self, part, *words):
        return run(["ip", "-n", self.network.namespace(part), *words]).stdout

    def start_servers(self, locations=None, versions=tuple(demo_layout.BACKENDS)):
        super().start_servers(locations or WHO, versions)
        directory = self.directory / "nginx-six"
        command = nginx.write_configuration(directory, "six", f"[{BACKEND}]:{demo_layout.BACKEND_PORT}", locations or WHO)
        self.processes.start("nginx-six", self.network.inside("v1", command))
        pid_file = directory / "nginx.pid"
        self.processes.wait_until(lambda: pid_file.exists() and pid_file.read_text().strip() != "", "nginx six starts", PATIENCE_SECONDS)
