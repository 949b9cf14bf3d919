"""clang-tidy over the sources, two at a time, with .clang-tidy of the root.

It needs a compilation database: that of build-sanitize, which has everything above the ports. Files
that are not in it (ports, with DPDK) are taken from build-release where that is set up.
"""

import concurrent.futures
import json
import re
import subprocess

import builds
from console import cores, note

PROGRAM = "clang-tidy-19"
# g++ wrote the database: clang must not stumble over warnings that only g++ knows.
EXTRA = ["--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-unused-command-line-argument", "--quiet"]
FINDING = re.compile(r"^(\S+?):(\d+):\d+: (?:warning|error): (.*)$")


def changed_files():
    """Files that differ from main, committed or not; everything if there is no main to compare with."""
    for base in ("origin/main", "main"):
        command = ["git", "-c", "safe.directory=*", "diff", "--name-only", "--merge-base", base]
        result = subprocess.run(command, cwd=builds.ROOT, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return set(result.stdout.split())
    return None


def database():
    """Every translation unit as {path from the root: build directory}."""
    units = {}
    for name in ("release", "sanitize"):
        file = builds.build_directory(name) / "compile_commands.json"
        if file.exists():
            for entry in json.loads(file.read_text()):
                path = (file.parent / entry["file"]).resolve()
                if path.is_relative_to(builds.ROOT) and not path.is_relative_to(builds.ROOT / "subprojects") and path.suffix == ".cpp":
                    if not str(path.relative_to(builds.ROOT)).startswith("build-"):
                        units[str(path.relative_to(builds.ROOT))] = file.parent
    return units


def check_unit(path, directory):
    """Findings of one file, each once, paths from the root."""
    result = subprocess.run([PROGRAM, "-p", str(directory), *EXTRA, path], cwd=builds.ROOT, capture_output=True,
                            text=True, check=False)
    findings = []
    for line in result.stdout.splitlines():
        match = FINDING.match(line.replace(f"{builds.ROOT}/", ""))
        if match and not match[1].startswith("/"):
            findings.append(f"{match[1]}:{match[2]}: {match[3]}")
    if result.returncode != 0 and not findings:
        findings.append(f"{path}:1: clang-tidy could not read this file: {(result.stdout + result.stderr).strip()[-300:]}")
    return findings


def run(scope):
    """Checks changed or all files; prints findings and returns the exit code."""
    builds.configure("sanitize")
    units = database()
    changed = changed_files() if scope == "changed" else None
    if changed is not None:
        units = {path: directory for path, directory in units.items() if path in changed}
    note(f"clang-tidy: {len(units)} files")
    seen = set()
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        work = {pool.submit(check_unit, path, directory): path for path, directory in sorted(units.items())}
        for number, done in enumerate(concurrent.futures.as_completed(work), 1):
            if number % 20 == 0 or number == len(work):
                note(f"[{number}/{len(work)}] {work[done]}")
            for finding in done.result():
                if finding not in seen:
                    seen.add(finding)
                    print(finding, flush=True)
    return 1 if seen else 0
