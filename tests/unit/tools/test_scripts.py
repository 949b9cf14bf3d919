#!/usr/bin/env python3
"""The rules of tools/tidy each find what they are for and spare what is fine; tools/test counts what
test programs print; the demo's judgement of a split accepts fair ones and refuses others."""

import argparse
import importlib.machinery
import importlib.util
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools/lib"))
sys.dont_write_bytecode = True

import demo_state  # noqa: E402
import histogram  # noqa: E402
import netns  # noqa: E402
import test_programs  # noqa: E402
from console import ScriptError  # noqa: E402
from demo_view import PhaseResult  # noqa: E402

loader = importlib.machinery.SourceFileLoader("tidy", str(ROOT / "tools/tidy"))
tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
loader.exec_module(tidy)


class Files(tidy.Source):
    """Sources in memory in place of what git tracks."""

    def __init__(self, contents):  # pylint: disable=super-init-not-called
        self.contents = contents
        self.paths = sorted(contents)

    def exists(self, path):
        return path in self.contents


def findings(check, **files):
    contents = {path.replace("__", "/").replace("_dot_", "."): text for path, text in files.items()}
    return [(path, line) for path, line, _ in tidy.checks[check](Files(contents))]


class Includes(unittest.TestCase):
    def test_a_protocol_that_includes_a_port_of_dpdk_is_found(self):
        self.assertEqual(findings("includes", dataplane__net__arp_dot_h="#include <rte_mbuf.h>\n"), [("dataplane/net/arp.h", 1)])

    def test_the_worker_may_include_dpdk(self):
        self.assertEqual(findings("includes", dataplane__worker_dot_cpp="#include <rte_mbuf.h>\n"), [])

    def test_the_agent_may_not_include_the_data_plane(self):
        files = {"control__compile__a_dot_cpp": '#include "dataplane/rope.h"\n', "dataplane__rope_dot_h": ""}
        self.assertEqual(findings("includes", **files), [("control/compile/a.cpp", 1)])

    def test_the_data_plane_may_include_only_the_shared_part_of_control(self):
        files = {"dataplane__worker_dot_cpp": '#include "control/shm/blob.h"\n#include "control/api/b.h"\n',
                 "control__shm__blob_dot_h": "", "control__api__b_dot_h": ""}
        self.assertEqual(findings("includes", **files), [("dataplane/worker.cpp", 2)])

    def test_a_path_that_does_not_start_at_the_root_is_found(self):
        self.assertEqual(findings("includes", l7__a_dot_cpp='#include "message.h"\n', l7__message_dot_h=""), [("l7/a.cpp", 1)])


class FastPath(unittest.TestCase):
    def test_each_banned_word_is_found_in_code(self):
        for word in ("std::function<void()> f;", "std::shared_ptr<int> p;", "std::mutex m;", "throw 1;", "malloc(1);", "new Thing;",
                     "std::cout << 1;", "printf(1);", "std::chrono::steady_clock::now();"):
            self.assertEqual(findings("fast-path", l7__a_dot_cpp=f"\n{word}\n"), [("l7/a.cpp", 2)], word)

    def test_words_in_comments_and_strings_are_spared(self):
        self.assertEqual(findings("fast-path", l7__a_dot_cpp='// throw\nconst char* s = "malloc(1)";\n/* new\n Thing */\n'), [])

    def test_placement_new_is_spared(self):
        self.assertEqual(findings("fast-path", l7__a_dot_cpp="new (place) Thing;\n"), [])

    def test_an_exception_needs_its_name_and_a_reason(self):
        self.assertEqual(findings("fast-path", l7__a_dot_cpp="throw 1;  // tidy: allow(throw) start-up only\n"), [])
        self.assertEqual(findings("fast-path", l7__a_dot_cpp="throw 1;  // tidy: allow(throw)\n"), [("l7/a.cpp", 1)])
        self.assertEqual(findings("fast-path", l7__a_dot_cpp="throw 1;  // tidy: allow(new) start-up only\n"), [("l7/a.cpp", 1)])

    def test_the_agent_is_not_on_the_fast_path(self):
        self.assertEqual(findings("fast-path", control__a_dot_cpp="std::mutex m;\n"), [])


