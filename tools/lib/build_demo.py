"""Builds what the demo runs: data plane, agent, command line. A build directory that the tests have
set up is used as it is; a fresh one leaves the tests out, and with them their dependencies."""

import sys

import builds
from console import ScriptError

PROGRAMS = ["byway-dataplane", "byway-agent", "byway"]


def main():
    try:
        directory = builds.build_directory("release")
        fresh = not (directory / "build.ninja").exists()
        builds.fetch_subprojects(["mbedtls"] if fresh else [])
        builds.configure("release", ["-Dtests=false"] if fresh else [])
        targets = {target["name"]: target["filename"][0] for target in builds.introspect(directory, "--targets")}
        builds.build("release", [str(builds.pathlib.Path(targets[name]).relative_to(directory)) for name in PROGRAMS])
    except ScriptError as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
