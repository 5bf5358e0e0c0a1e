# SPDX-License-Identifier: MIT
"""The work that all contenders do: two seconds of preparation, then a little for each line."""

import os
import time
import zlib

PREPARATION_SECONDS = 2.0  # of processor time
WORDS = 300_000


def prepare():
    """A table of 300,000 words, and as much more as makes two seconds; each call is counted."""
    if count := os.environ.get("PREPARATIONS"):
        with open(count, "ab") as file:
            file.write(b"+")
    began = time.process_time()
    table = {b"%x" % number: zlib.crc32(b"%x" % number) & 1023 for number in range(WORDS)}
    while time.process_time() - began < PREPARATION_SECONDS:
        zlib.crc32(bytes(100_000))
    return table


def annotate(line, table):
    """The line, and the sum of what its words count for."""
    return b"%s\t%d\n" % (line.rstrip(b"\n"), sum(table.get(word, 0) for word in line.split()))


def write_lines(file, count):
    """The same lines each time, of 8 words; a word in eight is in no table."""
    number = 1
    for _ in range(count):
        words = []
        for _ in range(8):
            number = number * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
            words.append(b"%x" % ((number >> 33) % (WORDS * 8 // 7)))
        file.write(b" ".join(words) + b"\n")
