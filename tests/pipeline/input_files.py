# SPDX-License-Identifier: MIT
"""For tests of inputs: several, compressed, of known lines; and a run over them."""

import bz2
import gzip
import lzma
import shutil
import subprocess

MIB = 1 << 20
KINDS = ["gzip", "bzip2", "xz", "zstd", "lz4"]
SMALL = ["--block", "16K", "-j2"]
UPPER = ["--", "tr", "a-z", "A-Z"]


def compress(kind, data):
    """What is not in Python's library is a tool's; "legacy" is the frame of lz4's first versions."""
    if kind == "legacy":
        return subprocess.run(["lz4", "-l", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    in_python = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
    if kind in in_python:
        return in_python[kind](data)
    return subprocess.run([kind, "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def compressed(case, kind, data, name="in"):
    return case.file(f"{name}.{kind}", compress(kind, data))


def kinds(case, legacy=False):
    for kind in [*KINDS, "legacy"] if legacy else KINDS:
        if kind in ("zstd", "lz4") and not shutil.which(kind):
            case.skip(f"no {kind} here")
        yield kind


def text_of(case, size=2 * MIB):
    return case.text(size).read_bytes()


def lines(first, count):
    return b"".join(b"line %d\n" % number for number in range(first, first + count))


def run_over(case, *words, stdin=None, command=UPPER, status=0):
    run = case.run("fanfold", *words, *command, stdin=stdin)
    run.expect(status)
    return run


def inputs(*paths):
    return [word for path in paths for word in ("-i", path)]
