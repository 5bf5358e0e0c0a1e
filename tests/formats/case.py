# SPDX-License-Identifier: MIT
"""A case: an input and the options to cut it by; how the driver gets it, and answers."""

import random
import struct
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from oracles import Records

BIG = 1 << 40
HEAD = struct.Struct("=12Q")


@dataclass
class Case:
    """An input, how to cut it, and where the oracle says that records end."""

    format: str
    data: bytes
    oracle: Callable[[bytes], Records]
    name: str = ""
    records: int = 0
    max_record: int = BIG
    jitter: int = 0
    reads_each: int = 1
    early: int = 0
    continues: bool = False
    offset: int = 0
    first_record: int = 0
    looks_ahead: bool = True  # a record's end may be known only by what follows
    far_sighted: bool = False  # a chunk alone does not show all borders
    splits: list = field(default_factory=lambda: [BIG])
    blocks: list = field(default_factory=lambda: [1 << 20])

    def __post_init__(self):
        self.expected = limited(self.oracle(self.data), self.max_record, len(self.data))

    def encode(self):
        text = self.format.encode()
        head = HEAD.pack(
            *(len(text), self.records, self.max_record, self.jitter, self.reads_each),
            *(self.early, self.continues, self.offset, self.first_record),
            *(len(self.splits), len(self.blocks), len(self.data)),
        )
        numbers = struct.pack(f"={len(self.splits) + len(self.blocks)}Q", *self.splits, *self.blocks)
        return head + text + numbers + self.data

    def describe(self):
        """All that a person needs to see it happen again."""
        shown = repr(self.data) if len(self.data) <= 600 else f"{self.data[:300]!r} ... {len(self.data)} bytes"
        options = f"-N {self.records}" if self.records else f"blocks {self.blocks[:8]}"
        return (
            f"{self.name}: format {self.format!r}, {options}, reads {self.splits[:8]}, {self.reads_each} a try, "
            f"at most {self.max_record} a record, jitter {self.jitter}"
            f"{', early' if self.early else ''}{', after another input' if self.continues else ''}"
            f", from {self.offset}, {self.first_record}\n  input {shown}\n"
            f"  records end at {self.expected.ends[:60]}, then {self.expected.error or 'the end'}"
        )


@dataclass
class Chunk:
    offset: int
    length: int
    first_record: int
    records: int
    block: int
    counted: int
    fed: int
    early: int
    sizes: list = None
    first: list = None
    other_bytes: bool = False


@dataclass
class Answer:
    chunks: list
    outcome: str
    offset: int
    record: int
    text: str


class DriverDied(Exception):
    pass


def read_answers(lines):
    """The driver's answers, one after the other."""
    chunks = []
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "chunk":
            chunks.append(Chunk(*map(int, rest.split())))
        elif word == "sizes":
            chunks[-1].sizes = list(map(int, rest.split()))
        elif word == "first":
            chunks[-1].first = list(map(int, rest.split()))
        elif word == "other-bytes":
            chunks[-1].other_bytes = True
        else:
            outcome, offset, record, text = rest.split(" ", 3)
            yield Answer(chunks, outcome, int(offset), int(record), text)
            chunks = []


def ask(driver, cases, seconds=600):
    """The driver's answers to the cases; DriverDied if it ended before the last."""
    request = b"".join(case.encode() for case in cases)
    try:
        run = subprocess.run([driver], input=request, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired as error:
        raise DriverDied(f"no answer in {seconds} s") from error
    answers = list(read_answers(run.stdout.decode("latin-1").split("\n")[:-1]))
    if run.returncode != 0 or len(answers) != len(cases):
        raise DriverDied(f"status {run.returncode}\n{run.stderr.decode(errors='replace')[-3000:]}")
    return answers


def random_splits(rng, size):
    """How the input comes in: byte by byte, in odd pieces, or all at once."""
    kind = rng.random()
    if kind < 0.25 and size < 3000:
        return [1]
    if kind < 0.4:
        return [BIG]
    most = rng.choice((3, 20, 200, 5000))
    if size > 100000:
        most = rng.choice((3000, 70000, 400000))
    return [rng.randint(1, most) for _ in range(rng.randint(1, 8))]


def limited(expected, max_record, size):
    """The records before the first that is too long."""
    ends = expected.ends
    for number, (begin, end) in enumerate(zip([0, *ends], ends)):
        is_last = number == len(ends) - 1 and not expected.error
        if end - begin > max_record or is_last and expected.announced > max_record:
            return Records(ends[:number], error=({"too-long"}, number, begin))
    if expected.error and expected.announced > max_record:
        return replace(expected, error=({"too-long"}, *expected.error[1:]))
    if expected.error and size - expected.error[2] > max_record:  # the record is both
        return replace(expected, error=({"broken", "too-long"}, *expected.error[1:]))
    return expected


def random_limit(rng, expected):
    """Sometimes the longest record is too long by a byte, or just not."""
    sizes = [end - begin for begin, end in zip([0, *expected.ends], expected.ends)]
    if not sizes or rng.random() < 0.85:
        return BIG
    return max(1, rng.choice((max(sizes), max(sizes) - 1, rng.choice(sizes))))


def randomized(rng, case):
    """The case with random sizes of reads and chunks, and what else is not the format's."""
    size = len(case.data)
    most = rng.choice((4, 30, 100, 1000, max(size, 4), 2 * size + 4))
    if size > 100000:
        most = rng.choice((20000, 300000, 700000, size, 2 * size))
    return replace(
        case,
        splits=random_splits(rng, size),
        reads_each=rng.choice((1, 1, 1, 2, 7, 1000000)),
        jitter=rng.choice((0, 0, rng.getrandbits(40) + 1)),
        early=rng.choice((0, 0, 0, rng.getrandbits(40) + 1)),
        records=rng.choice((1, 2, 3, rng.randint(1, 50))) if rng.random() < 0.3 else 0,
        blocks=[rng.randint(max(1, most // 50), most) for _ in range(rng.choice((1, 1, 5)))],
        max_record=random_limit(rng, case.expected),
        offset=rng.choice((0, rng.getrandbits(40))),
        first_record=rng.choice((0, rng.getrandbits(40))),
    )


def continuation(rng, case):
    """Another input after the first, through the same chunker."""
    size = len(case.data)
    begin = rng.choice((0, 0, rng.randint(0, size)))
    return replace(case, data=case.data[begin : rng.randint(begin, size)], continues=True)
