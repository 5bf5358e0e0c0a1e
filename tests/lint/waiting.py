#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""No test waits for time. The one poll is harness.wait_for, which waits for a condition.

A user's program that sleeps ("sleep", "1000" as an argument) is work, not waiting.
"""

import re

from tree import claim, files, scripts, text_of

IN_C = re.compile(r"\b(sleep|usleep|nanosleep|clock_nanosleep|zclock_sleep|zmq_sleep)\s*\(")
IN_PYTHON = re.compile(r"\btime\.sleep\s*\(|\bfrom time import\b.*\bsleep\b")
IN_SHELL = re.compile(r"^\s*sleep\b|[;&|]\s*sleep\b|\b(do|then|else)\s+sleep\b")
# The slot of the foreign worker, the talker and a mapped function are such programs. Benchmarks send at a rate, and
# look at what happens in a time. A person's second signal comes later than the first.
ALLOWED = {
    "tests/bench/endless.py": 1,
    "tests/bench/map.py": 1,
    "tests/bench/messages.py": 3,
    "tests/pipeline/foreign_slot.py": 1,
    "tests/pipeline/harness.py": 2,
    "tests/pipeline/talker.py": 3,
    "tests/pipeline/test_map.py": 1,
}

patterns = {path: IN_C for path in files(".c", ".h")}
patterns.update({path: IN_PYTHON for path in files(".py")})
patterns.update({path: IN_SHELL for path in scripts({"sh", "bash"})})
found = []
for path, pattern in sorted(patterns.items()):
    if path.parts[0] != "tests":
        continue
    lines = [
        f"{path}:{number}: {line.strip()}"
        for number, line in enumerate(text_of(path).splitlines(), 1)
        if pattern.search(line)
    ]
    found += lines[ALLOWED.get(str(path), 0) :]
claim("no test waits for time", found, len(patterns))
