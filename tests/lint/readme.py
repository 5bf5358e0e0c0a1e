#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Documents are right about what they name.

The README has the two commands; links lead to files and pages that there are; each guarantee names tests that there are;
each message that is explained is one that a program prints.
"""

import os
import re

from tree import ROOT, claim, files, skip, text_of

COMMANDS = ("deploy/quickstart", "tests/run")
GUARANTEES = "deploy/man/fanfold-guarantees.7"
MESSAGES = "deploy/man/fanfold-troubleshooting.7"
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PAGE = re.compile(r"^\.Xr (fanfold[\w-]*) (\d)", re.M)
PARTS = ("seen", "guaranteed", "tests")
# Not files of tests/pipeline, but suites.
SUITES = ("sim seeds", "chaos runs")


def dead_links(path):
    """Of a Markdown file, from where it is."""
    for name in LINK.findall(text_of(path)):
        if not (ROOT / path.parent / name).exists():
            yield f"{path} links to {name}, which is not there"


def dead_pages(path):
    """Pages of ours that a manual refers to."""
    for name, section in PAGE.findall(text_of(path)):
        if not (ROOT / "deploy/man" / f"{name}.{section}").exists():
            yield f"{path} refers to {name}({section}), which is not there"


def faults(page):
    """(fault, {part: text}) of each entry."""
    for fault, parts in re.findall(r"^\.It (.*)\n\.Bl -tag .* -compact\n(.*?)^\.El$", page, re.M | re.S):
        yield fault, dict(re.findall(r"^\.It (\w+)\n((?:(?!\.It ).*\n)*)", parts, re.M))


def wrong_tests(fault, text):
    """`test_FILE: NAME, NAME; test_FILE; SUITE`"""
    groups = [" ".join(group.split()) for group in text.split(";")]
    if not any(re.match(r"test_\w+", group) for group in groups):
        yield f"{fault} names no test"
    for group in groups:
        file, _, names = group.partition(": ")
        path = ROOT / "tests" / "pipeline" / f"{file}.py"
        if group in SUITES:
            continue
        if not path.exists():
            yield f"{fault}: there is no {file}"
            continue
        there = path.read_text(encoding="utf-8")
        for name in filter(None, names.split(", ")):
            if not re.search(rf"^def test_{name}\(", there, re.M):
                yield f"{fault}: {file} has no test {name}"


def wrong_faults():
    if not (ROOT / GUARANTEES).exists():
        return
    found = list(faults(text_of(GUARANTEES)))
    if not found:
        yield f"{GUARANTEES} has no fault"
    for fault, parts in found:
        yield from (f"{fault} has no {part}" for part in PARTS if not parts.get(part, "").strip())
        yield from wrong_tests(fault, parts.get("tests", ""))


def literals():
    """The texts in the programs' sources; what the preprocessor puts between two of them parts them."""
    sources = [path for path in files(".c") if path.parts[0] != "tests"]
    joined = (re.sub(r'"\s*\n\s*"', "", text_of(path)) for path in sources)
    return [text for source in joined for text in re.findall(r'"((?:[^"\\\n]|\\.)*)"', source)]


def wrong_messages():
    """A message is in its title, with words in capitals for what differs from one to the next."""
    if not (ROOT / MESSAGES).exists():
        return
    known = literals()
    titles = re.findall(r"^\.It (.*)", text_of(MESSAGES), re.M)
    if not titles:
        yield f"{MESSAGES} has no message"
    for title in titles:
        plain = re.sub(r"\bSy |Ns |\\&", "", title).replace(r"\(dq", r"\"").replace(r"\-", "-")
        for part in re.split(r"Ar [A-Z]+|\.\.\.", plain):
            if part.strip() and not any(part.strip() in text for text in known):
                yield f"{MESSAGES}: no program prints: {part.strip()}"


if not (ROOT / "README.md").exists():
    skip("there is no README.md")
text = text_of("README.md")
wrong = [f"README.md does not name {command}" for command in COMMANDS if command not in text]
wrong += [f"{command} cannot be run" for command in COMMANDS if not os.access(ROOT / command, os.X_OK)]
documents = files(".md")
wrong += [line for path in documents for line in dead_links(path)]
wrong += [line for path in files(".1", ".7") for line in dead_pages(path)]
wrong += wrong_faults()
wrong += wrong_messages()
claim("commands, links, tests and messages that documents name are there", wrong, len(documents))
