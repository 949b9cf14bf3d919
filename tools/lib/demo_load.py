"""The demo's traffic: starts http_load.py in the client's namespace and follows its reports."""

import json
import pathlib
import queue
import subprocess
import sys
import threading
import time

from console import ScriptError

# Starting an interpreter on a busy machine, or finishing the requests under way.
ANSWER_SECONDS_MAX = 10.0


class TrafficLoad:
    def __init__(self, processes, network, part, target, host, rate, first_phase):
        program = pathlib.Path(__file__).with_name("http_load.py")
        command = network.inside(part, [sys.executable, str(program), target, "--host", host, "--rate", str(rate), "--phase", first_phase])
        self.process = processes.start("traffic", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.last = None

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def reports(self, seconds):
        """Yields the reports that arrive within `seconds`, at once as they come."""
        deadline = time.monotonic() + seconds
        while (patience := deadline - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=patience)
            except queue.Empty:
                return
            if line is None:
                raise ScriptError("the traffic ended by itself; see its log")
            if "phases" in line:
                self.last = line
                yield line

    def enter(self, phase):
        """Requests that begin after this returned belong to `phase`."""
        self.process.stdin.write(f"phase {phase}\n")
        self.process.stdin.flush()
        self.wait_for(lambda line: line.get("phase") == phase)

    def stop(self):
        """Ends the traffic when the requests under way are answered; returns the last report."""
        self.process.stdin.write("stop\n")
        self.process.stdin.flush()
        self.wait_for(lambda line: line.get("final"))
        return self.last

    def wait_for(self, wanted):
        deadline = time.monotonic() + ANSWER_SECONDS_MAX
        while True:
            try:
                line = self.lines.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise ScriptError("the traffic does not answer; see its log") from None
            if line is None:
                raise ScriptError("the traffic ended by itself; see its log")
            if "phases" in line:
                self.last = line
            if wanted(line):
                return