class OtherRules(unittest.TestCase):
    def test_a_header_without_pragma_once_is_found(self):
        self.assertEqual(findings("headers", l7__a_dot_h="// idea\n#include <x>\nnamespace byway::l7 {}\n"), [("l7/a.h", 2)])

    def test_a_header_in_the_namespace_of_another_folder_is_found(self):
        self.assertEqual(findings("headers", dataplane__tcp__a_dot_h="#pragma once\nnamespace byway::net {}\n"), [("dataplane/tcp/a.h", 1)])
        self.assertEqual(findings("headers", dataplane__tcp__a_dot_h="#pragma once\nnamespace byway::tcp {}\n"), [])

    def test_a_file_of_601_lines_is_too_long_and_one_of_600_is_not(self):
        self.assertEqual(len(findings("lengths", l7__a_dot_cpp="\n" * 601)), 1)
        self.assertEqual(findings("lengths", l7__a_dot_cpp="\n" * 600), [])

    def test_unfinished_marks_are_found_anywhere(self):
        self.assertEqual(findings("unfinished", docs__a_dot_md="text\nTO" + "DO: more\n"), [("docs/a.md", 2)])

    def test_paths_of_one_machine_are_found_and_others_spared(self):
        for bad in ("/ho" + "me/me/x", "cp /wo" + "rk/x .", "../sha" + "red/x"):
            self.assertEqual(findings("places", docs__a_dot_md=bad + "\n"), [("docs/a.md", 1)], bad)
        for fine in ("build/work/x", "/proc/self", "$PWD/work/x", "/run/byway"):
            self.assertEqual(findings("places", docs__a_dot_md=fine + "\n"), [], fine)

    def test_a_source_that_no_recipe_names_is_found(self):
        self.assertEqual(findings("built", l7__a_dot_cpp="", l7__meson_dot_build="'b.cpp'"), [("l7/a.cpp", 1)])
        self.assertEqual(findings("built", l7__x__a_dot_cpp="", l7__meson_dot_build="'x/a.cpp'"), [])

    def test_a_test_that_cannot_fail_is_found(self):
        self.assertEqual(findings("tests-can-fail", tests__a_dot_cpp="REQUIRE(" + "true);\n"), [("tests/a.cpp", 1)])


class Counting(unittest.TestCase):
    def test_a_passing_catch2_program_counts_its_cases(self):
        self.assertEqual(test_programs.count_cases("All tests passed (12 assertions in 3 test cases)\n", 0), (3, 0))

    def test_a_failing_catch2_program_counts_both(self):
        text = "test cases:  5 | 3 passed | 2 failed\nassertions: 9 | 7 passed | 2 failed\n"
        self.assertEqual(test_programs.count_cases(text, 1), (3, 2))

    def test_a_program_that_dies_after_its_summary_has_failed(self):
        self.assertEqual(test_programs.count_cases("All tests passed (1 assertion in 1 test case)\n", 1), (1, 1))

    def test_a_program_without_summary_counts_as_one(self):
        self.assertEqual(test_programs.count_cases("", 0), (1, 0))
        self.assertEqual(test_programs.count_cases("", 1), (0, 1))

    def test_a_plain_summary_counts(self):
        self.assertEqual(test_programs.count_cases("1000 passed, 2 failed\n", 1), (1000, 2))

    def test_the_names_of_failed_catch2_cases_are_read(self):
        line = "-" * 79
        text = f"{line}\nan ACK moves snd_una\n{line}\na.cpp:5\n{'.' * 79}\n\na.cpp:9: FAILED:\n  CHECK( x )\n{'=' * 79}\n"
        self.assertEqual(test_programs.failed_case_names(text), ["an ACK moves snd_una"])


class Coverage(unittest.TestCase):
    def lines(self, covered):
        return test_programs.lines_by_folder({"files": [
            {"filename": "dataplane/net/a.cpp", "line_covered": 95, "line_total": 100},
            {"filename": "dataplane/tcp/b.cpp", "line_covered": covered, "line_total": 150},
            {"filename": "dataplane/tcp/b.h", "line_covered": 50, "line_total": 50},
            {"filename": "l7/c.cpp", "line_covered": 1, "line_total": 2},
        ]})

    def test_lines_of_a_folder_are_the_sum_of_its_files(self):
        lines = self.lines(140)
        self.assertEqual(lines["dataplane/net"], (95, 100))
        self.assertEqual(lines["dataplane/tcp"], (190, 200))
        table = test_programs.coverage_table(lines)
        self.assertEqual(table[3].split(), ["both", "285", "300", "95.0"])

    def test_less_than_the_least_part_is_too_little(self):
        for covered, enough in ((140, True), (139, False)):
            self.assertEqual(test_programs.is_enough(*self.lines(covered)["dataplane/tcp"], 95), enough)

    def test_a_folder_that_was_not_measured_is_too_little(self):
        self.assertFalse(test_programs.is_enough(0, 0, 95))



