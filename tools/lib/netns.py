"""Network namespaces and veth pairs for the demo and the integration tests.

A Network has a name; every namespace of it is called NAME-PART, so that whatever a killed run left
behind is found again and removed by that name alone. A part has no hyphen, so that the namespaces of a
network `demo` are not taken for those of one `demo-two`. Needs root and iproute2, ethtool.

One end of a pair may belong to a gateway that polls it with AF_PACKET. That end gets no address and
no IPv6: the kernel would answer ARP and reset every connection that it knows nothing about. The other
end hands frames over as they are on a wire: transmit offloads off, or they come as 64 KiB super-frames
whose checksums nobody has computed.
"""

import os
import signal
import subprocess
import time

from console import ScriptError

# Processes that are told to end get this long before they are killed.
END_PATIENCE_SECONDS = 5.0


def run(command, check=True):
    """Runs a command of the system; its message becomes the error's."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and result.returncode != 0:
        raise ScriptError(f"{' '.join(command)}: {result.stderr.strip() or result.stdout.strip()}")
    return result


def list_namespaces():
    return [line.split()[0] for line in run(["ip", "netns", "list"]).stdout.splitlines() if line.split()]


class Network:
    def __init__(self, name):
        self.name = name

    def namespace(self, part):
        if "-" in part:
            raise ValueError(f"{part!r}: a part's name has no hyphen")
        return f"{self.name}-{part}"

    def add_namespace(self, part):
        namespace = self.namespace(part)
        run(["ip", "netns", "add", namespace])
        run(["ip", "-n", namespace, "link", "set", "lo", "up"])
        return namespace

    def inside(self, part, command):
        """The command line that runs `command` inside a namespace; the process id stays the same."""
        return ["ip", "netns", "exec", self.namespace(part), *command]

    def add_link(self, part, interface, gateway_part, gateway_interface, address=None, gateway_address=None, mtu=None):
        """A veth pair. `address` is the kernel's on the first end (with prefix length). Without
        `gateway_address` the second end is left to a data plane; with one it is the kernel's too."""
        first, second = self.namespace(part), self.namespace(gateway_part)
        run(["ip", "link", "add", interface, "netns", first, "type", "veth", "peer", "name", gateway_interface, "netns", second])
        for namespace, name, kernel_address in ((first, interface, address), (second, gateway_interface, gateway_address)):
            self.set_sysctl(namespace, f"net.ipv6.conf.{name}.disable_ipv6", 1)
            if mtu:
                run(["ip", "-n", namespace, "link", "set", name, "mtu", str(mtu)])
            if kernel_address:
                run(["ip", "-n", namespace, "address", "add", kernel_address, "dev", name])
        # Offloads off before the first packet: checksums must be right on the wire.
        run(["ip", "netns", "exec", first, "ethtool", "-K", interface, "tx", "off"])
        if gateway_address:
            run(["ip", "netns", "exec", second, "ethtool", "-K", gateway_interface, "tx", "off"])
        for namespace, name in ((first, interface), (second, gateway_interface)):
            run(["ip", "-n", namespace, "link", "set", name, "up"])

    def add_route(self, part, destination, via):
        run(["ip", "-n", self.namespace(part), "route", "add", destination, "via", via])

    @staticmethod
    def set_sysctl(namespace, name, value):
        # Through the file: the procps package may be missing on a bare machine.
        path = "/proc/sys/" + name.replace(".", "/")
        run(["ip", "netns", "exec", namespace, "sh", "-c", f"[ ! -e {path} ] || echo {value} >{path}"])

    def existing(self):
        """Namespaces of this network that exist, whoever made them."""
        return [name for name in list_namespaces() if name.rpartition("-")[0] == self.name]

    def remove(self):
        """Ends whatever runs in the namespaces and removes them. Returns how many there were."""
        namespaces = self.existing()
        pids = [pid for name in namespaces for pid in pids_in(name)]
        end_processes(pids)
        for name in namespaces:
            run(["ip", "netns", "delete", name])
        return len(namespaces)


def pids_in(namespace):
    result = run(["ip", "netns", "pids", namespace], check=False)
    return [int(word) for word in result.stdout.split() if int(word) != os.getpid()]


def is_alive(pid):
    """True if the process runs (a zombie has ended)."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def end_processes(pids):
    """Asks processes to end, waits, then insists."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + END_PATIENCE_SECONDS
        while pids and time.monotonic() < deadline:
            pids = [pid for pid in pids if is_alive(pid)]
            if pids:
                time.sleep(0.02)
        if not pids:
            return
