#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The README's recipes run as they are printed."""

import gzip
import random
import re

from harness import ROOT, build_directory, run_tests, test

RECIPES = 18
RECIPE = re.compile(r"^\*\*(\d+)\. .*?^```sh\n(.*?)^```", re.M | re.S)


def recipes():
    found = dict(RECIPE.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert len(found) == RECIPES, f"{len(found)} recipes with a block of sh, not {RECIPES}"
    return found


def sample_files(case):
    """The files that the recipes speak of."""
    chance = random.Random(1)
    codes = ["200"] * 9 + ["500"]
    log = "".join(
        f"10.0.0.{chance.randrange(256)} GET /{n} {chance.choice(codes)} {chance.randrange(1000)}\n"
        for n in range(100000)
    ).encode()
    case.file("access.log", log)
    case.file("access.log.gz", gzip.compress(log, 1))
    corpus = case.text(4 << 20).read_bytes()
    case.file("corpus.txt", corpus)
    sizes = "".join(f"name{n},{chance.randrange(1000)}\n" for n in range(100000))
    case.file("sizes.csv", b"name,size\n" + sizes.encode())
    words = sorted({word for word in re.findall(rb"[a-z]{7,}", corpus[:200000])})
    case.file("names.txt", b"".join(word + b"\n" for word in words[:50]))
    reads = "".join(f"@r{n}\n{'ACGT' * chance.randrange(1, 30)}\n+\n{'I' * 9}\n" for n in range(5000))
    case.file("reads.fastq", reads.encode())


def expect(case, number):
    """What a single process makes of the same input."""
    by = {
        "1": ("slow.log", "awk '$NF > 900' access.log"),
        "3": ("errors.log", "grep ' 500 ' access.log"),
        "4": ("access.log.new.gz", "cat access.log.new.gz"),
        "7": ("lengths.txt", "awk 'NR % 4 == 2 { print length($0) }' reads.fastq"),
        "9": ("hits.txt", "grep -F -f names.txt corpus.txt"),
        "10": ("out.txt", "tr a-z A-Z < corpus.txt"),
        "11": ("upper.txt", "tr a-z A-Z < corpus.txt"),
        "13": ("good.txt", """awk '$3 != "/777" { print $NF }' access.log"""),
        "16": (
            "known.txt",
            "awk 'NR == FNR { n[$0]; next } { for (i = 1; i <= NF; i++) if ($i in n) { print; next } }' names.txt corpus.txt",
        ),
        "17": ("slow.txt", "awk '$NF > 900' access.log"),
        "14": ("sizes.txt", "sed 8d names.txt | while read -r name; do echo $((${#name} + 1)); done"),
        "18": ("large.csv", "awk -F, 'NR == 1 || $2 > 900' sizes.csv"),
    }.get(number)
    if by:
        alone = case.shell(by[1])
        assert alone.output(), f"recipe {number}: nothing to compare with"
        case.assert_same(case.path(by[0]), alone.stdout)


def expect_letters(case, number, printed):
    """What is not in the output is in the dead letters, and nothing else is."""
    if number == "11":
        assert not case.path("upper.txt.fanfold").exists(), "a complete run keeps its journal"
    if number == "12":
        alone = case.shell("awk '{ print $NF }' access.log | sort")
        both = case.shell("cat times.txt rest.txt | sort")
        assert both.output() == alone.output()
        assert 0 < len(case.path("rest.txt").read_bytes()) < 1 << 19
    if number == "13":
        assert printed == case.shell("sed -n 778p access.log").output(), printed[:200]
    if number in ("12", "13", "14"):
        letters = sorted(path.name for path in case.directory.glob("*.dead-letters/*"))
        assert letters == ["000001.input", "000001.json"], letters


def add(number):
    def recipe(case):
        sample_files(case)
        run = case.shell(
            # The system's Python, though another may come first otherwise.
            f"PATH=${{PATH/:/:/usr/bin:}}\n{recipes()[number]}",
            env={"EXAMPLES": str(build_directory() / "worker/examples")},
        )
        # Recipe 2 ends with head, which closes the pipe: the status of such a pipeline is 141.
        assert run.status in ((0, 141) if "head" in recipes()[number] else (0,)), run.status
        expect(case, number)
        expect_letters(case, number, run.output())
        if number in ("2", "5", "6"):
            assert run.output(), f"recipe {number} printed nothing"
        case.assert_no_leftovers()

    recipe.__name__ = f"recipe_{number}_of_the_readme_runs_as_it_is_printed"
    test(recipe)


for number in map(str, range(1, RECIPES + 1)):
    add(number)

run_tests()
