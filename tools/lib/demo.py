"""The demo behind tools/quickstart: real traffic through Byway, split by a policy that changes while
it runs. Needs root (namespaces); everything it makes is removed at its end, or by the next run."""

import argparse
import os
import shutil
import signal
import sys

import builds
import demo_layout
from console import ScriptError, Steps, note
from demo_gateway import Gateway
from demo_load import TrafficLoad
from demo_state import DemoState, demo_name
from demo_view import PhaseResult, View, print_results
from netns import Network
from processes import Processes

PHASES = [{"v1": 90, "v2": 10}, {"v1": 50, "v2": 50}, {"v1": 0, "v2": 100}]
# Requests a second: enough to see a split at once, and far from what two cores can do together with
# both nginx, so that latencies are Byway's and not those of a crowded machine.
RATE = 4000
# A phase lasts this long, and longer until it has enough requests to judge it.
PHASE_SECONDS = 4.0
PHASE_SECONDS_MAX = 30.0
ENOUGH_REQUESTS = 2500
TOTAL_STEPS = 8
DEFAULT_NAME = "byway-demo"


class Interrupted(Exception):
    """Ctrl-C or SIGTERM: the person has seen enough."""


def on_signal(number, frame):
    del number, frame
    raise Interrupted


class Demo:
    def __init__(self, arguments, gateway_type=Gateway):
        self.arguments = arguments
        self.state = DemoState(arguments.name)
        self.network = Network(arguments.name)
        self.gateway_type = gateway_type
        self.steps = Steps(TOTAL_STEPS, arguments.steps_done)
        self.processes = None
        self.gateway = None
        self.load = None
        self.results = []
        self.kept = False

    def run(self):
        """Returns the exit code."""
        self.state.acquire()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, on_signal)
        failed = False
        try:
            self.lay_out()
            self.start()
            self.run_phases()
            failed = not self.judge()
            self.offer(failed)
        except Interrupted:
            print("\n      interrupted", flush=True)
            failed = failed or not self.finished()
        except ScriptError as error:
            print(f"\nquickstart: {error}", file=sys.stderr)
            failed = True
        finally:
            if not self.kept:
                for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    signal.signal(number, signal.SIG_IGN)
                failed = not self.clean_up(failed) or failed
            self.state.release()
        return 1 if failed else 0

    def finished(self):
        return self.arguments.once is False and len(self.results) == len(PHASES)

    def lay_out(self):
        self.steps.begin("network namespaces: client, gateway, v1, v2")
        if sentence := self.state.remove_leftovers():
            note(sentence)
        self.state.record([])
        demo_layout.lay_out(self.network, self.gateway_type.kernel_gateway)
        self.processes = Processes(self.state.directory / "logs", die_with_script=not self.arguments.keep)
        self.gateway = self.gateway_type(self.network, self.processes, self.state.directory)

    def start(self):
        self.steps.begin("two nginx, the data plane on the gateway's interfaces, the agent")
        demo_layout.start_backends(self.network, self.processes, self.state.directory)
        self.gateway.start()
        self.state.record(self.processes.identities())
        self.steps.begin("applying examples/demo/manifests: GatewayClass, Gateway, Services, EndpointSlices, HTTPRoute")
        note(self.gateway.apply_manifests())

    def run_phases(self):
        """Traffic without a pause, the weights changed under it. A request counts for a phase if it
        began after the receipt said that all workers run the phase's policy."""
        self.steps.begin(f"traffic at {RATE} requests/s; the split changes 90/10, 50/50, 0/100 while it runs")
        target = f"{demo_layout.GATEWAY_ADDRESS}:{demo_layout.LISTENER_PORT}"
        self.load = TrafficLoad(self.processes, self.network, "client", target, "localhost", RATE, "warm-up")
        self.state.record(self.processes.identities())
        view = View(demo_layout.VERSIONS)
        for weights in PHASES:
            result = PhaseResult("/".join(str(weight) for weight in weights.values()), weights)
            self.load.enter(f"change to {result.name}")
            receipt = self.gateway.set_weights(weights)
            self.load.enter(result.name)
            view.leave()
            note(f"{result.name}: {receipt}")
            self.results.append(result)
            self.follow(view, result)
        self.load.enter("after")
        view.leave()
        self.view = view

    def follow(self, view, result):
        """Shows a phase until it has lasted, and has its requests."""
        seconds = 0.0
        while seconds < PHASE_SECONDS_MAX:
            for report in self.load.reports(PHASE_SECONDS):
                self.processes.check()
                view.on_report(report)
                result.take(report["phases"].get(result.name, {"begun": 0, "answers": {}, "errors": {}}))
                view.show(result.name, self.gateway.generations())
            seconds += PHASE_SECONDS
            if result.answered() >= ENOUGH_REQUESTS:
                return

    def judge(self):
        """Prints the result of all phases; True if no request failed and every split fits."""
        for _ in self.load.reports(0.6):
            pass
        phases = self.load.last["phases"]
        for result in self.results:
            result.take(phases[result.name])
        self.steps.begin("result")
        print_results(self.results, demo_layout.VERSIONS)
        problems = [problem for result in self.results for problem in result.problems()]
        for name, counts in phases.items():
            problems += [f"{name}: {count} requests failed: {kind}" for kind, count in counts["errors"].items()]
        total = sum(sum(counts["answers"].values()) for counts in phases.values())
        if problems:
            print("\n".join(f"  WRONG: {problem}" for problem in problems))
        else:
            print(f"  {total} requests answered, none failed, every split within {4} standard deviations of its weights")
        return not problems

    def offer(self, failed):
        """What comes after the phases: leave it running, end it, or let the person play."""
        if self.arguments.keep and not failed:
            self.load.stop()
            self.processes.running.pop("traffic").wait()
            self.state.record(self.processes.identities())
            self.kept = True
            self.print_hints("It goes on running. Three things to try (as root):")
            name = "" if self.arguments.name == DEFAULT_NAME else f" --name {self.arguments.name}"
            print(f"  tools/quickstart --down{name} removes it\n")
        elif not self.arguments.once and not failed:
            self.print_hints("It stays up until Ctrl-C. Three things to try in another terminal (as root):")
            while True:
                for report in self.load.reports(PHASE_SECONDS):
                    self.processes.check()
                    self.view.on_report(report)
                    self.view.show("yours", self.gateway.generations())

    def print_hints(self, title):
        print(f"\n  {title}")
        for number, (text, command) in enumerate(self.gateway.hints(), 1):
            print(f"    {number}. {text}:\n       {command}")
        print(flush=True)

    def clean_up(self, failed):
        """Ends and removes everything; True if all of it ended well."""
        self.steps.begin("cleaning up")
        problems = []
        if self.processes:
            if self.load and self.load.process.poll() is None:
                try:
                    self.load.stop()
                except (ScriptError, OSError) as error:
                    problems.append(str(error))
            problems += self.processes.stop_all()
        if failed or problems:
            logs = builds.build_directory("release") / "demo-logs"
            shutil.rmtree(logs, ignore_errors=True)
            shutil.copytree(self.state.directory / "logs", logs, dirs_exist_ok=True)
            note(f"the logs are in {logs.relative_to(builds.ROOT)}")
        self.network.remove()
        shutil.rmtree(self.state.directory, ignore_errors=True)
        for problem in problems:
            print(f"quickstart: {problem}", file=sys.stderr)
        self.steps.finish()
        return not problems


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tools/quickstart", allow_abbrev=False, description="Real traffic through Byway on this machine, in network"
                                     " namespaces of its own: installs what is missing, builds, runs, cleans up.")
    parser.add_argument("--once", action="store_true", help="run unattended and end; exit code 0 only if no request failed and every"
                        " split fits its weights")
    parser.add_argument("--keep", action="store_true", help="leave it running at the end")
    parser.add_argument("--down", action="store_true", help="end and remove a demo that runs or was left, and nothing else")
    parser.add_argument("--name", type=demo_name, default=DEFAULT_NAME, help="begins the names of the namespaces, and names the"
                        " folder in /run (%(default)s)")
    parser.add_argument("--check-options", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--steps-done", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.check_options:
        return 0
    try:
        if os.geteuid() != 0:
            raise ScriptError("network namespaces need root")
        if arguments.down:
            state = DemoState(arguments.name)
            state.stop_running()
            state.acquire()
            sentence = state.remove_leftovers()
            state.release()
            print(sentence or "nothing was there")
            return 0
        return Demo(arguments).run()
    except ScriptError as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
