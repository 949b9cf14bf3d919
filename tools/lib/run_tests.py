"""tools/test: builds and runs every test, or a part of them.

Each part builds what it needs and returns a Tally. The last line of the output is always
`N passed, N failed`; the exit code is 0 only if nothing failed and something ran. A part that has
no tests yet passes nothing: it says so and adds nothing to the count.
"""

import argparse
import sys

import builds
import test_fuzz
import test_instructions
import test_integration
import test_programs
import test_source
from console import ScriptError, Steps, note
from tally import Tally

PARTS = {
    "tidy": ("the rules of the source: tools/tidy; by name also clang-tidy", test_source.tidy),
    "unit": ("unit tests: sanitizer build, thread sanitizer for what is shared, release build for what links DPDK", test_programs.unit),
    "sim": ("whole stacks over the simulated network: 1,000 worlds in the sanitizer build, 10,000 of TCP in the release build", test_programs.sim),
    "scripts": ("scripted exchanges and packets, sanitizer build", test_programs.scripts),
    "fuzz": ("every fuzz target for a short time, clang 19", test_fuzz.fuzz),
    "integration": ("real processes and peers in network namespaces, release build; needs root", test_integration.integration),
    "instructions": ("instructions per proxied request under callgrind, release build", test_instructions.instructions),
    "coverage": ("line coverage of dataplane/net and dataplane/tcp, 95 % at least, and of l7 and control (not part of a full run)", test_programs.coverage),
}
FULL_RUN = ["tidy", "unit", "sim", "scripts", "fuzz", "instructions", "integration"]


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/test", description="Builds and runs Byway's tests.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="parts:\n" + "\n".join(f"  {name:<12} {text}" for name, (text, _) in PARTS.items()))
    parser.add_argument("parts", nargs="*", metavar="PART", help="parts to run; all but coverage without any")
    parser.add_argument("--filter", default="", metavar="TEXT", help="only tests whose name contains TEXT")
    parser.add_argument("--fuzz-seconds", type=int, default=20, metavar="N", help="time of each fuzz target (20)")
    parser.add_argument("--merge-corpus", action="store_true", help="after fuzzing, add what was new to tests/fuzz/corpus")
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; there are {', '.join(PARTS)}")
    return arguments


def main():
    arguments = parse_arguments()
    parts = arguments.parts or FULL_RUN
    total = Tally()
    lines = []
    steps = Steps(len(parts) + 1)
    try:
        steps.begin("pinned subprojects")
        builds.fetch_subprojects()
    except ScriptError as error:
        total.fail("subprojects", str(error), "tools/lib/fetch_subprojects")
        parts = []
    for part in parts:
        text, run = PARTS[part]
        steps.begin(f"{part}: {text}")
        tally = Tally()
        try:
            run(tally, arguments)
        except ScriptError as error:
            tally.fail(part, str(error), f"tools/test {part}")
        if tally.is_empty():
            note(f"{part}: there are no such tests")
        lines.append(f"  {part:<12} {tally.passed} passed, {tally.failed} failed")
        total.add(tally)
    steps.finish()
    print("\n".join(lines))
    total.print_failures()
    if total.is_empty():
        total.fail("tools/test", "no test ran", "tools/test " + " ".join(arguments.parts))
    print(f"{steps.seconds():.0f} s in all")
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 0 if total.failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
