"""Finds and removes what an earlier demo left, even one that was killed.

A running demo holds a lock; what it started stands in state.json of its runtime directory, written
before the first namespace is made. Namespaces are found by name, processes by pid and start time, so
nothing that merely reuses a number is ever ended.
"""

import argparse
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import time

import processes
from console import ScriptError
from netns import Network, is_alive

RUN = pathlib.Path("/run")
# A demo that is told to end stops its traffic and its processes first.
STOP_SECONDS_MAX = 30

# The longest path below the folder, /run/NAME/dataplane/dataplane.sock, must fit an address of 108 bytes.
NAME_CHARACTERS_MAX = 32


def demo_name(text):
    """Checks a demo's name (argparse `type`): it becomes a folder in /run and begins names of namespaces."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", text) or len(text) > NAME_CHARACTERS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no name: a lower-case letter and up to {NAME_CHARACTERS_MAX - 1} lower-case letters,"
                                         " digits and hyphens are wanted")
    return text


class DemoState:
    def __init__(self, name):
        self.name = name
        self.directory = RUN / name
        self.lock_path = RUN / f"{name}.lock"
        self.state_path = self.directory / "state.json"
        self.lock = None

    def acquire(self):
        """Takes the lock; another demo that runs right now is an error that says what to do."""
        while True:
            self.lock = self.lock_path.open("a+", encoding="ascii")
            try:
                fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ScriptError(f"the demo runs already (process {self.holder()}): end it there with Ctrl-C, or with"
                                  " tools/quickstart --down") from None
            # Another demo may have ended, and removed the file, between the opening and the lock.
            if self.lock_path.exists() and os.fstat(self.lock.fileno()).st_ino == self.lock_path.stat().st_ino:
                break
            self.lock.close()
        self.lock.truncate(0)
        self.lock.write(str(os.getpid()))
        self.lock.flush()

    def release(self):
        """Gives the lock up and leaves no file behind."""
        self.lock_path.unlink(missing_ok=True)
        self.lock.close()

    def holder(self):
        text = self.lock_path.read_text(encoding="ascii").strip() if self.lock_path.exists() else ""
        return int(text) if text.isdigit() else None

    def stop_running(self):
        """Asks the demo that holds the lock to end and waits for it. False if none runs."""
        with self.lock_path.open("a+", encoding="ascii") as lock:
            deadline = time.monotonic() + STOP_SECONDS_MAX
            asked = False
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return asked
                except BlockingIOError:
                    pid = self.holder()
                    if not asked and pid and is_alive(pid):
                        os.kill(pid, signal.SIGTERM)
                    asked = True
                if time.monotonic() > deadline:
                    raise ScriptError(f"the demo (process {self.holder()}) did not end within {STOP_SECONDS_MAX} s")
                time.sleep(0.1)

    def remove_leftovers(self):
        """Ends and removes whatever another run left. Returns a sentence, or None if nothing was there.
        A folder that is no demo's (/run/systemd, to name one) is an error and stays."""
        if self.directory.exists() and not self.is_ours():
            raise ScriptError(f"{self.directory} is not a demo's folder: choose another --name")
        ended = 0
        if self.state_path.exists():
            try:
                ended = processes.end_identities(json.loads(self.state_path.read_text())["processes"])
            except (ValueError, KeyError):
                ended = 0  # killed while writing: the namespaces below still lead to the processes
        namespaces = Network(self.name).remove()
        there = self.directory.exists()
        shutil.rmtree(self.directory, ignore_errors=True)
        if not (ended or namespaces or there):
            return None
        return f"removed what an earlier run left: {namespaces} namespaces, {ended} processes"

    def is_ours(self):
        """A demo's folder has its state.json; one that was killed at its very start may be empty."""
        return self.state_path.exists() or set(os.listdir(self.directory)) <= {self.scratch_path().name}

    def scratch_path(self):
        return self.state_path.with_suffix(".new")

    def record(self, identities):
        """Notes the processes that run, so that another run can end them."""
        self.directory.mkdir(parents=True, exist_ok=True)
        scratch = self.scratch_path()
        scratch.write_text(json.dumps({"pid": os.getpid(), "processes": identities}))
        scratch.replace(self.state_path)
