# SPDX-License-Identifier: MIT
"""Gives the same cases to the program itself, by its options, and checks what --dry-run lists."""

import re
import subprocess
import tempfile
from dataclasses import replace

STATUS_INPUT = 4
MAX_RECORD = 256 << 20  # by default


def escaped(hexadecimal):
    return re.sub("(..)", r"\\x\1", hexadecimal)


def options_of(text):
    """The options for the format with this text."""
    if not text:
        return []
    if text.startswith("lines="):
        count, end = re.fullmatch("lines=(.*) end=(.*)", text).groups()
        lines = ["-L", count] if count != "1" else []
        return [*lines, *(["-0"] if end == "00" else ["--recend", escaped(end)])]
    if text.startswith("fixed="):
        return ["--fixed", text.removeprefix("fixed=")]
    if "=" not in text:
        return ["--format", text]
    marks = dict(re.findall("(start|end)=([0-9a-f]*)", text))
    regexp = ["--regexp"] if text.startswith("regexp") else []
    said = {name: bytes.fromhex(mark) if regexp else escaped(mark) for name, mark in marks.items()}
    return [*regexp, *(word for name, mark in said.items() for word in (f"--rec{name}", mark))]


def sizes_of(case):
    if case.records:
        return ["-N", str(case.records)]
    return [] if case.format == "whole" else ["--block", str(case.blocks[0])]


def can_be_run(case):
    """The program refuses -N of --format whole, and --fixed above --max-record."""
    return not (case.format == "whole" and case.records) and not (
        case.format.startswith("fixed=") and case.max_record != MAX_RECORD
    )


def as_the_program_cuts(case):
    """The case as the program cuts it: one block size, from the beginning."""
    limit = min(case.max_record, MAX_RECORD)
    return replace(case, blocks=case.blocks[:1], offset=0, first_record=0, early=0, max_record=limit)


def list_chunks(program, case):
    """(status, what it says, (offset, length, records) of each chunk)."""
    limit = [] if case.max_record == MAX_RECORD else ["--max-record", str(case.max_record)]
    with tempfile.NamedTemporaryFile() as file:
        file.write(case.data)
        file.flush()
        options = [*options_of(case.format), *sizes_of(case), *limit]
        command = [program, "--dry-run", "--no-decompress", "-i", file.name, *options]
        run = subprocess.run(command, capture_output=True, timeout=300, check=False)
    rows = [line.split("\t") for line in run.stdout.decode().splitlines()[1:]]
    return run.returncode, run.stderr.decode(errors="replace").strip(), [tuple(map(int, row[-3:])) for row in rows]


def check(program, case, plan):
    """None, or what is wrong; `plan` has the chunks that there should be."""
    status, said, chunks = list_chunks(program, case)
    error = case.expected.error
    if chunks != plan:
        return f"lists {chunks[:30]}, not {plan[:30]}; status {status} {said}"
    if status != (STATUS_INPUT if error else 0):
        return f"status {status} {said!r}"
    if error and not re.search(rf"record( {error[1] + 1})? at byte {error[2]} ", said):
        return f"says {said!r}, not where record {error[1] + 1} is, {error[2]}"
    return None
