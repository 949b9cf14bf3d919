"""The part `integration` of tools/test: tests/integration/test_*.py and test_*.sh against the release build.

Each is an executable that makes its own network namespaces, ends with 0 or not, and may close with
`N passed, N failed` to count more than one. BYWAY_BUILD names the build directory.
"""

import os
import re
import signal
import subprocess
import time

import builds
from console import ScriptError, note

# A test that needs longer says so in its head: `# timeout: 300`.
TIMEOUT_SECONDS = 120
TIMEOUT_LINE = re.compile(r"^# timeout: (\d+)$", re.MULTILINE)
PLAIN_SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)
# Of a failed test's output the end tells why; the whole is in its log.
OUTPUT_LINES_SHOWN_MAX = 40


def integration(tally, arguments):
    folder = builds.ROOT / "tests/integration"
    tests = sorted(path for path in folder.glob("test_*") if path.suffix in (".py", ".sh") and arguments.filter in path.name)
    if not tests:
        return
    directory = builds.configure("release", ["-Dtests=true"])
    builds.build("release", builds.programs(directory, besides=["tests/unit", "tests/sim"]))
    for number, path in enumerate(tests, 1):
        run_test(tally, f"({number}/{len(tests)})", path)


def root_prefix():
    """Network namespaces need root: sudo where the user is not, asking for the password if it must."""
    if os.geteuid() == 0:
        return []
    if subprocess.run(["which", "sudo"], capture_output=True, check=False).returncode != 0:
        raise ScriptError("integration tests need root and there is no sudo: run tools/test as root")
    return ["sudo", "--preserve-env=BYWAY_BUILD,PYTHONDONTWRITEBYTECODE", "--"]


def run_test(tally, counter, path):
    if not os.access(path, os.X_OK):
        tally.fail(f"integration: {path.name}", "the file is not executable", f"chmod +x {path.relative_to(builds.ROOT)}")
        return
    match = TIMEOUT_LINE.search(path.read_text(errors="replace"))
    limit = int(match[1]) if match else TIMEOUT_SECONDS
    logs = builds.build_directory("release") / "integration-logs"
    logs.mkdir(exist_ok=True)
    log = logs / f"{path.stem}.log"
    environment = dict(os.environ, BYWAY_BUILD=str(builds.build_directory("release")), PYTHONDONTWRITEBYTECODE="1")
    started = time.monotonic()
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen([*root_prefix(), str(path)], cwd=builds.ROOT, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            outcome = "passed" if process.wait(timeout=limit) == 0 else f"exit {process.returncode}"
        except subprocess.TimeoutExpired:
            outcome = f"no end after {limit} s"
            end_group(process)
    text = log.read_text(errors="replace")
    seconds = time.monotonic() - started
    passed, failed = (1, 0) if outcome == "passed" else (0, 1)
    if match := list(PLAIN_SUMMARY.finditer(text)):
        passed, failed = int(match[-1][1]), int(match[-1][2])
        if outcome != "passed" and failed == 0:
            failed = 1
    tally.succeed(passed)
    note(f"{counter} {path.name}: {passed} passed, {failed} failed, {seconds:.1f} s")
    if failed or outcome != "passed":
        tail = "\n".join(text.splitlines()[-OUTPUT_LINES_SHOWN_MAX:])
        tally.fail(f"integration: {path.name} ({outcome})", f"{tail}\nthe whole output: {log.relative_to(builds.ROOT)}",
                   f"BYWAY_BUILD=build-release tests/integration/{path.name}", max(failed, 1))


def end_group(process):
    """Asks the test's whole group to end, so that it can remove its namespaces, then insists."""
    for number, patience in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=patience)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
