"""The processes of a demo or an integration test: started with a log each, ended in reverse order."""

import ctypes
import os
import pathlib
import signal
import subprocess
import time

from console import ScriptError
from netns import end_processes, is_alive

PR_SET_PDEATHSIG = 1
# What a log shows of itself when its process has failed.
LOG_LINES_SHOWN_MAX = 25


def start_time(pid):
    """When the process began, in clock ticks since boot: with the pid it names one process for good.
    None if there is no such process."""
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def end_with_parent():
    """Runs in the child: it gets SIGTERM when the script dies, even by SIGKILL."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Processes:
    def __init__(self, log_directory, die_with_script=True):
        self.log_directory = pathlib.Path(log_directory)
        self.log_directory.mkdir(parents=True, exist_ok=True)
        self.die_with_script = die_with_script
        self.running = {}  # name -> Popen

    def start(self, name, command, **options):
        """Starts a process of its own session (Ctrl-C in the terminal is the script's to handle)."""
        log = self.log_directory / f"{name}.log"
        with log.open("ab") as out:
            options.setdefault("stdin", subprocess.DEVNULL)
            options.setdefault("stdout", out)
            process = subprocess.Popen(command, stderr=out, start_new_session=True,
                                       preexec_fn=end_with_parent if self.die_with_script else None, **options)
        self.running[name] = process
        return process

    def identities(self):
        """(name, pid, start time) of what was started, to be found again by another run."""
        return [(name, process.pid, start_time(process.pid)) for name, process in self.running.items()]

    def log_tail(self, name):
        path = self.log_directory / f"{name}.log"
        lines = path.read_text(errors="replace").splitlines() if path.exists() else []
        return "\n".join(lines[-LOG_LINES_SHOWN_MAX:])

    def check(self):
        """Raises with the log's end if a process has ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise ScriptError(f"{name} ended with exit code {process.returncode}:\n{self.log_tail(name)}")

    def wait_until(self, ready, what, seconds):
        """Polls `ready` until it is true. A process that ends meanwhile, or the time, is an error."""
        deadline = time.monotonic() + seconds
        while True:
            self.check()
            if ready():
                return
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {name}\n{self.log_tail(name)}" for name in self.running)
                raise ScriptError(f"{what}: not within {seconds} s\n{logs}")
            time.sleep(0.05)

    def stop(self, name, number=signal.SIGTERM, seconds=10.0):
        """Ends one process and returns its exit code (negative: the signal)."""
        process = self.running.pop(name)
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ScriptError(f"{name} did not end within {seconds} s of signal {number}") from None

    def stop_all(self):
        """Ends everything, the last started first. Returns what went wrong, as sentences."""
        problems = []
        for name in reversed(list(self.running)):
            try:
                code = self.stop(name)
                if code not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
                    problems.append(f"{name} ended with exit code {code}")
            except ScriptError as error:
                problems.append(str(error))
        return problems


def end_identities(identities):
    """Ends processes that another run recorded, if they still are the same processes."""
    pids = [pid for _, pid, started in identities if started is not None and start_time(pid) == started and is_alive(pid)]
    end_processes(pids)
    return len(pids)
