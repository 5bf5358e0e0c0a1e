# SPDX-License-Identifier: MIT
"""The input, the output that must come of it, and the dead letters that were earned."""

import json
import random

from harness import make_text

BAD = (b"FAIL ", b"CRASH ")
HOLD = b"HOLD "
SIZE = 3 << 20


def make_input(path, plan):
    """Lines of words; `plan.bad` of them make the work fail, and one makes it wait."""
    chance = random.Random(f"input {plan.seed}")
    lines = make_text(SIZE, seed=plan.seed % 5).read_bytes().splitlines(True)
    for number in sorted(chance.sample(range(len(lines)), plan.bad)):
        lines[number] = chance.choice(BAD) + lines[number]
    held = next(number for number in range(len(lines) * 24 // 25, len(lines)) if not lines[number].startswith(BAD))
    lines[held] = HOLD + lines[held]
    path.write_bytes(b"".join(lines))
    return path


def bad_ranges(data):
    """[(begin, end)] of the bad records."""
    ranges, at = [], 0
    for line in data.splitlines(True):
        if line.startswith(BAD):
            ranges.append((at, at + len(line)))
        at += len(line)
    return ranges


def dead_letters_in(directory):
    """[(begin, end, bytes)] in the order of their numbers."""
    letters = []
    for number, path in enumerate(sorted(directory.glob("*.json")), 1):
        assert path.name == f"{number:06}.json", f"letter {number} is called {path.name}"
        told = json.loads(path.read_text())
        letters.append((told["offset"], told["offset"] + told["length"], path.with_suffix(".input").read_bytes()))
    strays = {path.name for path in directory.iterdir()} - {
        f"{number + 1:06}.{suffix}" for number in range(len(letters)) for suffix in ("json", "input")
    }
    assert not strays, f"among the dead letters: {sorted(strays)}"
    return letters


def expected_output(data, plan, directory):
    """The output's bytes; `directory` must hold just the dead letters that were earned."""
    letters = dead_letters_in(directory) if directory.exists() else []
    bad = bad_ranges(data)
    kept, at = [], 0
    for begin, end, content in letters:
        assert begin >= at, f"the dead letters are out of order, or overlap, at byte {begin}"
        assert content == data[begin:end], f"the dead letter at byte {begin} does not hold the input's bytes"
        assert any(begin <= one and other <= end for one, other in bad), f"nothing was wrong at bytes {begin}-{end}"
        if plan.on_error == "isolate":
            assert (begin, end) in bad, f"more than the bad record is in the letter {begin}-{end}"
        kept.append(data[at:begin])
        at = end
    missing = [one for one in bad if not any(begin <= one[0] and one[1] <= end for begin, end, _ in letters)]
    assert not missing, f"no dead letter holds the bad records at {missing}"
    return b"".join([*kept, data[at:]]).upper()
