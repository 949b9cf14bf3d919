"""What integration tests share: a bed of network namespaces with a client, the gateway and two real
servers, the processes under test in it, and a runner that prints a line for each test.

    from harness import Bed, main

    def test_curl_gets_an_answer(bed):
        bed.publish(SPLIT)
        assert bed.curl("/").stdout == "hello from v1\\n"

    main(globals())

Every function named test_* runs in order, in one bed; a test that needs a bed of its own takes
`fresh_bed`. The addresses are those of the demo (tools/lib/demo_layout.py). Nothing may stay behind:
the bed removes its namespaces, processes and files, also after a failure or SIGTERM.
"""

import inspect
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/lib"))
sys.dont_write_bytecode = True

import demo_layout  # noqa: E402
import nginx  # noqa: E402
import rest  # noqa: E402, F401
from console import ScriptError  # noqa: E402
from netns import Network  # noqa: E402
from processes import Processes  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BYWAY_BUILD", ROOT / "build-release")).resolve()
# How long a process may take to start, or a set to be applied, on a busy two-core machine.
PATIENCE_SECONDS = 20
GATEWAY = demo_layout.GATEWAY_ADDRESS
BACKENDS = demo_layout.BACKENDS
NODE = ROOT / "examples/demo/node.yaml"

# Both versions behind one listener; weights as asked for. For Bed.publish.
SPLIT = """\
listener default/demo/http 80
backend default/hello-v1:80 10.80.1.2:8080
backend default/hello-v2:80 10.80.2.2:8080
route default/hello prefix=/ to default/hello-v1:80={v1} default/hello-v2:80={v2}
"""