class Judgement(unittest.TestCase):
    @staticmethod
    def phase(weights, answers):
        result = PhaseResult("phase", weights)
        result.take({"begun": sum(answers.values()), "answers": answers, "errors": {}})
        return result

    def test_a_fair_split_is_accepted(self):
        self.assertEqual(self.phase({"v1": 90, "v2": 10}, {"v1": 9050, "v2": 950}).problems(), [])

    def test_a_share_beyond_four_deviations_is_refused(self):
        # At 10,000 requests and 10 % one deviation is 0.3 %: 11.3 % is too much.
        self.assertEqual(len(self.phase({"v1": 90, "v2": 10}, {"v1": 8870, "v2": 1130}).problems()), 2)

    def test_one_answer_of_a_version_with_weight_zero_is_refused(self):
        self.assertNotEqual(self.phase({"v1": 0, "v2": 100}, {"v1": 1, "v2": 9999}).problems(), [])

    def test_an_answer_of_an_unknown_version_is_refused(self):
        self.assertNotEqual(self.phase({"v1": 50, "v2": 50}, {"v1": 5000, "v2": 4999, "v3": 1}).problems(), [])

    def test_too_few_requests_judge_nothing(self):
        self.assertNotEqual(self.phase({"v1": 50, "v2": 50}, {"v1": 999, "v2": 1000}).problems(), [])

    def test_percentiles_are_within_a_64th(self):
        buckets = {}
        for value in range(1, 100_001):
            histogram.merge(buckets, {histogram.bucket(value): 1})
        for share in (0.5, 0.99):
            self.assertAlmostEqual(histogram.percentile(buckets, share) / (share * 100_000), 1.0, delta=1 / 64)


class Names(unittest.TestCase):
    """What a demo removes is found by its name: nothing else may fit that name."""

    def test_a_name_that_is_a_path_or_empty_is_refused(self):
        for bad in ("", ".", "..", "a/b", "../x", "A", "1", "-a", "a b", "a" * 33):
            with self.assertRaises(argparse.ArgumentTypeError, msg=repr(bad)):
                demo_state.demo_name(bad)
        self.assertEqual(demo_state.demo_name("byway-demo2"), "byway-demo2")

    def test_a_folder_that_is_no_demos_stays(self):
        with tempfile.TemporaryDirectory() as run, mock.patch.object(demo_state, "RUN", pathlib.Path(run)):
            foreign = pathlib.Path(run) / "other"
            foreign.mkdir()
            (foreign / "precious").touch()
            with mock.patch.object(netns, "list_namespaces", list), self.assertRaises(ScriptError):
                demo_state.DemoState("other").remove_leftovers()
            self.assertTrue((foreign / "precious").exists())

    def test_the_folder_of_a_killed_demo_is_removed(self):
        for content in ([], ["state.new"], ["state.json", "agent.db"]):
            with tempfile.TemporaryDirectory() as run, mock.patch.object(demo_state, "RUN", pathlib.Path(run)):
                left = pathlib.Path(run) / "left"
                left.mkdir()
                for name in content:
                    (left / name).write_text("{}")
                with mock.patch.object(netns, "list_namespaces", list):
                    self.assertIsNotNone(demo_state.DemoState("left").remove_leftovers())
                self.assertFalse(left.exists(), content)

    def test_namespaces_of_a_network_whose_name_goes_on_are_others(self):
        there = ["demo-client", "demo-two-client", "demo", "a-demo-client"]
        with mock.patch.object(netns, "list_namespaces", lambda: there):
            self.assertEqual(netns.Network("demo").existing(), ["demo-client"])
        with self.assertRaises(ValueError):
            netns.Network("demo").namespace("two-client")


class Runner(unittest.TextTestRunner):
    """Ends with the line that tools/test counts."""

    def run(self, test):
        result = super().run(test)
        failed = len(result.failures) + len(result.errors)
        print(f"{result.testsRun - failed} passed, {failed} failed")
        return result


if __name__ == "__main__":
    unittest.main(testRunner=Runner, verbosity=1)
