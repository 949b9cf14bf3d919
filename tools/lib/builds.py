"""The build directories of Byway and how each is configured. One place, so that tools/test,
tools/quickstart and a developer by hand agree on names and options.

    build-release   what runs: quickstart, integration tests, benchmarks
    build-sanitize  address and undefined-behaviour sanitizers, everything above the ports
    build-thread    thread sanitizer, for what two processes or threads share (control/shm)
    build-fuzz      libFuzzer targets, clang 19
    build-coverage  line coverage of the protocol folders
"""

import json
import os
import pathlib
import shutil
import subprocess

from console import ScriptError, cores, note, run_ninja

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What is instrumented or looked at, not timed, is linked the quick way.
NOT_FOR_SPEED = ["-Db_lto=false"]
# Subprojects are compiled once and never worked on: fewer, larger units halve the time they take.
COMMON_OPTIONS = ["--wrap-mode=nodownload", "-Dunity=subprojects", "-Dunity_size=15"]
# Sanitizer builds run at -O1: the stacks stay readable, and 1,000 simulated seeds stay affordable. They are
# clang's: it compiles instrumented code in a third of the time that g++ 12 takes, and g++ 12 places what is
# aligned to a cache line wrongly on the fake stack of detect_stack_use_after_return (GCC bug 110027).
CCACHE = "ccache " if shutil.which("ccache") else ""  # meson finds it by itself only for the compiler that it chooses
CLANG = {"CC": f"{CCACHE}clang-19", "CXX": f"{CCACHE}clang++-19"}
SANITIZER_OPTIONS = NOT_FOR_SPEED + ["-Dbuildtype=debugoptimized", "-Doptimization=1", "-Ddpdk=disabled"]

BUILDS = {
    "release": (["-Dbuildtype=release"], {}),
    "sanitize": (SANITIZER_OPTIONS + ["-Db_sanitize=address,undefined", "-Db_lundef=false"], CLANG),
    "thread": (SANITIZER_OPTIONS + ["-Db_sanitize=thread", "-Db_lundef=false", "-Dagent=disabled"], CLANG),
    "fuzz": (NOT_FOR_SPEED + ["-Dbuildtype=debugoptimized", "-Dfuzz=true", "-Ddpdk=disabled", "-Dtests=false",
                              "-Dagent=disabled"], CLANG),
    "coverage": (NOT_FOR_SPEED + ["-Dbuildtype=debug", "-Doptimization=0", "-Db_coverage=true", "-Ddpdk=disabled"], {}),
}


def build_directory(name):
    return ROOT / f"build-{name}"


def fetch_subprojects(names=()):
    """Brings the pinned subprojects (all without names) in before meson runs, so that no build step uses the network."""
    result = subprocess.run([ROOT / "tools/lib/fetch_subprojects", *names], check=False)
    if result.returncode != 0:
        raise ScriptError("the pinned subprojects could not be fetched (see above)")


def configure(name, extra_options=()):
    """Sets the build directory up, or changes the options of one that is there already."""
    options, environment = BUILDS[name]
    options = list(options) + list(extra_options)
    directory = build_directory(name)
    environment = dict(os.environ, **environment)
    if (directory / "build.ninja").exists():
        refresh(directory)
        if all(option_is_set(directory, option) for option in extra_options):
            return directory
        command = ["meson", "configure", *extra_options, directory]
    else:
        command = ["meson", "setup", *COMMON_OPTIONS, *options, directory, ROOT]
    note(f"configuring {directory.name}")
    result = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        raise ScriptError(f"meson failed for {directory.name}:\n{result.stdout}")
    return directory


def refresh(directory):
    """Lets meson read changed meson.build files, so that what it tells about tests is of today."""
    result = subprocess.run(["ninja", "-C", str(directory), "build.ninja"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, check=False)
    if result.returncode != 0:
        raise ScriptError(f"meson failed for {directory.name}:\n{result.stdout[-4000:]}")


def option_is_set(directory, option):
    """True if the configured directory has `-Dname=value` already."""
    name, _, value = option.removeprefix("-D").partition("=")
    for entry in introspect(directory, "--buildoptions"):
        if entry["name"] == name:
            return str(entry["value"]).lower() == value
    return False


def build(name, targets=()):
    """Compiles the given targets (all without any); a failure ends the script with what to do."""
    directory = build_directory(name)
    command = ["ninja", "-C", str(directory), f"-j{cores()}", *targets]
    if run_ninja(command) != 0:
        raise ScriptError(f"the build failed; run it again with: ninja -C {directory.name} {' '.join(targets)}".rstrip())


def programs(directory, besides):
    """Ninja's names of all executables but those that are built below the folders `besides`."""
    files = (pathlib.Path(file).relative_to(directory) for target in introspect(directory, "--targets")
             if target["type"] == "executable" for file in target["filename"])
    return sorted(str(file) for file in files if not any(file.is_relative_to(folder) for folder in besides))


def introspect(directory, what):
    """One of meson's own descriptions of a build directory, as parsed JSON."""
    result = subprocess.run(["meson", "introspect", what, str(directory)], cwd=ROOT, capture_output=True,
                            text=True, check=False)
    if result.returncode != 0:
        raise ScriptError(f"meson introspect {what} {directory.name}: {result.stderr.strip()}")
    return json.loads(result.stdout)
