#!/usr/bin/env python3
"""`byway` as a person runs it, against an agent that answers what the test says: exit codes, formats,
and messages that say what to do. Takes the program's path."""

import http.server
import json
import os
import pathlib
import socketserver
import subprocess
import sys
import tempfile
import threading
import unittest

BYWAY = sys.argv.pop(1)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = self.path.partition("?")[0]
        self.server.calls.append((self.command, self.path, body))
        status, document, headers = self.server.answers.get((self.command, path), (404, {"message": "there is no such thing"}, {}))
        text = (document if isinstance(document, str) else json.dumps(document)).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(text), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def address_string(self):
        return "local"

    def log_message(self, *arguments):
        pass


class Agent(socketserver.ThreadingUnixStreamServer):
    """Answers by (method, path); keeps what it was asked."""

    daemon_threads = True

    def __init__(self, path):
        super().__init__(str(path), Handler)
        self.answers, self.calls = {}, []
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def will(self, method, path, document, status=200, headers=None):
        self.answers[(method, path)] = (status, document, headers or {})


def worker(number, generation):
    return {"id": number, "core": number, "generation": generation, "busy": 0.25, "connections": 3, "requests": 7}


ROUTE = {"kind": "HTTPRoute", "metadata": {"name": "web", "namespace": "shop", "labels": {"123": "yes"}}, "spec": {"hostnames": ["a.example"]},
         "status": {"parents": [{"parentRef": {"name": "gw"}, "conditions": [
             {"type": "Accepted", "status": "False", "reason": "NoMatchingParent", "message": "there is no Gateway gw"}]}]}}
ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
APPLY = "/byway/v1/apply"


