#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each option that the README offers in place of one of GNU parallel's is one of fanfold's."""

import re
import subprocess

from tree import BUILD, claim, skip, text_of

TITLE = "## GNU parallel's options for pipes"
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[A-Za-z0-9](?![\w-]))")


def table():
    """Its rows: (GNU parallel's, ours, why)."""
    section = text_of("README.md").partition(TITLE)[2].partition("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def options_of(cell):
    """Those of fanfold: the words of a command that a recipe has are its own."""
    for code in re.findall(r"`([^`]*)`", cell):
        yield from OPTION.findall(re.sub(r"'.*'", "", code))


programs = [path for path in BUILD.rglob("fanfold") if path.is_file()] if BUILD else []
if not programs:
    skip("there is no fanfold in the build")
said = subprocess.run([programs[0], "--help"], capture_output=True, check=False, text=True).stdout
names = set(OPTION.findall(said))
rows = table()
found = [f"a row has {len(row)} cells: {row}" for row in rows if len(row) != 3]
for row in rows:
    offered = options_of(row[1]) if len(row) == 3 else []
    found += [f"{option} is no option of fanfold" for option in offered if option not in names]
claim("every option that stands for one of GNU parallel's is there", found, len(rows))
