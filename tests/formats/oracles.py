# SPDX-License-Identifier: MIT
"""Where records end, by other means than the chunker's: Python's csv, re, split and slices.

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
    open: bool = False  # the last one lacks its end: it fits where there is room for more
    error: tuple = None  # ({outcome}, number, offset) of what follows them and is no record


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
    return Records(ends_of(groups), open=bool(rest) or len(whole) % count > 0)


def fixed(data, size):
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return Records(ends_of(pieces), open=len(data) % size > 0)


def whole(data):
    return Records([len(data)] if data else [], open=True)


def csv_rows(data):
    """As Python's csv reads it: how many of the lines a row has taken."""
    # A \r alone ends no record here, and that module takes offence at it.
    text = re.sub(rb"\r(?!\n)", b"r", data).decode("latin-1").replace("\0", "0")
    full, rest = keep_ends(text, "\n")
    pieces = [*full, rest] if rest else full
    ends = [0, *itertools.accumulate(map(len, pieces))]
    reader = csv.reader(iter(pieces))
    rows = [ends[reader.line_num] for _ in reader]
    one_more = sum(1 for _ in csv.reader(iter([*pieces, "x"])))
    return Records(rows, open=bool(rest) or one_more == len(rows))


def csv_parity(data):
    """Whatever stands around a quote: a newline after an even number of them ends a row."""
    parts = re.findall(rb'(?:[^"\n]+|"[^"]*"|"[^"]*\Z)*\n?', data)
    unfinished = data.count(b'"') % 2 == 1 or not data.endswith(b"\n")
    return Records(ends_of(filter(None, parts)), open=unfinished and bool(data))


def fasta(data):
    """A record begins where a line begins with ">"; what is before the first is the first's."""
    starts = [match.start() for match in re.finditer(rb"^>", data, re.M)]
    borders = [start for start in starts[1:] if start > 0]
    return Records([*borders, len(data)] if data else [], open=True)


def fastq(data):
    """Four lines; the first begins with @, the third with +."""
    whole, rest = keep_ends(data, b"\n")
    pieces = [*whole, rest] if rest else whole
    ends, at = [], 0
    for number in range(0, len(pieces), 4):
        entry = pieces[number : number + 4]
        if len(entry) < 4 or entry[0][:1] != b"@" or entry[2][:1] != b"+":
            return Records(ends, error=({"malformed"}, len(ends), at))
        at += sum(map(len, entry))
        ends.append(at)
    return Records(ends, open=bool(rest))


def frames(data):
    ends, at = [], 0
    while at < len(data):
        head = data[at : at + 4]
        end = at + 4 + int.from_bytes(head, "big")
        if len(head) < 4 or end > len(data):
            return Records(ends, error=({"malformed"}, len(ends), at))
        ends.append(end)
        at = end
    return Records(ends)


def searched(data, end_of_first):
    """Each record searched for its end as if it were the beginning of everything."""
    ends, at = [], 0
    while at < len(data):
        size = end_of_first(memoryview(data)[at:])
        if size is None:
            return Records([*ends, len(data)], open=True)
        at += size
        ends.append(at)
    return Records(ends)


def find_after(text, pattern, least):
    """Where the pattern ends that ends first after `least` bytes or more; None: nowhere."""
    for match in pattern.finditer(text):
        if match.end() >= least:
            return match.end()
    return None


def between(data, start, end):
    """Borders before `start`, after `end`, or where an `end` is followed by a `start`: regexps."""
    if end is None:
        pattern = re.compile(b"(?=" + start + b")")
    elif start is None:
        pattern = re.compile(b"(?:" + end + b")")
    else:
        pattern = re.compile(b"(?:" + end + b")(?=" + start + b")")
    return searched(data, lambda text: find_after(text, pattern, 1))