class Byway(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="byway-cli.")
        self.socket = pathlib.Path(self.folder.name) / "agent.sock"
        self.agent = Agent(self.socket)

    def tearDown(self):
        self.agent.shutdown()
        self.agent.server_close()
        self.folder.cleanup()

    def byway(self, *words, stdin="", **environment):
        """(exit code, standard output, standard error)"""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BYWAY_")}
        result = subprocess.run([BYWAY, *words], input=stdin, capture_output=True, text=True, timeout=60, check=False,
                                env={**inherited, "BYWAY_SERVER": f"unix:{self.socket}", **environment})
        return result.returncode, result.stdout, result.stderr

    def write(self, name, text):
        path = pathlib.Path(self.folder.name) / name
        path.write_text(text)
        return str(path)

    # ---- exit codes --------------------------------------------------------------------------------------

    def test_wrong_usage_is_exit_code_2_and_asks_nothing(self):
        for words in ([], ["nonsense"], ["get"], ["get", "pods"], ["apply"], ["get", "gateways", "-o", "xml"], ["rollback", "x"],
                      ["connections", "--limit", "0"], ["connections", "--tcp-port", "65536"],
                      ["capture"], ["capture", "-w", "x", "--snaplen", "13"], ["capture", "-w", "x", "--direction", "up"],
                      ["get", "gateways", "-o", "1"], ["apply", "-f", "/does/not/exist"], ["--server", "ftp://x", "status"],
                      ["doctor", "--node", "/does/not/exist"], ["completion", "fish"],
                      # Options that would do nothing without another, or beside one.
                      ["apply", "-f", "-", "--timeout", "9s"], ["stats", "--interval", "2"], ["delete", "gateway", "x", "--timeout", "9s"],
                      ["get", "gateways", "web", "-A"]):
            code, out, err = self.byway(*words)
            self.assertEqual((code, out), (2, ""), (words, err))
            self.assertNotEqual(err, "", words)
        self.assertEqual(self.agent.calls, [])

    def test_a_word_that_is_no_verb_is_named(self):
        self.assertEqual(self.byway("descrbe", "gateway"), (2, "", "error: there is no verb descrbe; byway --help lists them\n"))

    def test_no_agent_is_exit_code_3_with_what_to_do(self):
        for words in (["status"], ["get", "gateways"], ["workers"], ["stats"], ["revisions"], ["connections"]):
            code, out, err = self.byway(*words, BYWAY_SERVER="unix:/does/not/exist.sock")
            self.assertEqual((code, out), (3, ""), words)
            self.assertIn("/does/not/exist.sock: nobody listens there", err)
            self.assertIn("hint:  is byway-agent running?", err)

    def test_a_refusal_is_exit_code_1_with_the_agents_sentence(self):
        self.agent.will("GET", ROUTES + "/web", {"message": "httproutes \"web\" not found"}, 404)
        self.assertEqual(self.byway("get", "hr", "web", "-n", "shop"), (1, "", 'error: httproutes "web" not found\n'))

    def test_what_is_stored_but_not_applied_is_exit_code_4_with_the_reason_of_each_worker(self):
        receipt = {"applied": False, "reason": "late", "workers": [{"worker": 0, "applied": True}, {"worker": 1, "reason": "runs generation 3"}]}
        self.agent.will("POST", APPLY, {"results": [], "receipt": receipt}, 202)
        code, _, err = self.byway("apply", "-f", "-", "--wait", stdin="kind: X\n")
        self.assertEqual(code, 4)
        self.assertIn("late", err)
        self.assertIn("worker 1: runs generation 3", err)

    def test_status_is_exit_code_1_while_a_condition_is_bad_or_a_worker_behind(self):
        lists = ["/apis/gateway.networking.k8s.io/v1/gatewayclasses", "/apis/gateway.networking.k8s.io/v1/gateways",
                 "/apis/gateway.networking.k8s.io/v1/httproutes", "/apis/gateway.networking.k8s.io/v1beta1/referencegrants",
                 "/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices"]
        for path in lists:
            self.agent.will("GET", path, {"items": []})
        self.agent.will("GET", "/byway/v1/workers", {"generation": 4, "workers": [worker(0, 4), worker(1, 4)]})
        code, out, _ = self.byway("status")
        self.assertEqual(code, 0, out)
        self.assertIn("2 of 2 workers run generation 4", out)
        self.agent.will("GET", "/byway/v1/workers", {"generation": 4, "workers": [worker(0, 4), worker(1, 3)]})
        self.assertEqual(self.byway("status")[0], 1)
        self.agent.will("GET", "/byway/v1/workers", {"generation": 4, "workers": [worker(0, 4)]})
        self.agent.will("GET", lists[2], {"items": [ROUTE]})
        code, out, _ = self.byway("status")
        self.assertEqual(code, 1)
        self.assertRegex(out, r"HTTPRoute/shop/web +parent gw +Accepted +NoMatchingParent +there is no Gateway gw")
        self.assertFalse(json.loads(self.byway("status", "-o", "json")[1])["good"])

    # ---- apply -------------------------------------------------------------------------------------------

    def test_an_error_names_the_line_of_the_persons_file(self):
        cause = {"field": "spec.rules", "line": 5, "message": "is no list"}
        self.agent.will("POST", APPLY, {"message": "invalid", "details": {"causes": [cause]}}, 422)
        first = self.write("a.yaml", "kind: A\n")
        second = self.write("b.yaml", "kind: B\nspec:\n  rules: x\n")
        code, _, err = self.byway("apply", "-f", first, "-f", second)
        self.assertEqual(code, 1)
        self.assertIn(f"{second}:3: spec.rules: is no list", err)
        self.assertEqual(self.agent.calls[0][2], "kind: A\n---\nkind: B\nspec:\n  rules: x\n")

    def test_options_of_apply_become_parameters(self):
        self.agent.will("POST", APPLY, {"results": [{"kind": "Gateway", "namespace": "d", "name": "g", "result": "created"}]},
                        headers={"Warning": '299 - "spec.x is kept without effect"'})
        code, out, err = self.byway("apply", "-f", "-", "--dry-run", "--strict", stdin="kind: X\n")
        self.assertEqual((code, out, err), (0, "Gateway/d/g created\n", "warning: spec.x is kept without effect\n"))
        self.assertEqual(self.agent.calls[0][1], APPLY + "?strict=true&dryRun=All")

    # ---- formats -----------------------------------------------------------------------------------------

    def test_every_format_of_get_and_delete(self):
        self.agent.will("GET", ROUTES + "/web", ROUTE)
        self.agent.will("DELETE", ROUTES + "/web", {"kind": "Status", "status": "Success"})
        self.assertRegex(self.byway("get", "hr", "web", "-n", "shop")[1], r"NAME +HOSTNAMES +ACCEPTED.*\nweb +a.example +False \(NoMatchingParent\)")
        self.assertEqual(json.loads(self.byway("get", "hr", "web", "-n", "shop", "-o", "json")[1]), ROUTE)
        text = self.byway("get", "hr", "web", "-n", "shop", "-o", "yaml")[1]
        # A plain 123 or yes would be read back as a number and a truth value.
        self.assertIn('"123": "yes"', text)
        self.assertEqual(self.byway("delete", "hr", "web", "-n", "shop")[1], "HTTPRoute/web deleted\n")
        self.assertEqual(json.loads(self.byway("delete", "hr", "web", "-n", "shop", "-o", "json")[1])["status"], "Success")

    def test_a_collection_comes_as_a_list_that_apply_takes(self):
        self.agent.will("GET", ROUTES, {"kind": "HTTPRouteList", "apiVersion": "gateway.networking.k8s.io/v1", "items": [ROUTE]})
        self.assertEqual(json.loads(self.byway("get", "hr", "-n", "shop", "-o", "json")[1]), {"apiVersion": "v1", "kind": "List", "items": [ROUTE]})

    def test_rates_come_with_the_second_look(self):
        self.agent.will("GET", "/metrics", "# TYPE byway_requests_total counter\nbyway_requests_total 5\n")
        self.assertRegex(self.byway("stats")[1], r"byway_requests_total +5")
        self.assertEqual(json.loads(self.byway("stats", "-o", "json")[1]), {"byway_requests_total": 5.0})

    # ---- captures and connections ------------------------------------------------------------------------

    def test_a_capture_asks_for_what_was_said_and_writes_what_comes(self):
        self.agent.will("POST", "/byway/v1/capture", "pcapng")
        file = pathlib.Path(self.folder.name) / "x.pcapng"
        code, out, err = self.byway("capture", "-p", "front", "--filter", "tcp port 80", "--direction", "in", "--snaplen", "96", "--count", "3",
                                    "--ring", "1MiB", "--limit-bytes", "2KiB", "--duration", "5s", "-w", str(file))
        self.assertEqual((code, out, err), (0, "", "0 frames captured; the file ends without statistics\n"))
        self.assertEqual(file.read_text(), "pcapng")
        self.assertEqual(self.agent.calls[0][:2], ("POST", "/byway/v1/capture?port=front&filter=tcp%20port%2080&direction=in&snaplen=96"
                                                   "&ring=1048576&count=3&bytes=2048&duration=5s"))

    def test_a_refused_capture_leaves_no_file(self):
        self.agent.will("POST", "/byway/v1/capture", {"message": "no port named eth9; ports: front"}, 400)
        file = pathlib.Path(self.folder.name) / "x.pcapng"
        self.assertEqual(self.byway("capture", "-p", "eth9", "-w", str(file)), (1, "", "error: no port named eth9; ports: front\n"))
        self.assertFalse(file.exists())

    def test_windows_of_connections_are_shown_in_segments_and_unknown_fields_by_their_names(self):
        one = {"worker": 0, "state": "ESTABLISHED", "local": "10.0.0.1:80", "remote": "10.0.0.2:5", "rttNs": 25000, "rtoNs": 200000000, "cwnd": 14600,
               "mss": 1460, "inFlight": 0, "sendQueue": 1, "receiveQueue": 2, "retransmits": 3, "sendWindow": 65535, "newField": "x"}
        self.agent.will("GET", "/byway/v1/connections", {"connections": [one], "truncated": True})
        code, out, err = self.byway("connections", "--state", "time-wait", "--address", "10.0.0.1", "-i")
        self.assertEqual((code, err), (0, "only the first 1 are shown; --limit N shows more, other options choose\n"))
        self.assertEqual(self.agent.calls[0][1], "/byway/v1/connections?limit=100&state=TIME-WAIT&address=10.0.0.1")
        self.assertRegex(out, r"\nESTABLISHED +2 +1 +10.0.0.1:80 +10.0.0.2:5 +25.* +200.* +10 +- +1460 +0 +3 +65535 +0\n")
        self.assertRegex(out, r"\n    worker:0 rtt:25.* newField:x\n")

    # ---- completion and versions -------------------------------------------------------------------------

    def test_completion_knows_verbs_kinds_and_options(self):
        def complete(*words):
            script = f'source <({BYWAY} completion bash); COMP_WORDS=({" ".join(words)} ""); COMP_CWORD={len(words)}; _byway; echo "${{COMPREPLY[*]}}"'
            return subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True).stdout.split()
        self.assertLessEqual({"apply", "get", "describe", "delete", "status", "workers", "connections", "stats", "revisions", "rollback", "up",
                              "doctor", "completion"}, set(complete("byway")))
        self.assertIn("httproutes", complete("byway", "get"))
        self.assertLessEqual({"--filename", "--wait", "--strict"}, set(complete("byway", "apply")))
        self.assertEqual(complete("byway", "get", "gateways", "-o"), ["table", "json", "yaml"])

    def test_the_version_names_every_library(self):
        out = self.byway("--version")[1]
        for name in ("byway", "libcurl", "yaml-cpp", "CLI11", "fmt", "nlohmann-json"):
            self.assertRegex(out, rf"(?m)^{name} \d+\.\d+")


class Runner(unittest.TextTestRunner):
    """Ends with the line that tools/test counts."""

    def run(self, test):
        result = super().run(test)
        failed = len(result.failures) + len(result.errors)
        print(f"{result.testsRun - failed} passed, {failed} failed")
        return result


if __name__ == "__main__":
    unittest.main(testRunner=Runner, verbosity=1)
