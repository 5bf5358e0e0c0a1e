#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The table of options, each program's --help, its parser and its man page have the same options.

That the launcher passes each on to the roles that have it, the unit test `arguments` shows.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from tree import BUILD, ROOT, claim, files, skip, text_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "common" / "options"))

# pylint: disable=wrong-import-position
from generate import page as page_of_table
from table import PROGRAMS, Mistake, read_table

TABLE = "common/options/options.ini"
IN_HELP = re.compile(r"^ {2,6}(-.*?)(?:  |$)", re.M)  # the column of the names
NAME = re.compile(r"(?:^|, )(-\w|--[a-z][a-z-]*)")
ITEM = re.compile(r"^\.It Fl .*", re.M)
IN_PAGE = re.compile(r"\bFl (-?[A-Za-z0-9][a-z-]*)")
ARGPS = {"--help", "--usage", "-V", "--version"}  # which argp adds
DURATIONS = ("1500000us", "1500ms", "1.5s", "1.5", "0.025m", "0.01h", "1d", "1m500ms")
NO_DURATIONS = ("", "1.5x", "1mss", "5 s", "-1s", "1e3s", "99999999999999d")
OPEN = os.open(os.devnull, os.O_RDWR)  # every program that is tried has it
VALUES = {
    "SIZE|auto": "1M",
    "DIR": "/",
    "ENDPOINT": "ipc:///x",
    "FD": str(OPEN),
    "FORMAT": "csv",
    "LEVEL": "warn",
    "MODE": "exec",
    "SIZE": "1M",
    "WHAT": "stop",
    "WHEN": "never",
    "SIZE|DURATION": "1M",
    "result|record|tagged": "result",
    "zstd|lz4": "lz4",
}


def run(program, *words):
    return subprocess.run([program, *words], capture_output=True, check=False, text=True, pass_fds=(OPEN,))


def program_of(name):
    """None where the build has no such program."""
    return next((path for path in BUILD.rglob(name) if path.is_file()), None)


def options_of_help(program):
    return {option for names in IN_HELP.findall(run(program, "--help").stdout) for option in NAME.findall(names)}


def options_of_page(page):
    return {f"-{name}" for item in ITEM.findall((ROOT / page).read_text()) for name in IN_PAGE.findall(item)}


def options_of_table(options, program):
    names = [name for option in options if not option.hidden for name in option.names_in(program)]
    return {f"-{letter}" for letter, _ in names if letter} | {f"--{name}" for _, name in names}


def parser_findings(options, program):
    """An option without a case in the parser: argp says so before it comes to --help."""
    for option in options:
        word = f"--{option.name}" + (f"={VALUES.get(option.value, 1)}" if option.value else "")
        said = run(program, word, "--help")
        if said.returncode != 0:
            yield f"{program.name}: does not take {word}: {said.stderr.splitlines()[0]}"


def duration_findings(options, program, known):
    """Each duration takes each unit, and refuses what is none. The launcher leaves the second to the roles."""
    for option in options:
        form = option.duration()
        right, wrong = (DURATIONS, NO_DURATIONS if known != "launcher" else ()) if form else ((), ())
        for value in (*right, *wrong):
            word = f"--{option.name}={(form or '').format(value)}"
            if (run(program, word, "--help").returncode == 0) != (value in right):
                yield f"{program.name}: {'does not take' if value in right else 'takes'} {word}: is it read by options_duration_us?"


def table_findings(options, page, program):
    """Nothing for a program that the table does not have."""
    known = {name: part for part, name in PROGRAMS.items()}.get(program.name)
    if known is None:
        return
    own = [option for option in options if option.is_of(known)]
    listed, helped = options_of_table(own, known), options_of_help(program) - ARGPS
    for option in sorted(listed ^ helped):
        yield f"{program.name}: {option} is {'in the table but not in --help' if option in listed else 'not in the table'}"
    yield from parser_findings(own, program)
    yield from duration_findings(own, program, known)
    if page_of_table(options, known, text_of(page)) != text_of(page):
        yield f"{page}: is not as the table has it: run common/options/generate.py pages"


def check(options, page):
    program = program_of(page.stem)
    if program is None:
        return [f"{page}: there is no such program"]
    helped, described = options_of_help(program), options_of_page(page)
    return [
        *(f"{page}: says nothing of {option}" for option in sorted(helped - described)),
        *(f"{page}: {option} is no option of the program" for option in sorted(described - helped)),
        *table_findings(options, page, program),
    ]


pages = files(".1")
if not pages or not (ROOT / TABLE).exists():
    skip("there are no man pages, or there is no table of options")
try:
    table = read_table(ROOT / TABLE)
    found = [line for page in pages for line in check(table, page)]
except Mistake as mistake:
    found = [f"{TABLE}: {mistake}"]
claim("the table of options, --help, the parsers and the man pages have the same options", found, len(pages))
