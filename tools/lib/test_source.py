"""The part `tidy` of tools/test: what a compiler does not check."""

import subprocess

import builds

# A finding is one line; of more than these the first are enough to start with.
FINDINGS_SHOWN_MAX = 60


def tidy(tally, arguments):
    """tools/tidy counts as one test for each of its checks; every finding is file:line: message."""
    del arguments
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
