# SPDX-License-Identifier: MIT
"""The better way with the same library: lines in batches, and an initializer."""

import sys
from multiprocessing import Pool

import job


def start():
    global table
    table = job.prepare()


def annotate(line):
    return job.annotate(line, table)


if __name__ == "__main__":
    with Pool(initializer=start) as pool:
        for result in pool.imap(annotate, sys.stdin.buffer, chunksize=1000):
            sys.stdout.buffer.write(result)
