"""clang-tidy over the sources, as many at a time as there are cores, with .clang-tidy of the root.

    changed   files that differ from main, every check
    all       every file, every check (a quarter of an hour on two cores)
    product   every file of the product's libraries without the static analyzer, which takes most of
              the time: what tools/test runs

It needs a compilation database: that of build-sanitize, which has everything above the ports. Files
that are not in it (ports, with DPDK) are taken from build-release where that is set up.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess

import builds
from console import cores, note

PROGRAM = "clang-tidy-19"
# g++ wrote the database: clang must not stumble over warnings that only g++ knows.
EXTRA = ["--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-unused-command-line-argument", "--quiet"]
WITHOUT_ANALYZER = ["--checks=-clang-analyzer-*"]
PRODUCT = ("dataplane/", "tls/", "l7/", "control/")
FINDING = re.compile(r"^(\S+?):(\d+):\d+: (?:warning|error): (.*)$")


def changed_files():
    """Files that differ from main, committed or not; None if there is no main to compare with."""
    for base in ("origin/main", "main"):
        command = ["git", "-c", "safe.directory=*", "diff", "--name-only", "--merge-base", base]
        result = subprocess.run(command, cwd=builds.ROOT, capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return set(result.stdout.split())
    return None


def database():
    """Every translation unit of ours as {path from the root: build directory}."""
    units = {}
    for name in ("release", "sanitize"):
        file = builds.build_directory(name) / "compile_commands.json"
        if not file.exists():
            continue
        for entry in json.loads(file.read_text()):
            path = from_root(entry["file"], file.parent)
            if path and path.endswith(".cpp") and not path.startswith(("subprojects/", "build")):
                units[path] = file.parent
    return units


def from_root(name, directory):
    """A path as clang prints it (relative to the build directory or whole), from the root; or None."""
    path = pathlib.Path(os.path.normpath(directory / name))
    return str(path.relative_to(builds.ROOT)) if path.is_relative_to(builds.ROOT) else None


def generate_headers():
    """Compiles what other sources include (protobuf messages), nothing else."""
    directory = builds.build_directory("sanitize")
    made = [name for target in builds.introspect(directory, "--targets") if target["type"] == "custom"
            for name in target["filename"] if name.endswith((".h", ".cc", ".cpp"))]
    if made:
        builds.build("sanitize", [os.path.relpath(name, directory) for name in made])


def check_unit(path, directory, options):
    """Findings of one file, paths from the root."""
    result = subprocess.run([PROGRAM, "-p", str(directory), *EXTRA, *options, str(builds.ROOT / path)], cwd=builds.ROOT,
                            capture_output=True, text=True, check=False)
    findings = []
    for line in result.stdout.splitlines():
        match = FINDING.match(line)
        where = from_root(match[1], directory) if match else None
        if where:
            findings.append(f"{where}:{match[2]}: {match[3]}")
    if result.returncode != 0 and not findings:
        findings.append(f"{path}:1: clang-tidy could not read this file: {(result.stdout + result.stderr).strip()[-300:]}")
    return findings


def run(scope):
    """Checks the files of a scope; prints findings, each once, and returns the exit code."""
    builds.fetch_subprojects()
    builds.configure("sanitize")
    generate_headers()
    units = database()
    changed = changed_files() if scope == "changed" else None
    if changed is not None:
        units = {path: directory for path, directory in units.items() if path in changed}
    if scope == "product":
        units = {path: directory for path, directory in units.items() if path.startswith(PRODUCT)}
    options = WITHOUT_ANALYZER if scope == "product" else []
    note(f"clang-tidy: {len(units)} files")
    seen = set()
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        work = {pool.submit(check_unit, path, directory, options): path for path, directory in sorted(units.items())}
        for number, done in enumerate(concurrent.futures.as_completed(work), 1):
            if number % 20 == 0 or number == len(work):
                note(f"[{number}/{len(work)}] {work[done]}")
            for finding in done.result():
                if finding not in seen:
                    seen.add(finding)
                    print(finding, flush=True)
    return 1 if seen else 0
