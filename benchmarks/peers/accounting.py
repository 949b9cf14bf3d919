"""What a core did while something ran, and whether the machine was quiet enough to believe it.

A peer's cost is the time that its threads had the proxy's core, from the scheduler, in nanoseconds. The kernel's
work for it is in that: the system calls, and the soft interrupts that run on their way back, which carry its
packets (what arrives is delivered on the sender's core, for all proxies alike). On a quiet machine this is the
core's busy time in /proc/stat; what that has more is `foreign`: somebody else ran there.

Byway polls, so its core is always busy: its worker counts for itself the time from a poll that found work to
the next that finds none. What others take from the core meanwhile counts against Byway.
"""

import os
import pathlib

from netns import pids_in

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# Above these the hypervisor, or somebody else's processes, took too much for the figure to count.
STEAL_PERCENT_MAX = 5.0
FOREIGN_PERCENT_MAX = 5.0


class CoreSample:
    """Ticks of one core, and the nanoseconds of it that the threads of a namespace had."""

    def __init__(self, core, namespace=None):
        fields = next(line.split() for line in pathlib.Path("/proc/stat").read_text(encoding="ascii").splitlines()
                      if line.startswith(f"cpu{core} "))
        user, nice, system, idle, iowait, irq, softirq, self.steal = map(int, fields[1:9])
        self.busy = user + nice + system + irq + softirq
        self.total = self.busy + idle + iowait + self.steal
        self.own_ns = thread_ns(namespace, core) if namespace else 0

    def until(self, later):
        """Shares of the time between two samples in percent, and the seconds that the namespace's threads ran."""
        ticks = max(later.total - self.total, 1)
        busy, steal = (100 * (getattr(later, name) - getattr(self, name)) / ticks for name in ("busy", "steal"))
        own_seconds = (later.own_ns - self.own_ns) / 1e9
        own = 100 * own_seconds * TICKS_PER_SECOND / ticks
        return {"ownSeconds": own_seconds, "own": own, "busy": busy, "steal": steal, "foreign": max(0.0, busy - own)}


def thread_ns(namespace, core):
    """Run time of all threads in a namespace that run on the core; threads are pinned, so the last core is the only one."""
    total = 0
    for pid in pids_in(namespace):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                last_core = int((task / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[36])
                run_ns = int((task / "schedstat").read_text(encoding="ascii").split()[0])
            except OSError:
                continue
            if last_core == core:
                total += run_ns
    return total


def doubts(share):
    """Why a figure may not count, as words; empty for a quiet machine."""
    found = []
    if share["steal"] > STEAL_PERCENT_MAX:
        found.append(f"steal {share['steal']:.0f}%")
    if share["foreign"] > FOREIGN_PERCENT_MAX:
        found.append(f"others on the proxy's core {share['foreign']:.0f}%")
    return found
