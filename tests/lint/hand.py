#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""C is written by one hand, where clang-format leaves it open.

- a pointer is tested as `p` and `!p`; `p != NULL` stands where a bool is wanted as a value:
  returned, assigned, passed on; and behind an assignment
- no blank line within a function, save in the tests, where it parts the steps of a case; none
  at the beginning or end of a block anywhere
- a banner is `/* ---- what follows ---- */`, between blank lines
- comments are /* */; one that opens with text closes behind text, one that opens alone closes
  alone
- a comment does not break the declaration that it follows: it goes above
"""

import re

from rooms import functions_of
from tree import claim, files, text_of

TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
NULL_TEST = re.compile(r"(==|!=) NULL\b|\bNULL (==|!=)")
BANNER = re.compile(r"/\* ---- \S.* ---- \*/")
LIKE_A_BANNER = re.compile(r"/\* ?([-=#]{2,}[ \n]|[-=#*]{4})")
ALONE = re.compile(r"^\s+(?:const )?(?:(?:struct|enum|unsigned) )?\w+ ?\**$")


def blanked(text):
    """Comments and strings, all but their lines."""
    return TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def null_findings(path, lines):
    for number, line in enumerate(lines, 1):
        for match in NULL_TEST.finditer(line):
            before = line[: match.start()]
            statement = before if before.strip() else lines[number - 2] + before
            value = re.match(r"\s*return\b", statement) or re.search(r"[^=!<>]= ", statement)
            tested = re.search(r"\b(if|while|for)\s*\(", statement) and not before.rstrip().endswith(")")
            joined = re.match(r"\s*(&&|\|\|)", before) or re.search(r"(&&|\|\|)\s*$", before)
            if "==" in match[0] and (tested or not value):
                yield f"{path}:{number}: `== NULL`, not `!p`"
            elif "!=" in match[0] and (tested or joined) and not value:
                yield f"{path}:{number}: `!= NULL`, not `p`"


def blank_findings(path, lines):
    for number in range(1, len(lines) - 1):
        if not lines[number].strip():
            if lines[number - 1].endswith("{") and not lines[number - 1].startswith(("extern", "#")):
                yield f"{path}:{number + 1}: a blank line at the beginning of a block"
            elif re.match(r"\s*\}", lines[number + 1]):
                yield f"{path}:{number + 1}: a blank line at the end of a block"
    if path.parts[0] != "tests":
        for function in functions_of(path):
            for number in range(function.brace, function.last - 1):
                if not lines[number].strip():
                    yield f"{path}:{number + 1}: a blank line within {function.name}"


def comment_findings(path, text, lines):
    for match in TOKEN.finditer(text):
        comment, number = match[0], text.count("\n", 0, match.start()) + 1
        if comment.startswith("//"):
            yield f"{path}:{number}: a comment with //"
        if not comment.startswith("/*"):
            continue
        if LIKE_A_BANNER.match(comment):
            if not BANNER.fullmatch(comment) or lines[number - 1] != comment:
                yield f"{path}:{number}: a banner that is not `/* ---- what follows ---- */`"
            elif lines[number - 2].strip() or lines[number].strip():
                yield f"{path}:{number}: a banner without blank lines around it"
            continue
        if "\n" in comment:
            opens_alone = comment.startswith("/*\n")
            closes_alone = re.search(r"\n\s*\*/$", comment) is not None
            if opens_alone != closes_alone:
                opening = "alone" if opens_alone else "with text"
                yield f"{path}:{number}: a comment that opens {opening} and closes otherwise"


def broken_findings(path, lines):
    for number in range(1, len(lines)):
        above, here = lines[number - 1], lines[number]
        if ALONE.match(above) and "/*" in here and re.match(r"\s+\w+(\[.*\])?;", here):
            if len(here) - len(here.lstrip()) > len(above) - len(above.lstrip()):
                yield f"{path}:{number}: a declaration that its comment breaks"


paths = files(".c", ".h")
found = []
for path in paths:
    text = text_of(path)
    lines = text.split("\n")
    found += null_findings(path, blanked(text).split("\n"))
    found += blank_findings(path, lines)
    found += comment_findings(path, text, lines)
    found += broken_findings(path, lines)
claim("C is written by one hand", found, len(paths))
