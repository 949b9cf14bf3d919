#!/usr/bin/env python3
"""Differential test of the HTTP/1.1 parser against llhttp, as Node.js embeds it.

    test_llhttp.py READER [--seed N] [--count N] [--show CLASS]

The rule: what we accept, llhttp accepts and reads the same: method, target, fields, content, and where each
message ends. What we refuse, llhttp may accept, but only for a reason that is listed here.
"""

import argparse
import collections
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "tests/support"))
sys.dont_write_bytecode = True
import http1_corpus  # noqa: E402

# Refusals of ours that llhttp does not share, and why we differ.
STRICTER = {
    "bad_target": "llhttp leaves the target to its user: forms, non-ASCII bytes",
    "bad_percent": "llhttp does not look at percent-encoding",
    "bad_authority": "llhttp does not check names, ports and addresses",
    "bad_host": "llhttp does not read Host",
    "missing_host": "llhttp does not ask for Host",
    "duplicate_host": "llhttp does not count Host",
    "underscore_alias": "llhttp knows no aliases",
    "unknown_transfer_coding": "llhttp lets other codings pass before a last chunked",
    "bad_transfer_encoding": "llhttp looks for chunked at the end only",
    "transfer_encoding_in_http10": "llhttp does not tie codings to the version",
    "bad_connection": "llhttp looks for the options that it knows only",
    "unknown_expectation": "llhttp does not read Expect",
    "too_many_fields": "llhttp bounds bytes only",
    "too_many_empty_lines": "llhttp skips any number of empty lines",
    "bare_cr": "llhttp skips any CR before the request line; elsewhere it agrees: in_start_line()",
    "bare_lf": "llhttp skips any LF before the request line and takes it for the end of one of HTTP/0.9; elsewhere it agrees",
    "http09": "llhttp reads HTTP/0.9 with fields",
    "unsupported_version": "llhttp reads HTTP/0.9 and HTTP/2.0 in the form of HTTP/1",
    "bad_content_length": "llhttp takes lengths from 2^63 to 2^64",
    "chunk_size_overflow": "llhttp takes any number of leading zeros, and sizes up to 2^64",
    "bad_trailer": "llhttp takes any trailer",
    "bad_chunk_extension": "llhttp is freer between the parts of an extension",
}
# What llhttp took before its version 9 (Node.js 18 embeds 6.1) and has refused since.
LENIENT_BEFORE_9 = {"bare_cr", "bare_lf", "leading_whitespace", "bad_field_name", "space_before_colon", "control_byte",
                    "bad_chunk_size", "bad_chunk_end"}


def in_start_line(wire):
    """Whether a bare CR or LF stands before the request line, or ends one without version."""
    line = re.split(b"[\r\n]", wire.lstrip(b"\r\n"), maxsplit=1)[0]
    return wire[:1] in b"\r\n" or not re.search(rb" HTTP/\d\.\d$", line)


class Comparison:
    def __init__(self, methods, llhttp_version):
        self.methods = methods
        self.is_old = int(llhttp_version.split(".")[0]) < 9
        self.counts = collections.Counter()
        self.failures = []

    def fail(self, number, wire, rule):
        self.counts["FAILED"] += 1
        self.failures.append((number, rule, wire))

    def compare(self, number, wire, ours, theirs):
        for index, message in enumerate(ours["messages"]):
            if message["method"] not in self.methods:
                self.counts["method that llhttp does not know"] += 1
                return
            if index >= len(theirs["messages"]):
                return self.fail(number, wire, f"message {index} is accepted by us only; llhttp: {theirs['error']}")
            other = theirs["messages"][index]
            for key in ("method", "target", "fields"):
                if message[key] != other[key]:
                    return self.fail(number, wire, f"{key} of message {index}: {message[key]} here, {other[key]} there")
            if message["upgrade"] and not other["upgrade"]:
                return self.fail(number, wire, f"message {index} upgrades for us only")
            if other["upgrade"]:
                # llhttp leaves what follows to another protocol (also in HTTP/1.0); we know none and read on.
                self.counts["ended at Upgrade"] += 1
                return
            if message["complete"]:
                if not other["complete"] or message["body"] != other["body"]:
                    return self.fail(number, wire, f"content of message {index} differs; llhttp: {theirs['error']}")
                self.counts["messages read alike"] += 1
            elif not other["body"].startswith(message["body"]):
                return self.fail(number, wire, f"content of the unfinished message {index} differs")
        if ours["error"] is None:
            self.counts["streams accepted"] += 1
            return
        self.counts["streams refused"] += 1
        if theirs["error"] is None:
            name = ours["error"]
            self.counts[f"stricter: {name}"] += 1
            is_listed = name in STRICTER
            if name in ("bare_cr", "bare_lf"):
                is_listed = in_start_line(wire[ours["last_first"]:])
            if not is_listed and not (self.is_old and name in LENIENT_BEFORE_9):
                self.fail(number, wire, f"refused here as {name}, taken by llhttp, and not listed as stricter")


def run_lines(command):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{command[0]}: exit code {result.returncode}\n{result.stderr}")
    return [json.loads(line) for line in result.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("reader")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--show", default="", help="print the cases of this class")
    arguments = parser.parse_args()
    node = shutil.which("node")
    if node is None:
        sys.exit("node is not installed: this test compares with the llhttp that it embeds (Debian: apt install nodejs)")
    cases = http1_corpus.cases(arguments.seed, arguments.count)
    with tempfile.NamedTemporaryFile() as file:
        for wire in cases:
            file.write(struct.pack("<I", len(wire)) + wire)
        file.flush()
        ours = run_lines([arguments.reader, file.name])
        header, *theirs = run_lines([node, str(ROOT / "tests/support/llhttp_oracle.js"), file.name])
    if not len(cases) == len(ours) == len(theirs):
        sys.exit(f"{len(cases)} cases, but {len(ours)} answers here and {len(theirs)} from llhttp")
    comparison = Comparison(set(header["methods"]), header["llhttp"])
    for number, (wire, our, their) in enumerate(zip(cases, ours, theirs)):
        before = comparison.counts.copy()
        comparison.compare(number, wire, our, their)
        if arguments.show and comparison.counts[arguments.show] > before[arguments.show]:
            print(number, wire, our["error"], their["error"])
    print(f"llhttp {header['llhttp']}, seed {arguments.seed}, {len(cases)} streams")
    for name, count in sorted(comparison.counts.items()):
        print(f"{count:8} {name}")
    for number, rule, wire in comparison.failures[:20]:
        print(f"case {number}: {rule}\n    {wire}")
    # A corpus that reaches nothing would pass, too.
    if comparison.counts["messages read alike"] < len(cases) // 4 or comparison.counts["streams refused"] < len(cases) // 10:
        sys.exit("the corpus exercises too little")
    failed = len(comparison.failures)
    print(f"{len(cases)} streams compared, {failed} of them against the rule")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
