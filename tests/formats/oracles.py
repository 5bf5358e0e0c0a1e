# SPDX-License-Identifier: MIT
"""Finds where records end by other means than the chunker's: Python's csv, re, split and slices.

Each oracle takes a whole input and returns its Records. Those by which records are cut for
isolation are the same, because a chunk of whole records is an input too.
"""

import csv
import itertools
import re
from dataclasses import dataclass

csv.field_size_limit(1 << 30)


@dataclass
class Records:
    ends: list  # of all of them
    open: bool = False  # the last one is known to end only when the input does
    longer: bool = False  # and would be longer if it did not: it fits where there is room for more
    error: tuple = None  # ({outcome}, number, offset) of what follows them and is no record
    cut: bool = False  # what is none would be one if the input did not end
    announced: int = 0  # bytes that the last one, or what is none, says that it has


def ends_of(pieces):
    return list(itertools.accumulate(map(len, pieces)))


def keep_ends(data, end):
    """(lines, each with its end; what follows the last)"""
    *lines, rest = data.split(end)
    return [line + end for line in lines], rest


def lines(data, count, end):
    whole, rest = keep_ends(data, end)
    pieces = [*whole, rest] if rest else whole
    groups = [b"".join(pieces[i : i + count]) for i in range(0, len(pieces), count)]
    lacks_end = bool(rest) or len(whole) % count > 0
    return Records(ends_of(groups), open=lacks_end, longer=lacks_end)


def fixed(data, size):
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    lacks_end = len(data) % size > 0
    return Records(ends_of(pieces), open=lacks_end, longer=lacks_end, announced=size if data else 0)


def whole(data):
    return Records([len(data)] if data else [], open=True, longer=True)


# Any delimiter is as good as a comma to where a row ends. A \r alone ends none, and that
# module takes offence at it.
CSV_BYTES = bytes.maketrans(b";|\t\r\0", b",,,r0")


def csv_rows(data):
    """Python's csv reads the lines, and counts how many a row has taken."""
    text = data.translate(CSV_BYTES).decode("latin-1")
    full, rest = keep_ends(text, "\n")
    pieces = [*full, rest] if rest else full
    ends = [0, *itertools.accumulate(map(len, pieces))]
    reader = csv.reader(iter(pieces))
    rows = [ends[reader.line_num] for _ in reader]
    one_more = sum(1 for _ in csv.reader(iter([*pieces, "x"])))
    lacks_end = bool(rest) or one_more == len(rows)
    return Records(rows, open=lacks_end, longer=lacks_end)


def fasta(data):
    """A record begins where a line begins with ">"; what is before the first is the first's."""
    starts = [match.start() for match in re.finditer(rb"^>", data, re.M)]
    borders = [start for start in starts[1:] if start > 0]
    return Records([*borders, len(data)] if data else [], open=True)


FASTQ_ENTRY = re.compile(rb"@.*\n.*\n\+.*\n.*\n")
FASTQ_LAST = re.compile(rb"@.*\n(.*?)\r?\n\+.*\n(.*?)\r?\Z")
FASTQ_CUT = re.compile(rb"@.*(\n.*(\n(\+.*)?)?)?\Z")
EMPTY_LINES = re.compile(rb"[\r\n]+\Z")


def fastq_rest(ends, data, at):
    """The records from `at` on, where no entry is whole."""
    last = FASTQ_LAST.match(data, at)
    if EMPTY_LINES.match(data, at) or last and len(last[2]) >= len(last[1]):
        return Records([*ends, len(data)], open=True, longer=True)
    is_cut = bool(last or FASTQ_CUT.match(data, at))
    return Records(ends, error=({"broken"}, len(ends), at), cut=is_cut)


def fastq(data):
    """Four lines, the first with @ and the third with +.

    The last entry may lack its last newline, not more: its quality has at least as much as its sequence.
    Empty lines at the very end are a record of their own.
    """
    ends, at = [], 0
    while at < len(data):
        match = FASTQ_ENTRY.match(data, at)
        if not match:
            return fastq_rest(ends, data, at)
        at = match.end()
        ends.append(at)
    return Records(ends)


def frames(data):
    ends, at = [], 0
    while at < len(data):
        head = data[at : at + 4]
        end = at + 4 + int.from_bytes(head, "big")
        if len(head) < 4 or end > len(data):
            announced = end - at if len(head) == 4 else 4
            return Records(ends, error=({"broken"}, len(ends), at), cut=True, announced=announced)
        ends.append(end)
        at = end
    return Records(ends)


def marked(data, end, start):
    """Borders before a start, after an end, or between the two: re's, over each record by itself."""
    if end is None:
        pattern, place = re.compile(start, re.M), re.Match.start
    else:
        following = b"" if start is None else b"(?=" + start + b")"
        pattern, place = re.compile(b"(?:" + end + b")" + following, re.M), re.Match.end
    ends, at = [], 0
    while at < len(data):
        found = map(place, pattern.finditer(memoryview(data)[at:]))
        border = next((border for border in found if border > 0), None)
        if border is None or at + border == len(data) and end is None:
            return Records([*ends, len(data)], open=True)
        at += border
        ends.append(at)
    return Records(ends)
