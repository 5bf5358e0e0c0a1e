# SPDX-License-Identifier: MIT
"""With fanfold's SDK."""

import fanfold
import job


def process(chunk, table):
    return (job.annotate(line, table) for line in chunk.splitlines(True))


fanfold.serve(process, job.prepare)
