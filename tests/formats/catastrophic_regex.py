# SPDX-License-Identifier: MIT
"""Expressions on which a matcher that backtracks never ends; none of them matches."""

import oracles
from case import Case

MARKS = (
    *(b"(a+)+b", b"(a|aa)+b", b"(a*)*$b", b"(.*)*x", b"(?:a?){60}a{60}b", b"(?:.*.*.*.*)+x", b"(?=(a+))\\1b", b"a+b"),
    *(b"(?:(?:a|a)+)+$b", b"(a+)+\\n\\n\\nb"),
)
# The b at the end keeps the matcher from seeing at once that there is none.
INPUTS = (b"a" * 100 + b"-b", b"a" * 5000 + b"-b", b"a" * (3 << 20), (b"a" * 26 + b"-b\n") * 30000)


def cases():
    for data in INPUTS:
        for mark in MARKS:
            for where in ("start", "end"):
                name = f"catastrophic-regex {where} {mark.decode()}"
                yield Case(f"regexp {where}={mark.hex()}", data, oracles.whole, name=name)
