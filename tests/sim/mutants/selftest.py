# SPDX-License-Identifier: MIT
"""Shows which texts a mutant finds in a tree, and which it refuses."""

import tempfile
from pathlib import Path

from mutant import Failure, plant

SOURCE = """
static int count(int n);

static int twice(int n)
{
    /* The caller wants
     * the double. */
    return count(n) + count(n);
}

static int count(int n)
{
    if (n > 0 && /* none */
        n < 10)
        return n;
    return 0;
}
"""

# What a person reads, the mutant's place and text, and the source that results; None: it is refused.
CASES = [
    ("text that is wrapped in another way", "in a.c: count\n- n > 0 && n < 10\n+ n", ("n > 0 && /* none */\n        n < 10", "n")),
    ("text without a successor", "in a.c: count\n- && n < 10", (" && /* none */\n        n < 10", " ")),
    ("a definition that moved", "in b.c: twice\n- return count(n) +\n+ return", ("return count(n) +", "return")),
    ("text that occurs twice", "in a.c: twice\n- count(n)\n+ 0", None),
    ("text of another definition", "in a.c: twice\n- return 0;", None),
    ("a part of a word", "in a.c: count\n- ret", None),
    ("a definition that is nowhere", "in a.c: thrice\n- return 0;", None),
    ("a place without old text", "in a.c: count\n+ return 1;", None),
]


def outcome(place):
    """The changed source, or None."""
    with tempfile.TemporaryDirectory(prefix="fanfold-mutant-") as folder:
        tree = Path(folder)
        (tree / "role").mkdir()
        (tree / "role/a.c").write_text(SOURCE)
        (tree / "a.mutant").write_text("rule: 1\nbug: none.\n\n" + place.replace("in ", "in role/") + "\n")
        try:
            return plant(tree / "a.mutant", tree)[0]["role/a.c"]
        except Failure:
            return None


def failures():
    for text, place, change in CASES:
        wanted = SOURCE.replace(*change) if change else None
        if outcome(place) != wanted:
            yield f"{text}: {'is refused or planted wrongly' if wanted else 'is planted'}"
