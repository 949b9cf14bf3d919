"""What Byway's scripts say while they work: counted steps with their time, and progress that suits
a terminal (one line that moves) as well as a log (few plain lines)."""

import os
import re
import subprocess
import sys
import time

# A log gets a line for each of this many parts of a long job; more would bury what matters.
LOG_LINES_PER_JOB = 10


class ScriptError(Exception):
    """A failure that is told in one message, without a traceback."""


class Steps:
    """Counts steps: `[2/7] unit tests ...` at the start, its seconds at the end."""

    def __init__(self, total, done=0):
        self.total = total
        self.current = done
        self.started = time.monotonic()
        self.step_started = None

    def begin(self, title):
        self.finish()
        self.current += 1
        self.step_started = time.monotonic()
        print(f"[{self.current}/{self.total}] {title}", flush=True)

    def finish(self):
        """Ends the step that runs, if any, by saying how long it took."""
        if self.step_started is not None:
            print(f"      {time.monotonic() - self.step_started:.1f} s", flush=True)
        self.step_started = None

    def seconds(self):
        return time.monotonic() - self.started


def note(text):
    print(f"      {text}", flush=True)


def run_ninja(command, environment=None):
    """Runs ninja with its own counter on a terminal, and a tenth of it in a log. Anything else that
    it prints (warnings, errors) is passed on whole. Returns its exit code."""
    if sys.stdout.isatty():
        return subprocess.run(command, env=environment, check=False).returncode
    progress = re.compile(r"^\[(\d+)/(\d+)\] ")
    told = -1
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace") as process:
        for line in process.stdout:
            match = progress.match(line)
            if not match:
                sys.stdout.write(line)
                continue
            done, total = int(match[1]), int(match[2])
            part = done * LOG_LINES_PER_JOB // max(total, 1)
            if part != told or done == total:
                told = part
                sys.stdout.write(f"      {line}")
            sys.stdout.flush()
    return process.returncode


def cores():
    """Cores that this process may use (a container may have fewer than the machine)."""
    return len(os.sched_getaffinity(0))
