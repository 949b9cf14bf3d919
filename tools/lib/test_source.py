"""The part `tidy` of tools/test: what a compiler does not check."""

import subprocess

import builds
import clang_tidy
from console import note

# A finding is one line; of more than these the first are enough to start with.
FINDINGS_SHOWN_MAX = 60


def tidy(tally, arguments):
    """Each check of tools/tidy counts as one test. Asked for by name, clang-tidy over the product's
    libraries is one more: minutes for what changes rarely, so a full run leaves it out."""
    check_rules(tally)
    if "tidy" not in arguments.parts:
        return
    note("clang-tidy over dataplane, tls, l7, control")
    if clang_tidy.run("product") == 0:
        tally.succeed()
    else:
        tally.fail("clang-tidy", "its findings are above", "tools/tidy --clang-tidy product")


def check_rules(tally):
    result = subprocess.run([builds.ROOT / "tools/tidy", "--summary"], cwd=builds.ROOT, text=True,
                            capture_output=True, check=False)
    findings = []
    for line in result.stdout.splitlines():
        if line.startswith("check "):
            _, name, outcome = line.split(" ", 2)
            if outcome == "passed":
                tally.succeed()
            else:
                tally.fail(f"tidy: {name}", "\n".join(findings[:FINDINGS_SHOWN_MAX]), f"tools/tidy --check {name}")
            findings = []
        else:
            findings.append(line)
    if tally.is_empty() or (result.returncode != 0 and tally.failed == 0):
        tally.fail("tidy", result.stderr or "tools/tidy ended without a summary", "tools/tidy")
