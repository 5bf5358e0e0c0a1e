#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each option that fanfold-parallel(7) offers in place of one of GNU parallel's is one of fanfold's."""

import re
import subprocess

from tree import BUILD, ROOT, claim, skip, text_of

PAGE = "deploy/man/fanfold-parallel.7"
VERDICTS = ("Write\n", "Accepted:\n", "Not available:\n", "Not available.\n")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[A-Za-z0-9](?![\w-]))")


def entries():
    """(GNU parallel's option, what the page says of it), both in mdoc."""
    if not (ROOT / PAGE).exists():
        return []
    return re.findall(r"^\.It (.*)\n((?:(?!\.It |\.El).*\n)*)", text_of(PAGE), re.M)


def options_of(text):
    """Those of fanfold: `.Fl` names one; after Write, `.Ql` is a command, whose quoted words are not fanfold's."""
    for line in text.splitlines():
        if line.startswith(".Fl "):
            yield from (f"-{name}" for name in re.findall(r"(?<![\w-])(-?[A-Za-z0-9][a-z-]*)(?= ,| |$)", names_of(line)))
        elif line.startswith(".Ql --") and text.startswith("Write"):
            yield from OPTION.findall(re.sub(r"'.*'", "", line))


def names_of(line):
    """`.Fl a , -b Cm value` without the value."""
    return re.split(r" (?:Cm|Ar|No|Ns)\b", line.removeprefix(".Fl "))[0]


programs = [path for path in BUILD.rglob("fanfold") if path.is_file()] if BUILD else []
if not programs:
    skip("there is no fanfold in the build")
said = subprocess.run([programs[0], "--help"], capture_output=True, check=False, text=True).stdout
names = set(OPTION.findall(said))
rows = entries()
found = [f"{theirs}: begins with none of Write, Accepted, Not available" for theirs, text in rows if not text.startswith(VERDICTS)]
for theirs, text in rows:
    found += [f"{theirs}: {option} is no option of fanfold" for option in options_of(text) if option not in names]
claim("every option that stands for one of GNU parallel's is there", found, len(rows))
