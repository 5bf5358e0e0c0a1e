#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The README has the two commands, and what it links to is there."""

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
claim("the README has the two commands and no dead link", found, 1)
