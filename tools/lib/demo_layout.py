"""What the demo is made of.

    client             gateway                 v1                v2
    10.80.0.2 -------- 10.80.0.1
                       10.80.1.1 ------------- 10.80.1.2:8080
                       10.80.2.1 ------------------------------- 10.80.2.2:8080

Four network namespaces. The gateway's three interfaces belong to byway-dataplane, which polls them with
AF_PACKET; the kernel has no address there. Each service is an nginx of Debian. The figures of
examples/demo (node.yaml and manifests) are these, and are checked against the layout at the start.
"""

import nginx

VERSIONS = ("v1", "v2")
CLIENT_ADDRESS = "10.80.0.2/24"
GATEWAY_ADDRESS = "10.80.0.1"
LISTENER_PORT = 80
BACKENDS = {"v1": "10.80.1.2", "v2": "10.80.2.2"}
BACKEND_GATEWAYS = {"v1": "10.80.1.1", "v2": "10.80.2.1"}
BACKEND_PORT = 8080


def gateway_interface(part):
    return f"to-{part}"


def lay_out(network, kernel_gateway=False):
    """Makes the namespaces and links. With `kernel_gateway` the gateway's interfaces get kernel
    addresses, so that an ordinary proxy can stand in for the data plane in a test of the demo."""
    for part in ("client", "gateway", *VERSIONS):
        network.add_namespace(part)

    def address_of(address):
        return f"{address}/24" if kernel_gateway else None

    network.add_link("client", "eth0", "gateway", gateway_interface("client"), address=CLIENT_ADDRESS,
                     gateway_address=address_of(GATEWAY_ADDRESS))
    for version, address in BACKENDS.items():
        network.add_link(version, "eth0", "gateway", gateway_interface(version), address=f"{address}/24",
                         gateway_address=address_of(BACKEND_GATEWAYS[version]))


def start_backends(network, processes, directory):
    """Starts one nginx a version and waits until each listens."""
    for version, address in BACKENDS.items():
        command = nginx.write_configuration(directory / f"nginx-{version}", version, f"{address}:{BACKEND_PORT}")
        processes.start(f"nginx-{version}", network.inside(version, command))
    for version in VERSIONS:
        pid_file = directory / f"nginx-{version}" / "nginx.pid"
        processes.wait_until(lambda file=pid_file: file.exists() and file.read_text().strip() != "", f"nginx {version} starts", 10)
