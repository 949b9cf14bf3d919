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
# Folders whose lines `coverage` measures, and the least part of them in percent that tests must reach; 0: it is
# only told. What strangers' packets meet first is shown line by line.
COVERAGE_LEAST = {"dataplane/net": 95, "dataplane/tcp": 95, "l7": 0, "control": 0}

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
    """Runs unit, sim and scripts without sanitizers and tells how much of the protocol folders they reach."""
    directory = builds.configure("coverage")
    names = tests_of(directory, "unit", "sim", "scripts")
    if not names:
        return
    builds.build("coverage")
    # Counters of earlier runs would be added to.
    for counters in directory.rglob("*.gcda"):
        counters.unlink()
    run_tests(tally, "coverage", directory, names, arguments)
    measure_coverage(tally, directory, is_whole=not arguments.filter)


def measure_coverage(tally, directory, is_whole):
    """Reads the counters that the tests left, prints the table and leaves the report. Of a part of the tests
    (not `is_whole`) nothing is demanded. The .def files are tables, no code."""
    report = directory / "coverage.html"
    summary = directory / "coverage.json"
    filters = [option for folder in COVERAGE_LEAST for option in ("--filter", f"{folder}/")]
    command = ["gcovr", "--root", str(builds.ROOT), *filters, "--object-directory", str(directory), "-j", "2",
               "--exclude", r".*\.def", "--exclude-throw-branches", "--html-details", str(report), "--json-summary", str(summary)]
    result = subprocess.run(command, cwd=builds.ROOT, check=False)
    if result.returncode != 0:
        tally.fail("coverage: gcovr", f"exit {result.returncode}", shlex.join(command))
        return
    lines = lines_by_folder(json.loads(summary.read_text()))
    for row in coverage_table(lines):
        note(row)
    note(f"the report by line is {report.relative_to(builds.ROOT)}")
    for folder, least in COVERAGE_LEAST.items():
        if not is_whole or least == 0:
            continue
        covered, total = lines[folder]
        if is_enough(covered, total, least):
            tally.succeed(1)
            continue
        tally.fail(f"coverage: {folder}",
                   f"{percent(covered, total):.1f} % of its lines are reached by tests, {least} % must be: open "
                   f"{report.relative_to(builds.ROOT)}, see which lines of {folder} are red, and write tests of the rules "
                   f"that they are for (tests/unit/{folder}, tests/scripts/tcp), or delete what cannot be reached",
                   "tools/test coverage")


def lines_by_folder(summary):
    """{folder: (lines that ran, lines)} for each folder of COVERAGE_LEAST, from gcovr's summary in JSON."""
    lines = {folder: (0, 0) for folder in COVERAGE_LEAST}
    for file in summary["files"]:
        for folder, (covered, total) in lines.items():
            if file["filename"].startswith(f"{folder}/"):
                lines[folder] = (covered + file["line_covered"], total + file["line_total"])
    return lines


def percent(covered, total):
    return 100 * covered / total if total else 0.0


def is_enough(covered, total, least):
    """False for a folder without lines as well: it was not measured."""
    return total > 0 and 100 * covered >= least * total


def coverage_table(lines):
    """Rows of text: each folder, and the sum of those of which something is demanded."""
    demanded = [lines[folder] for folder, least in COVERAGE_LEAST.items() if least]
    named = {folder: (numbers, COVERAGE_LEAST[folder]) for folder, numbers in lines.items() if COVERAGE_LEAST[folder]}
    named["both"] = ((sum(covered for covered, _ in demanded), sum(total for _, total in demanded)), 0)
    named.update({folder: (numbers, 0) for folder, numbers in lines.items() if not COVERAGE_LEAST[folder]})
    rows = [f"{'lines reached by tests':<24}{'reached':>8}{'of':>8}{'percent':>9}{'least':>7}"]
    for name, ((covered, total), least) in named.items():
        rows.append(f"{name:<24}{covered:>8}{total:>8}{percent(covered, total):>9.1f}{least or '':>7}")
    return rows
