# SPDX-License-Identifier: MIT
"""How a run ends: its status, what it says, and nothing left behind."""

import re

LINES = b"".join(b"line number %d\n" % number for number in range(3000))


def expect(case, run, status, *said, deadline=60.0):
    """It ends with this status, says just these lines (regular expressions; hints, if one
    of them is), and leaves neither process nor file."""
    run.expect(status, deadline)
    lines = run.reasons(hints=any("hint:" in pattern for pattern in said))
    assert len(lines) == len(said), f"{len(lines)} lines, not {len(said)}"
    for line, pattern in zip(lines, said):
        assert re.search(pattern, line), f"{line!r} is not {pattern!r}"
    case.assert_no_leftovers()
    case.assert_no_files_left()


def ends(case, words, status, *said, stdin=LINES, **more):
    run = case.start("fanfold", *words, stdin=stdin, **more)
    expect(case, run, status, *said)
    return run
