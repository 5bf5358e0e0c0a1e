# SPDX-License-Identifier: MIT
"""The naive way: a task a line."""

import sys
from multiprocessing import Pool

import job

table = None


def annotate(line):
    global table
    if table is None:
        table = job.prepare()
    return job.annotate(line, table)


if __name__ == "__main__":
    with Pool() as pool:
        results = [pool.apply_async(annotate, (line,)) for line in sys.stdin.buffer]
        for result in results:
            sys.stdout.buffer.write(result.get())