class Bed:
    """Namespaces, servers and the data plane. `node` changes the text of node.yaml before it is used."""

    count = 0  # beds made: a fresh one must not take the shared one's namespaces for remains

    def __init__(self, node=None, locations=None, with_dataplane=True):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="byway-test."))
        self.directory.chmod(0o755)
        Bed.count += 1
        self.network = Network(f"byway-test{os.getpid()}-{Bed.count}")
        self.processes = Processes(self.directory / "logs")
        self.runtime_directory = self.directory / "run"
        self.control_socket = self.runtime_directory / "dataplane.sock"
        self.node = node or (lambda text: text)
        try:
            self.network.remove()
            self.lay_out()
            self.start_servers(locations)
            if with_dataplane:
                self.start_dataplane()
        except BaseException:
            self.remove()
            raise

    def lay_out(self):
        """Namespaces and links; a subclass may put something between."""
        demo_layout.lay_out(self.network)

    def start_servers(self, locations=None, versions=tuple(BACKENDS)):
        """One nginx a version, or again after its end. `locations` (nginx syntax) replaces the plain greeting."""
        for version in versions:
            (self.directory / f"nginx-{version}/nginx.pid").unlink(missing_ok=True)
            command = nginx.write_configuration(self.directory / f"nginx-{version}", version,
                                                f"{BACKENDS[version]}:{demo_layout.BACKEND_PORT}", locations)
            self.processes.start(f"nginx-{version}", self.network.inside(version, command))
        for version in versions:
            pid_file = self.directory / f"nginx-{version}/nginx.pid"
            self.processes.wait_until(lambda file=pid_file: file.exists() and file.read_text().strip() != "",
                                      f"nginx {version} starts", PATIENCE_SECONDS)

    def node_file(self):
        text = NODE.read_text().replace("/run/byway-demo/dataplane", str(self.runtime_directory))
        path = self.directory / "node.yaml"
        path.write_text(self.node(text))
        return path

    def start_dataplane(self):
        """Starts (again) and waits until its socket takes connections."""
        self.control_socket.unlink(missing_ok=True)
        command = [program("tools/dataplane/byway-dataplane"), "--config", str(self.node_file())]
        process = self.processes.start("dataplane", self.network.inside("gateway", command))
        self.processes.wait_until(self.control_socket.exists, "byway-dataplane opens its socket", PATIENCE_SECONDS)
        return process

    def publish(self, description, metric=None):
        """Hands a set to the data plane as the agent would, and waits until every worker runs it."""
        command = [program("tests/support/publish_set"), "--socket", str(self.control_socket), "--timeout", str(PATIENCE_SECONDS)]
        if metric:
            command += ["--metric", metric]
        result = subprocess.run(command, input=description, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise AssertionError(f"publish_set: exit {result.returncode}\n{result.stdout}{result.stderr}")
        return result.stdout

    def client(self, command, seconds=60, **options):
        """Runs a command in the client's namespace; options are those of subprocess.run."""
        options.setdefault("capture_output", True)
        options.setdefault("text", True)
        return subprocess.run(self.network.inside("client", [str(word) for word in command]), timeout=seconds, check=False, **options)

    def curl(self, path, *arguments, seconds=60, **options):
        """curl from the client to the gateway's listener, silent but for errors."""
        url = path if "://" in path else f"http://{GATEWAY}:{demo_layout.LISTENER_PORT}{path}"
        return self.client(["curl", "-sS", "--max-time", seconds, *arguments, url], seconds + 5, **options)

    def remove(self):
        """Ends and removes everything; returns what went wrong, as sentences."""
        problems = self.processes.stop_all()
        self.network.remove()
        keep = os.environ.get("BYWAY_KEEP_LOGS")
        if keep:
            shutil.copytree(self.directory / "logs", pathlib.Path(keep) / self.directory.name, dirs_exist_ok=True)
        shutil.rmtree(self.directory, ignore_errors=True)
        return problems

    def print_logs(self):
        for path in sorted((self.directory / "logs").glob("*.log")):
            text = path.read_text(errors="replace").strip()
            if text:
                print(f"--- {path.name}\n" + "\n".join(text.splitlines()[-30:]))


def program(path):
    """A program of the build under test."""
    file = BUILD / path
    if not file.exists():
        raise ScriptError(f"{file} is not built")
    return str(file)


def wait_until(condition, what, seconds=PATIENCE_SECONDS):
    """Polls until the condition holds; otherwise the test fails with `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def wait_until_steady(value, what):
    """Polls until twenty readings in a row are the same, and returns it."""
    readings = []

    def steady():
        readings.append(value())
        return len(readings) >= 20 and len(set(readings[-20:])) == 1

    wait_until(steady, what)
    return readings[-1]


def main(names, make_bed=Bed):
    """Runs the tests of a module; its last line is `N passed, N failed`, its exit code 1 if one failed."""
    if os.geteuid() != 0:
        sys.exit("network namespaces need root")
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(f"ended by signal {number}"))
    tests = [(name, function) for name, function in names.items() if name.startswith("test_") and inspect.isfunction(function)]
    wanted = sys.argv[1:]
    tests = [test for test in tests if not wanted or test[0] in wanted]
    passed, shared = 0, None
    problems = []
    try:
        for name, function in tests:
            started = time.monotonic()
            alone = "fresh_bed" in inspect.signature(function).parameters
            bed = None
            try:
                if alone:
                    bed = make_bed()
                    function(fresh_bed=bed)
                else:
                    shared = shared or make_bed()
                    bed = shared
                    function(bed)
                bed.processes.check()
                if alone:
                    left, bed = bed.remove(), None
                    assert not left, "; ".join(left)
                passed += 1
                print(f"  ok      {name}  {time.monotonic() - started:.1f} s", flush=True)
            except (Exception, ScriptError):  # pylint: disable=broad-exception-caught
                print(f"  FAILED  {name}  {time.monotonic() - started:.1f} s", flush=True)
                traceback.print_exc(file=sys.stdout)
                if bed:
                    bed.print_logs()
                    if bed is shared:
                        shared = None
                    bed.remove()
    finally:
        if shared:
            problems = shared.remove()
    for problem in problems:
        print(f"  FAILED  at the end: {problem}")
    failed = len(tests) - passed + len(problems)
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not tests else 0)
