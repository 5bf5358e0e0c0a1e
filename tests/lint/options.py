#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each program's --help and its man page have the same options."""

import re
import subprocess

from tree import BUILD, ROOT, claim, files, skip

IN_HELP = re.compile(r"^ {2,6}(-.*?)(?:  |$)", re.M)  # the column of the names
NAME = re.compile(r"(?:^|, )(-\w|--[a-z][a-z-]*)")
ITEM = re.compile(r"^\.It Fl .*", re.M)
IN_PAGE = re.compile(r"\bFl (-?[A-Za-z0-9][a-z-]*)")


def options_of_program(page):
    """None where the build has no such program."""
    programs = [path for path in BUILD.rglob(page.stem) if path.is_file()]
    if not programs:
        return None
    said = subprocess.run([programs[0], "--help"], capture_output=True, check=False, text=True).stdout
    return {option for names in IN_HELP.findall(said) for option in NAME.findall(names)}


def options_of_page(page):
    return {f"-{name}" for item in ITEM.findall((ROOT / page).read_text()) for name in IN_PAGE.findall(item)}


def check(page):
    program, described = options_of_program(page), options_of_page(page)
    if program is None:
        return [f"{page}: there is no such program"]
    return [
        *(f"{page}: says nothing of {option}" for option in sorted(program - described)),
        *(f"{page}: {option} is no option of the program" for option in sorted(described - program)),
    ]


pages = files(".1")
if not pages:
    skip("there are no man pages")
claim("--help and the man page have the same options", [line for page in pages for line in check(page)], len(pages))
