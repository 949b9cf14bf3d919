"""The parts of tools/test that are programs which meson knows: unit, sim, scripts, coverage.

`meson test` runs them (it handles parallel runs and time limits); what passed is counted from its
log, case by case where the program is a Catch2 one, else one a program.
"""

import json
import pathlib
import re
import shlex
import subprocess

import builds
from console import note

# Tests that also run under the thread sanitizer: of what threads or processes share.
SHARED_FOLDERS = ["unit/control/shm", "unit/thread"]
# Folders whose lines `coverage` measures, and the report that it leaves.
COVERAGE_FOLDERS = ["dataplane/net", "dataplane/tcp", "l7", "control"]

CATCH2_ALL_PASSED = re.compile(r"All tests passed \([\d ]+assertions? in (\d+) test cases?\)")
CATCH2_SUMMARY = re.compile(r"^test cases:\s*(\d+)(.*)$", re.MULTILINE)
CATCH2_FAILED_CASE = re.compile(r"^-{70,}\n(.+?)\n(?:.*\n)*?-{70,}\n\S+:\d+\n\.{70,}\n(?:\n.*?)*?FAILED:", re.MULTILINE)
PLAIN_SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$", re.MULTILINE)

SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


def count_cases(output, exit_code):
    """(passed, failed) of one program. A program that died counts at least one failure."""
    passed, failed = (1, 0) if exit_code == 0 else (0, 1)
    if match := CATCH2_ALL_PASSED.search(output):
        passed, failed = int(match[1]), 0
    elif match := CATCH2_SUMMARY.search(output):
        numbers = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed)", match[2])}
        passed, failed = numbers.get("passed", 0), numbers.get("failed", 0)
    elif match := PLAIN_SUMMARY.search(output):
        passed, failed = int(match[1]), int(match[2])
    if exit_code != 0 and failed == 0:
        failed = 1
    return passed, failed


def failed_case_names(output):
    """Names of the Catch2 test cases that failed, in order, each once."""
    names = []
    blocks = re.split(r"^-{70,}$", output, flags=re.MULTILINE)
    for header, body in zip(blocks, blocks[1:]):
        name = header.strip().splitlines()
        if name and "FAILED:" in body and name[0].strip() not in names:
            names.append(name[0].strip())
    return names


def tests_of(directory, *folders):
    """Names of meson's tests whose program or script lies under one of the folders tests/<folder>."""
    return [test["name"] for test in builds.introspect(directory, "--tests")
            if any(f"/tests/{folder}/" in part for folder in folders for part in test["cmd"])]


def run_tests(tally, part, directory, names, arguments):
    """Runs the named tests of one build directory and counts their cases."""
    names = [name for name in names if arguments.filter in name]
    if not names:
        return
    log = directory / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", str(directory), "--no-rebuild", "--print-errorlogs", *names]
    environment = dict(builds.os.environ, **SANITIZER_ENVIRONMENT)
    subprocess.run(command, cwd=builds.ROOT, env=environment, check=False)
    seen = set()
    if log.exists():
        for line in log.read_text(errors="replace").splitlines():
            if line.strip():
                seen.add(count_result(tally, part, directory, json.loads(line)))
    for name in names:
        if name not in seen:
            tally.fail(f"{part}: {name}", "it did not run, or meson lost its result", shlex.join(command))


def count_result(tally, part, directory, result):
    """Adds one entry of meson's log to the tally; returns the test's name."""
    name = result["name"].split(" / ")[-1]
    if result["result"] == "SKIP":
        note(f"skipped: {name}")
        return name
    output = result.get("stdout", "")
    exit_code = 0 if result["result"] == "OK" else 1
    passed, failed = count_cases(output, exit_code)
    tally.succeed(passed)
    note(f"{name}: {passed} passed, {failed} failed")
    if failed == 0:
        return name
    program = [str(pathlib.Path(part).relative_to(builds.ROOT)) if part.startswith(str(builds.ROOT)) else part
               for part in result["command"]]
    cases = failed_case_names(output)
    for case in cases:
        tally.fail(f"{part}: {name}: {case}", "", shlex.join([*program, case]))
    unnamed = failed - len(cases)
    if unnamed > 0:
        tally.fail(f"{part}: {name}", f"{result['result'].lower()}; its output is above and in {directory.name}/meson-logs/testlog.txt",
                   shlex.join(program), unnamed)
    return name


def sanitizer_part(tally, part, folder, arguments):
    directory = builds.configure("sanitize")
    names = tests_of(directory, folder)
    if names:
        builds.build("sanitize")
        run_tests(tally, part, directory, names, arguments)


def unit(tally, arguments):
    sanitizer_part(tally, "unit", "unit", arguments)
    directory = builds.configure("thread")
    names = tests_of(directory, *SHARED_FOLDERS)
    if names:
        note("thread sanitizer: " + " ".join(names))
        builds.build("thread", program_targets(directory, names))
        run_tests(tally, "unit (thread sanitizer)", directory, names, arguments)
    # What links DPDK, which the sanitizer build does without.
    elsewhere = tests_of(builds.build_directory("sanitize"), "unit")
    directory = builds.configure("release", ["-Dtests=true"])
    names = [name for name in tests_of(directory, "unit") if name not in elsewhere]
    note("release build, with DPDK: " + " ".join(names))
    builds.build("release", program_targets(directory, names))
    run_tests(tally, "unit (release)", directory, names, arguments)


def program_targets(directory, names):
    """Ninja's names of all that these tests need (their programs, and what those start), relative to the
    build directory."""
    needed = {target for test in builds.introspect(directory, "--tests") if test["name"] in names for target in test["depends"]}
    return sorted(str(pathlib.Path(file).relative_to(directory)) for target in builds.introspect(directory, "--targets")
                  if target["id"] in needed for file in target["filename"])


def sim(tally, arguments):
    sanitizer_part(tally, "sim", "sim", arguments)
    # What needs speed: many more worlds, long flows.
    elsewhere = tests_of(builds.build_directory("sanitize"), "sim")
    directory = builds.configure("release", ["-Dtests=true"])
    names = [name for name in tests_of(directory, "sim") if name not in elsewhere]
    builds.build("release", program_targets(directory, names))
    run_tests(tally, "sim (release)", directory, names, arguments)


def scripts(tally, arguments):
    sanitizer_part(tally, "scripts", "scripts", arguments)


def coverage(tally, arguments):
    """Runs unit and sim without sanitizers and reports how much of the protocol folders they reach."""
    directory = builds.configure("coverage")
    names = tests_of(directory, "unit", "sim")
    if not names:
        return
    builds.build("coverage")
    run_tests(tally, "coverage", directory, names, arguments)
    report = directory / "coverage.html"
    filters = [option for folder in COVERAGE_FOLDERS for option in ("--filter", f"{folder}/")]
    command = ["gcovr", "--root", str(builds.ROOT), *filters, "--object-directory", str(directory), "-j", "2",
               "--exclude-throw-branches", "--print-summary", "--html-details", str(report), "--txt", "-"]
    result = subprocess.run(command, cwd=builds.ROOT, check=False)
    if result.returncode == 0:
        note(f"the report by line is {report.relative_to(builds.ROOT)}")
    else:
        tally.fail("coverage: gcovr", f"exit {result.returncode}", shlex.join(command))
