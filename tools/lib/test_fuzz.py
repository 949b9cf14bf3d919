"""The part `fuzz` of tools/test: every libFuzzer target for a short time.

A target starts from tests/fuzz/corpus/NAME (kept in the repository) and collects what it finds in
build-fuzz/corpus/NAME; --merge-corpus adds to the kept corpus what reaches new code.
"""

import concurrent.futures
import pathlib
import shlex
import subprocess

import builds
from console import cores, note

# One input may take this long before it counts as a hang, and this much memory before it is a leak.
INPUT_SECONDS_MAX = 10
MEMORY_MB_MAX = 1024


def fuzz_targets(directory):
    """Programs that tests/fuzz builds, as (name, path)."""
    targets = []
    for target in builds.introspect(directory, "--targets"):
        if target["type"] == "executable" and "/tests/fuzz/" in target["defined_in"]:
            targets.append((target["name"], pathlib.Path(target["filename"][0])))
    return sorted(targets)


def fuzz(tally, arguments):
    directory = builds.configure("fuzz")
    targets = [target for target in fuzz_targets(directory) if arguments.filter in target[0]]
    if not targets:
        return
    builds.build("fuzz", [str(path.relative_to(directory)) for _, path in targets])
    note(f"{len(targets)} targets, {arguments.fuzz_seconds} s each, {cores()} at a time")
    with concurrent.futures.ThreadPoolExecutor(cores()) as pool:
        work = [pool.submit(run_target, name, path, arguments) for name, path in targets]
        for number, done in enumerate(concurrent.futures.as_completed(work), 1):
            judge(tally, f"({number}/{len(targets)})", *done.result(), arguments)


def run_target(name, path, arguments):
    """Runs one target; returns its name, program, directories and what became of it."""
    directory = builds.build_directory("fuzz")
    found = directory / "corpus" / name
    kept = builds.ROOT / "tests/fuzz/corpus" / name
    found.mkdir(parents=True, exist_ok=True)
    dictionary = builds.ROOT / "tests/fuzz" / f"{name}.dict"
    artifacts = directory / "artifacts" / name
    artifacts.mkdir(parents=True, exist_ok=True)
    command = [str(path), f"-max_total_time={arguments.fuzz_seconds}", f"-timeout={INPUT_SECONDS_MAX}",
               f"-rss_limit_mb={MEMORY_MB_MAX}", f"-artifact_prefix={artifacts}/", "-print_final_stats=1", "-verbosity=1"]
    if dictionary.exists():
        command.append(f"-dict={dictionary}")
    command.append(str(found))
    if kept.is_dir():
        command.append(str(kept))
    result = subprocess.run(command, cwd=builds.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            errors="replace", check=False)
    return name, path, kept, found, result


def judge(tally, counter, name, path, kept, found, result, arguments):
    runs = next((line.split()[-1] for line in result.stdout.splitlines() if "number_of_executed_units" in line), "?")
    if result.returncode == 0:
        tally.succeed()
        note(f"{counter} {name}: {runs} inputs, none bad")
        if arguments.merge_corpus:
            kept.mkdir(parents=True, exist_ok=True)
            subprocess.run([str(path), "-merge=1", str(kept), str(found)], capture_output=True, check=False)
        return
    note(f"{counter} {name}: FAILED")
    print(result.stdout[-6000:])
    bad = [line.split()[-1] for line in result.stdout.splitlines() if "Test unit written to" in line]
    rerun = [str(path.relative_to(builds.ROOT)), *(str(pathlib.Path(file).relative_to(builds.ROOT)) for file in bad[-1:])]
    tally.fail(f"fuzz: {name}", "its output is above", shlex.join(rerun))
