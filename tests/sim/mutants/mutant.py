# SPDX-License-Identifier: MIT
"""Reads NAME.mutant, and plants the bug that it describes.

    rule: 6
    bug: the worker takes a TASK of another session.
    needs two faults: WHICH.           where one fault alone does not show the bug
    with: kill=1,ordered=1             where seeds rarely draw what the bug needs

    in worker/session/session_tasks.c: take
    - || session_number != session->nonce

`in FILE: NAME` names a function, a struct, an enum, or a macro. The text of the `-` lines must
occur in that definition exactly once; the text of the `+` lines, or nothing, takes its place.
White space and comments do not count: clang-format may wrap the source differently. More `-`
and `+` lines may follow, and more places.

If FILE does not define NAME, another file of the same role may: `run --check` says so.
"""

import re
from dataclasses import dataclass, field

SUFFIX = ".mutant"
KEYS = ("rule", "bug", "needs two faults", "with")
PLACE = re.compile(r"in (\S+): (\w+)$")
TOKEN = re.compile(
    r"""(?P<skip>\s+|\\\n|/\*.*?\*/|//[^\n]*)"""
    r"""|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\w+|->|\+\+|--|&&|\|\||<<|>>|[-+*/%&|^=!<>]=|.""",
    re.S,
)


class Failure(Exception):
    """What a person is to be told."""


@dataclass
class Edit:
    file: str
    name: str  # of the definition
    old: list = field(default_factory=list)  # lines
    new: list = field(default_factory=list)


# ---- the description


def edits_of(lines, where):
    """The places, and what is replaced in each."""
    edits, place = [], None
    for line in lines:
        if match := PLACE.match(line):
            place = match.groups()
            edits.append(Edit(*place))
        elif line[:1] in ("-", "+") and place:
            if line[0] == "-" and edits[-1].new:
                edits.append(Edit(*place))
            (edits[-1].old if line[0] == "-" else edits[-1].new).append(line[2:])
        elif line:
            raise Failure(f"{where}: `{line}` is none of `in FILE: NAME`, `- OLD`, `+ NEW`")
    if not edits or not all(edit.old for edit in edits):
        raise Failure(f"{where}: a place has no old text")
    return edits


def parse(path):
    """({key: text}, [edits])"""
    lines = [line.rstrip() for line in path.read_text().splitlines() if not line.startswith("#")]
    head = lines[: lines.index("")] if "" in lines else lines
    told = {}
    for line in head:
        key, colon, text = line.partition(": ")
        if not colon or key not in KEYS:
            raise Failure(f"{path.name}: `{line}` begins with none of {', '.join(KEYS)}")
        told[key] = text
    if not told.get("rule") or not told.get("bug"):
        raise Failure(f"{path.name}: `rule:` and `bug:` are missing")
    return told, edits_of(lines[len(head) :], path.name)


# ---- the place in the source


def tokens(text, start=0, end=None):
    """[(token, where it begins, where it ends)], without white space and comments"""
    found = TOKEN.finditer(text, start, len(text) if end is None else end)
    return [(match[0], match.start(), match.end()) for match in found if match["skip"] is None]


def end_of_macro(text, start):
    while (end := text.find("\n", start)) >= 0 and text[end - 1] == "\\":
        start = end + 1
    return end if end >= 0 else len(text)


def end_of_parameters(text, start):
    """Behind the parenthesis that closes the one at start."""
    depth = 0
    for token, _, end in tokens(text, start):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth == 0:
            return end
    return len(text)


def definition(text, name):
    """(begin, end) of the function, struct, enum or macro of this name; None: it is not here"""
    if match := re.search(rf"^#define {name}\b", text, re.M):
        return match.start(), end_of_macro(text, match.start())
    if match := re.search(rf"^(?:struct|enum) {name}\s*\{{", text, re.M):
        return match.start(), text.index("\n}", match.start()) + 2
    for match in re.finditer(rf"^(?![ #/*])[^\n;=]*\b{name}\(", text, re.M):
        body = end_of_parameters(text, match.end() - 1)
        if re.match(r"\s*\{", text[body:]):
            return match.start(), text.index("\n}", body) + 2
    return None


def matches(text, span, old):
    """[(begin, end)] of each place within the span that has the old text's tokens"""
    there = tokens(text, *span)
    words, wanted = [token for token, _, _ in there], [token for token, _, _ in tokens(old)]
    size = len(wanted)
    starts = [i for i in range(len(words) - size + 1) if words[i : i + size] == wanted]
    return [(there[i][1], there[i + size - 1][2]) for i in starts]


def role_of(file):
    return "tests/sim" if file.startswith("tests/sim/") else file.split("/")[0]


class Sources:
    """The tree's files, as they are with what was planted so far."""

    def __init__(self, tree):
        self.tree, self.texts = tree, {}

    def read(self, file):
        path = self.tree / file
        if file not in self.texts and path.exists():
            self.texts[file] = path.read_text()
        return self.texts.get(file, "")

    def has(self, file, name):
        return name in self.read(file) and definition(self.read(file), name) is not None

    def home_of(self, edit):
        """The file that has the definition: the one that is named, or another of its role."""
        if self.has(edit.file, edit.name):
            return edit.file
        files = sorted((self.tree / role_of(edit.file)).rglob("*.[ch]"))
        names = [str(path.relative_to(self.tree)) for path in files]
        homes = [name for name in names if self.has(name, edit.name)]
        if len(homes) != 1:
            others = ", ".join(homes) or "no other file of its role"
            raise Failure(f"{edit.file} does not define {edit.name}; {others} does")
        return homes[0]

    def plant(self, edit):
        """Returns the file that was changed."""
        home = self.home_of(edit)
        text, old = self.read(home), "\n".join(edit.old)
        found = matches(text, definition(text, edit.name), old)
        if len(found) != 1:
            raise Failure(f"{edit.name} in {home} has this {len(found)} times, not once:\n{old}")
        begin, end = found[0]
        self.texts[home] = text[:begin] + "\n".join(edit.new) + text[end:]
        return home


def plant(path, tree):
    """({file: its text with the bug}, [what has moved])"""
    sources, changed, moved = Sources(tree), set(), []
    for edit in parse(path)[1]:
        try:
            home = sources.plant(edit)
        except Failure as failure:
            raise Failure(f"{path.name}: {failure}") from None
        if home != edit.file:
            moved.append(f"{path.name}: {edit.name} has moved from {edit.file} to {home}")
        changed.add(home)
    return {file: sources.read(file) for file in sorted(changed)}, moved
