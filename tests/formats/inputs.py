# SPDX-License-Identifier: MIT
"""Random cases of each format, made to be nasty, with the oracle's answer to each."""

import re

import oracles
from case import Case


def soup(rng, tokens, most=60):
    """Tokens in any order, some more often than others."""
    weights = [rng.choice((0, 1, 1, 2, 8)) for _ in tokens]
    if not any(weights):
        return b""
    return b"".join(rng.choices(tokens, weights, k=rng.randint(0, most)))


def long_soup(rng, tokens):
    """More than a buffer of the chunker's; the same pieces again and again, with long ones."""
    pieces = [soup(rng, tokens, 200) for _ in range(30)]
    pieces += [b"x" * rng.randint(1, 200000), rng.choice(tokens) * rng.randint(1, 3000)]
    return b"".join(rng.choices(pieces, k=rng.randint(300, 1500)))[: rng.randint(100000, 2000000)]


def is_long(rng):
    return rng.random() < 0.004


def any_soup(rng, tokens):
    return long_soup(rng, tokens) if is_long(rng) else soup(rng, tokens, rng.choice((8, 60, 300)))


def entries(rng, make):
    """Entries one after the other, sometimes cut off, sometimes very many."""
    count = rng.choice((0, 1, 1, 3, 3, 10, 30))
    if is_long(rng):
        some = [make(rng) for _ in range(50)] + [make(rng, 20000)]
        data = b"".join(rng.choices(some, k=rng.randint(1000, 10000)))[:2000000]
    else:
        data = b"".join(make(rng) for _ in range(count))
    return data[: rng.randint(0, len(data))] if rng.random() < 0.2 else data


LINE_ENDS = (
    *(b"\n", b"\n", b"\r\n", b"\n\n", b"aa", b"aba", b"END\n", b"\0", b"\n\n\n", b"abab", b"aab"),
    *(b"x" * 100, bytes(range(9))),
)


def make_lines(rng):
    end = rng.choice(LINE_ENDS)
    count = rng.choice((1, 1, 1, 2, 3, 4, 1000))
    tokens = [end, end, end[:1], end[1:], end[:-1], end * 2, b"\n", b"\r", b"a", b"b", b"", b"0123456789"]
    data = any_soup(rng, tokens)
    text = f"lines={count} end={end.hex()}"
    if count == 1 and end == b"\n" and rng.random() < 0.5:
        text = ""
    return Case(text, data, lambda data: oracles.lines(data, count, end), looks_ahead=False)


def make_nul(rng):
    data = any_soup(rng, [b"\0", b"\0\0", b"\n", b"a", b"./dir/name", b"\xff"])
    return Case("lines=1 end=00", data, lambda data: oracles.lines(data, 1, b"\0"), looks_ahead=False)


def make_fixed(rng):
    size = rng.choice((65536, 300001) if is_long(rng) else (1, 2, 3, 7, 16, 100, 1000))
    data = rng.randbytes(rng.randint(0, size * rng.choice((1, 3, 20))))
    return Case(f"fixed={size}", data, lambda data: oracles.fixed(data, size), looks_ahead=False)


def make_whole(rng):
    data = rng.randbytes(rng.choice((0, 1, 50, 50, 50, 50, 3000, 3000)))
    if is_long(rng):
        data = rng.randbytes(1000) * rng.randint(1, 3000)
    return Case("whole", data, oracles.whole)


def csv_field(rng, most):
    text = soup(rng, [b"a", b"bc", b"", b'"', b",", b"\n", b"\r\n", b"\r", b"'", b" ", b";", b'""', b"\xc3\xa9"], most)
    if re.search(rb'[",\n\r]', text) or rng.random() < 0.2:
        return b'"' + text.replace(b'"', b'""') + b'"'
    return text


def csv_row(rng, most=6):
    fields = [csv_field(rng, most) for _ in range(rng.choice((1, 1, 2, 3, 8)))]
    return b",".join(fields) + rng.choice((b"\n", b"\n", b"\r\n"))


def make_csv(rng):
    data = entries(rng, csv_row)
    return Case("csv", data, oracles.csv_rows, looks_ahead=False)


def make_csv_stray(rng):
    """Quotes anywhere, beyond RFC 4180: any bytes are csv."""
    tokens = [b",", b"\n", b"\r\n", b"\r", b"a", b"b c", b'"', b'""']
    tokens += [b'",', b',"', b'"\n', b'\n"', b';"', b'|"', b'\t"', b' "']
    data = any_soup(rng, tokens)
    return Case("csv", data, oracles.csv_rows, looks_ahead=False)


def make_fasta(rng):
    tokens = [b">", b">a", b"\n>", b"\n", b"\r\n", b"\n\n", b"ACGT", b"a>b", b" >", b"\r>", b"\n>\n", b"\n;"]
    data = any_soup(rng, tokens)
    return Case("fasta", data, oracles.fasta)


def fastq_line(rng, most, end):
    return soup(rng, [b"@", b"+", b"ACGT", b"I", b"!", b">", b" ", b"\r", b"~~~~~"], most) + end


