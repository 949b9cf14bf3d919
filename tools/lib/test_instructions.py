"""The part `instructions` of tools/test: instructions per proxied request and stage, against the committed baseline."""

import subprocess

import builds

PROGRAM = "benchmarks/instructions/proxied_request"


def instructions(tally, arguments):
    builds.configure("release", ["-Dtests=true"])
    builds.build("release", [PROGRAM])
    command = ["benchmarks/instructions/run", str(builds.build_directory("release") / PROGRAM)]
    result = subprocess.run(command, cwd=builds.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print("".join(f"      {line}\n" for line in result.stdout.splitlines()), end="", flush=True)
    if result.returncode == 0:
        tally.succeed()
    else:
        tally.fail("instructions", result.stdout, "tools/test instructions")
