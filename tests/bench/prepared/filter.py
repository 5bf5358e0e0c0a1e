# SPDX-License-Identifier: MIT
"""A filter, for GNU parallel, or by itself."""

import sys

import job

table = job.prepare()
for line in sys.stdin.buffer:
    sys.stdout.buffer.write(job.annotate(line, table))
