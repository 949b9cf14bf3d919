"""What the demo shows: live figures while traffic runs, and the result by phase.

On a terminal one block is drawn anew; elsewhere a plain line is printed each second. Live figures
are of the last two seconds; those of a phase are of all its requests.
"""

import collections
import math
import sys
import time

import histogram

WINDOW_SECONDS = 2.0
LINE_SECONDS = 1.0
# Two sides are compared at four standard deviations: a fair split misses it once in 16,000 runs.
DEVIATIONS_MAX = 4.0
# Fewer requests than these say nothing about a share.
REQUESTS_MIN = 2000


class PhaseResult:
    """What became of the requests that began in one phase, against the weights in force."""

    def __init__(self, name, weights):
        self.name = name
        self.weights = weights  # version -> weight
        self.begun = 0
        self.answers = {}
        self.errors = {}

    def take(self, counts):
        self.begun, self.answers, self.errors = counts["begun"], counts["answers"], counts["errors"]

    def answered(self):
        return sum(self.answers.values())

    def share(self, version):
        return self.answers.get(version, 0) / self.answered() if self.answered() else 0.0

    def problems(self):
        """Why this phase does not fit its weights, as sentences; empty if it does."""
        n, sentences = self.answered(), []
        if n < REQUESTS_MIN:
            sentences.append(f"{self.name}: {n} answers, and {REQUESTS_MIN} are needed to judge the split")
        for version in sorted(set(self.weights) | set(self.answers)):
            expected = self.weights.get(version, 0) / sum(self.weights.values())
            allowed = DEVIATIONS_MAX * math.sqrt(expected * (1 - expected) / n) if n else 0.0
            found = self.share(version)
            if n and abs(found - expected) > allowed:
                sentences.append(f"{self.name}: {version} got {found:.2%} of {n} requests, expected {expected:.0%} within {allowed:.2%}")
        return sentences


class View:
    def __init__(self, versions, colour=None):
        self.versions = versions
        self.terminal = sys.stdout.isatty() if colour is None else colour
        self.started = time.monotonic()
        self.reports = collections.deque()  # (at, answers, errors, latencies)
        self.told = 0.0
        self.drawn = 0
        self.errors = 0

    def on_report(self, report):
        """Takes one report of the load; call `show` when it should be seen."""
        answers, errors = collections.Counter(), 0
        for counts in report["phases"].values():
            answers.update(counts["answers"])
            errors += sum(counts["errors"].values())
        self.errors = errors
        self.reports.append((report["at"], answers, report["latencies"]))
        while len(self.reports) > 2 and report["at"] - self.reports[0][0] > WINDOW_SECONDS:
            self.reports.popleft()

    def figures(self):
        """Requests a second, shares, p50 and p99 in microseconds over the window."""
        if len(self.reports) < 2:
            return None
        (first, before, _), (last, after, _) = self.reports[0], self.reports[-1]
        delta = {version: after[version] - before[version] for version in after}
        total = sum(delta.values())
        buckets = {}
        for _, _, latencies in list(self.reports)[1:]:
            histogram.merge(buckets, latencies)
        shares = {version: delta.get(version, 0) / total if total else 0.0 for version in self.versions}
        return total / max(last - first, 1e-9), shares, histogram.percentile(buckets, 0.5), histogram.percentile(buckets, 0.99)

    def show(self, phase, generations):
        """Draws the figures, if it is time to. `generations` maps a worker to what it runs."""
        now = time.monotonic()
        if now - self.told < (0.25 if self.terminal else LINE_SECONDS):
            return
        figures = self.figures()
        if figures is None:
            return
        self.told = now
        rate, shares, p50, p99 = figures
        split = "  ".join(f"{version} {share:6.1%}" for version, share in shares.items())
        runs = ", ".join(f"worker {worker}: {generation}" for worker, generation in generations.items()) or "-"
        if not self.terminal:
            print(f"      {now - self.started:5.1f} s  {phase:<14} {rate:6.0f} req/s  {split}  errors {self.errors}  "
                  f"p50 {milliseconds(p50)}  p99 {milliseconds(p99)}  generation {runs}", flush=True)
            return
        rows = [
            f"  policy       {phase}", f"  requests/s   {rate:,.0f}", f"  split        {split}   {bar(shares)}",
            f"  errors       {self.errors}", f"  latency      p50 {milliseconds(p50)}   p99 {milliseconds(p99)}   (as the client sees it)",
            f"  generation   {runs}",
        ]
        up = f"\033[{self.drawn}A" if self.drawn else ""
        sys.stdout.write(up + "".join(f"\r\033[K{row}\n" for row in rows))
        sys.stdout.flush()
        self.drawn = len(rows)

    def leave(self):
        """What is printed next stands below the block."""
        self.drawn = 0


def bar(shares, width=30):
    """The split as a bar: # for the first version, - for the second."""
    first = round(next(iter(shares.values()), 0.0) * width)
    return "[" + "#" * first + "-" * (width - first) + "]"


def milliseconds(microseconds):
    return "-" if microseconds is None else f"{microseconds / 1000:.2f} ms"


def print_results(results, versions):
    """The table of the phases, from real counts."""
    print(f"\n  {'weights':<10} {'begun':>8} {'answered':>9} " + " ".join(f"{version:>8}" for version in versions) + f" {'failed':>7}")
    for result in results:
        shares = " ".join(f"{result.share(version):8.2%}" for version in versions)
        print(f"  {result.name:<10} {result.begun:>8} {result.answered():>9} {shares} {sum(result.errors.values()):>7}")
    print()
