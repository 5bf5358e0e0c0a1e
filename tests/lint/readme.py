#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The README has the two commands, and what it links to and what tests it names are there."""

import os
import re

from tree import ROOT, claim, skip, text_of

COMMANDS = ("deploy/quickstart", "tests/run")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")

if not (ROOT / "README.md").exists():
    skip("there is no README.md")
text = text_of("README.md")
found = [f"README.md does not name {command}" for command in COMMANDS if command not in text]
found += [f"{command} cannot be run" for command in COMMANDS if not os.access(ROOT / command, os.X_OK)]
found += [f"README.md links to {name}, which is not there" for name in LINK.findall(text) if not (ROOT / name).exists()]
for file, names in re.findall(r"`(test_\w+)`: ((?:`\w+`(?:, )?)+)", text):
    path = ROOT / "tests" / "pipeline" / f"{file}.py"
    there = path.read_text() if path.exists() else ""
    found += [f"{file} has no test {name}" for name in re.findall(r"`(\w+)`", names) if f"def {name}(" not in there]
claim("the README has the two commands, no dead link, and names tests that there are", found, 1)