def fastq_entry(rng, most=6, end=None):
    end = end or rng.choice((b"\n", b"\n", b"\n", b"\r\n"))
    parts = [fastq_line(rng, most, end) for _ in range(4)]
    return b"@" + parts[0] + parts[1] + b"+" + parts[2] + parts[3]


def spoil(rng, data):
    """A line too many, a line too few, or a byte changed."""
    at = rng.randint(0, len(data))
    kind = rng.randrange(3)
    if kind == 0:
        return data[:at] + b"\n" + data[at:]
    end = data.find(b"\n", at) + 1
    if kind == 1 and end:
        return data[:at] + data[end:]
    return data[:at] + rng.choice((b"@", b"+", b"x", b"")) + data[at + 1 :]


def make_fastq(rng):
    data = entries(rng, fastq_entry)
    if rng.random() < 0.3:
        data = spoil(rng, data)
    return Case("fastq", data, oracles.fastq, looks_ahead=False)


def frame(rng, most=40):
    size = rng.choice((0, 0, 1, 2, rng.randint(0, most), rng.randint(0, most)))
    return size.to_bytes(4, "big") + rng.randbytes(size)


def make_frames(rng):
    data = entries(rng, frame)
    if rng.random() < 0.1:
        data += rng.choice((b"\xff\xff\xff\xff", b"\0\0\1\0abc", b"\x7f\0\0\0" + b"x" * 500, b"\0\0\0"))
    return Case("frames", data, oracles.frames, looks_ahead=False)


MARKS = (
    *((b">", None), (b"\n>", None), (b"aa", None), (b"aba", None), (b"BEGIN", None), (b"a" * 240, None)),
    *((b"BEGIN", b"END\n"), (b"\n", b"\n"), (b"From ", b"\n\n"), (b"ab", b"ba"), (b"a", b"a"), (b"aa", b"a")),
    *((b"a", b"aa"), (b"aab", b"aaab"), (b"\0", b"\0\0"), (b"a" * 240, b"a" * 100), (b">", b">\n"), (b"<a>", b"</a>")),
)


def marks_text(start, end, regexp=False):
    marks = [f"start={start.hex()}"] if start else []
    marks += [f"end={end.hex()}"] if end else []
    return " ".join(["regexp", *marks] if regexp else marks)


def make_marks(rng):
    start, end = rng.choice(MARKS)
    tokens = [b"a", b"b", b"\n", b">"]
    for mark in (start, end or start, (end or b"") + start):
        tokens += [mark, mark, mark[1:], mark[:-1], mark[: len(mark) // 2], mark * 2]
    data = any_soup(rng, tokens)
    expressions = [end and re.escape(end), re.escape(start)]
    case = Case(marks_text(start, end), data, lambda data: oracles.marked(data, *expressions))
    # The record alone does not show a start that lies outside of it.
    sizes = [stop - begin for begin, stop in zip([0, *case.expected.ends], case.expected.ends)]
    case.far_sighted = end is not None and min(sizes, default=1000) < len(start)
    return case


ATOMS = ("a", "b", "\\n", ">", ".", "[ab]", "[^a]", "\\w", "\\s", "x", "(?:ab|a)", "(?:a|ab)", "(?:\\n|\\r\\n)", "A")
BEHIND = ("^", "^", "\\b", "\\B", "(?<=a)", "(?<!b)", "")
AHEAD = ("$", "\\b", "(?=a)", "(?!b)", "(?=\\n)", "(?!\\n)", "(?=.{3})", "")
COUNTS = ("+", "*", "?", "+?", "*?", "{2}", "{1,3}", "{2,}", "")


def expression(rng):
    """An expression that takes a matcher which backtracks polynomial time at most."""

    def branch():
        counts = [rng.choice(COUNTS) if rng.random() < 0.4 else "" for _ in range(rng.randint(1, 4))]
        atoms = (rng.choice(ATOMS) + count for count in counts)
        before = rng.choice(BEHIND) if rng.random() < 0.3 else ""
        after = rng.choice(AHEAD) if rng.random() < 0.3 else ""
        return before + "".join(atoms) + after

    return "|".join(branch() for _ in range(rng.choice((1, 1, 1, 2, 3)))).encode()


def make_regexp(rng):
    start, end = rng.choice(((True, False), (False, True), (True, True)))
    start = expression(rng) if start else None
    end = expression(rng) if end else None
    tokens = [b"a", b"b", b"ab", b"\n", b">", b"x", b"\r\n", b" ", b"aaa", b"A", b"\n\n", b"-"]
    data = soup(rng, tokens, rng.choice((8, 60, 300)))
    if any(mark and any(not match.group() for match in re.finditer(mark, data, re.M)) for mark in (end, start)):
        return make_regexp(rng)
    case = Case(marks_text(start, end, True), data, lambda data: oracles.marked(data, end, start))
    case.far_sighted = True
    return case


MAKERS = {
    "lines": make_lines,
    "nul": make_nul,
    "fixed": make_fixed,
    "whole": make_whole,
    "csv": make_csv,
    "csv-stray": make_csv_stray,
    "fasta": make_fasta,
    "fastq": make_fastq,
    "frames": make_frames,
    "marks": make_marks,
    "regexp": make_regexp,
}
