#!/usr/bin/env python3
"""Runs the scripts in tests/scripts/http1: bytes of a client, and what the gateway reads in them.

    run_http1.py READER [SCRIPT...]      READER is tests/support/http1_reader of a build

A script (*.http) has cases. `== name` begins one; the name is the rule that it shows.

    > TEXT     bytes that arrive: \\r \\n \\t \\0 \\xNN \\\\ are escapes, {a*9000} is 9,000 times "a"; line ends are written out
    < METHOD TARGET ["BODY"]      a request that was read whole, in order
    < incomplete                  the last one is not: more has to arrive
    < STATUS NAME                 refused: the status that answers it and its name in l7/http1/refusal.def; the connection closes
    # TEXT     why

What is not listed must not happen: a request more or less, or another end, fails.
"""

import json
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "tests/scripts/http1"
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}


def statuses():
    """Refusal -> the status that answers it."""
    text = (ROOT / "l7/http1/refusal.def").read_text()
    return {name: int(status) for name, status in re.findall(r"^BYWAY_HTTP1_REFUSAL\((\w+), (\d+),", text, re.MULTILINE)}


def bytes_of(text, where):
    out = bytearray()
    for match in re.finditer(r"\\x([0-9a-f]{2})|\\(.)|\{(.+?)\*(\d+)\}|(.)", text):
        code, letter, repeated, times, plain = match.groups()
        if code:
            out.append(int(code, 16))
        elif letter:
            if letter not in ESCAPES:
                sys.exit(f"{where}: there is no escape \\{letter}")
            out += ESCAPES[letter]
        elif repeated:
            out += bytes_of(repeated, where) * int(times)
        else:
            out += plain.encode("latin-1")
    return bytes(out)


class Case:
    def __init__(self, name, where):
        self.name, self.where = name, where
        self.wire, self.wanted = b"", []


def cases_of(path):
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(ROOT)}:{number}"
        kind, text = line[:3], line[3:]
        if kind == "== ":
            cases.append(Case(text, where))
        elif line[:2] == "> ":
            cases[-1].wire += bytes_of(line[2:], where)
        elif line[:2] == "< ":
            cases[-1].wanted.append(line[2:].strip())
        elif line and not line.startswith("#"):
            sys.exit(f"{where}: neither `== name`, `> bytes`, `< what is read` nor a comment")
    return cases


def read_of(result, status_of):
    """What the gateway read, in the words of a script."""
    lines = []
    for message in result["messages"]:
        body = bytes.fromhex(message["body"]).decode("latin-1")
        if message["complete"]:
            lines.append(f"{message['method']} {bytes.fromhex(message['target']).decode('latin-1')}" + (f' "{body}"' if body else ""))
    if result["error"]:
        lines.append(f"{status_of[result['error']]} {result['error']}")
    elif any(not message["complete"] for message in result["messages"]) or result["rest"]:
        lines.append("incomplete")
    return lines


def main():
    reader, *names = sys.argv[1:]
    paths = [pathlib.Path(name).resolve() for name in names] or sorted(SCRIPTS.glob("*.http"))
    cases = [case for path in paths for case in cases_of(path)]
    with tempfile.NamedTemporaryFile() as file:
        for case in cases:
            file.write(struct.pack("<I", len(case.wire)) + case.wire)
        file.flush()
        output = subprocess.run([reader, file.name], capture_output=True, text=True, check=True).stdout
    status_of, failed = statuses(), 0
    for case, line in zip(cases, output.splitlines(), strict=True):
        found = read_of(json.loads(line), status_of)
        if found != case.wanted:
            failed += 1
            print(f"{case.where}: {case.name}\n  wanted: {case.wanted}\n  read:   {found}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
