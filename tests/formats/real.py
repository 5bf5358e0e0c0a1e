# SPDX-License-Identifier: MIT
"""Real files of the machine, megabytes of each format; a format without files gets data made of the others."""

import copy
import csv
import gzip
import io
import os
import random
import re
from pathlib import Path

import oracles
from case import Case

FOLDERS = ("/usr/share", "/usr/include", "/usr/lib/x86_64-linux-gnu", "/usr/lib/R", "/var/lib/dpkg")
LEAST = 4 << 20  # a smaller file is repeated
MOST = 10 << 20
KINDS = {
    "csv": (".csv",),
    "fasta": (".fa", ".fasta", ".fna", ".faa"),
    "fastq": (".fq", ".fastq"),
    "text": (".txt", ".h", ".html", ".list", ".md5sums", ".xml"),
    "binary": (".so", ".mo"),
}
DPKG_STATUS = Path("/var/lib/dpkg/status")
FILES_EACH = 2


def find_files():
    """The largest files of each kind that are not too large: {kind: [path]}."""
    found = {kind: [] for kind in KINDS}
    for folder in FOLDERS:
        for path, _, names in os.walk(folder):
            for name in names:
                plain = name.removesuffix(".gz")
                for kind, suffixes in KINDS.items():
                    if plain.endswith(suffixes) and (size := size_of(os.path.join(path, name))):
                        found[kind].append((size, os.path.join(path, name)))
    return {kind: [path for _, path in sorted(files)[-FILES_EACH:]] for kind, files in found.items()}


def size_of(path):
    try:
        status = os.lstat(path)
    except OSError:
        return 0
    return status.st_size if os.path.isfile(path) and status.st_size <= MOST else 0


def read(path):
    """The file's bytes, again and again until they are megabytes."""
    data = Path(path).read_bytes()
    data = gzip.decompress(data) if path.endswith(".gz") else data
    if not data.endswith(b"\n"):
        data += b"\n"
    return data * (LEAST // len(data) + 1) if len(data) < LEAST else data


def packages_as_csv(status):
    """Fields of many lines, as a csv writer quotes them."""
    rows = [[part.partition(":")[2] for part in re.split(r"\n(?! )", entry)] for entry in status.split("\n\n")]
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue().encode()


def fasta_of(text):
    parts = enumerate(text.split(b"\n\n"))
    return b"".join(b">entry %d\n%s\n" % (number, part.replace(b">", b"\n>")) for number, part in parts)


def fastq_of(text):
    lines = text.split(b"\n")
    return b"".join(b"@%d\n%s\n+\n@%s\n" % (number, line, line) for number, line in enumerate(lines))


def frames_of(text):
    return b"".join(len(line).to_bytes(4, "big") + line for line in text.split(b"\n"))


def inputs():
    """(what it is, format, data, oracle), of real files and what is made of them."""
    found = find_files()
    for kind, oracle in (("csv", oracles.csv_rows), ("fasta", oracles.fasta), ("fastq", oracles.fastq)):
        for path in found[kind]:
            yield path, kind, read(path), oracle
    for path in found["text"]:
        yield path, "lines=1 end=0a", read(path), lambda data: oracles.lines(data, 1, b"\n")
    for path in found["binary"][-1:]:
        yield path, "lines=1 end=00", read(path), lambda data: oracles.lines(data, 1, b"\0")
        yield path, "fixed=1000", read(path), lambda data: oracles.fixed(data, 1000)
        yield path, "whole", read(path), oracles.whole
    text = read(found["text"][-1]) if found["text"] else b"no text\n" * 1000000
    yield "made of text", "fasta", fasta_of(text), oracles.fasta
    yield "made of text", "fastq", fastq_of(text), oracles.fastq
    yield "made of text", "frames", frames_of(text), oracles.frames
    if DPKG_STATUS.exists():
        yield from of_packages()


def of_packages():
    start, end = b"Package: ", b"\n\n"
    status = read(str(DPKG_STATUS))
    name = str(DPKG_STATUS)
    both = f"start={start.hex()} end={end.hex()}"
    yield f"made of {name}", "csv", packages_as_csv(status.decode("latin-1")), oracles.csv_rows
    yield name, f"start={start.hex()}", status, lambda data: oracles.marked(data, None, start)
    yield name, both, status, lambda data: oracles.marked(data, end, start)
    yield name, f"regexp {both}", status, lambda data: oracles.marked(data, end, start)


def cases(seed):
    """Each input with several sizes of blocks and reads."""
    rng = random.Random(f"real:{seed}")
    for name, text, data, oracle in inputs():
        case = Case(text, data, oracle, name=name)
        for blocks, records in (([1 << 20], 0), ([rng.randint(1000, 300000)], 0), ([1], rng.randint(1, 5000))):
            again = copy.copy(case)
            again.blocks, again.records = blocks, records
            again.splits = rng.choice(([1 << 40], [65536], [rng.randint(1, 300000) for _ in range(20)]))
            yield again
