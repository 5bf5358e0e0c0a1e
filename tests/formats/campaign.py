#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random inputs through the chunker, judged by an oracle: campaign.py [OPTIONS] [FORMAT...]

A case is named FORMAT:SEED:NUMBER; `--seed SEED --from NUMBER --cases 1 FORMAT` makes it
again. The output is TAP, one claim a format.
"""

import argparse
import os
import random
import sys
import time
from pathlib import Path

import listed
import oracles
import real
from case import Case, DriverDied, ask, continuation, sprinkled
from inputs import MAKERS
from judge import judge, plan_of

ROOT = Path(__file__).resolve().parent.parent.parent
BATCH = 500
NAMES = [*MAKERS, "hopeless", "listed", "real"]
LISTED = 30  # cases of a format at most, as each is a process
SHOWN = 5  # failures of a format


def make(name, seed, number):
    """The case, and sometimes another input that follows it."""
    rng = random.Random(f"{name}:{seed}:{number}")
    case = sprinkled(rng, MAKERS[name](rng))
    case.name = f"{name}:{seed}:{number}"
    if rng.random() < 0.1 and not case.expected.error:
        return [case, continuation(rng, case)]
    return [case]


def find_killer(driver, cases):
    """The cases that the driver does not survive by themselves."""
    for case in cases:
        try:
            ask(driver, [case], seconds=60)
        except DriverDied as died:
            yield case, str(died)


def failures(driver, cases):
    """(case, what is wrong) of those that are wrong."""
    try:
        answers = ask(driver, cases)
    except DriverDied as died:
        killers = list(find_killer(driver, cases))
        return killers or [(cases[0], f"the driver died in this case or soon after: {died}")]
    judged = ((case, judge(case, answer)) for case, answer in zip(cases, answers))
    return [(case, wrong) for case, wrong in judged if wrong]


def run_format(options, name):
    """What fails."""
    first, last = options.start, options.start + options.cases
    found = []
    for begin in range(first, last, BATCH):
        numbers = range(begin, min(begin + BATCH, last))
        cases = [case for number in numbers for case in make(name, options.seed, number)]
        found += failures(options.driver, cases)
        if len(found) >= SHOWN:
            break
    return found


def run_listed(options):
    """What fails of a few cases of each format by fanfold-ventilator --dry-run."""
    found = []
    for name in MAKERS:
        for number in range(options.start, options.start + min(options.cases, LISTED)):
            case = listed.as_told(make(name, options.seed, number)[0])
            if not listed.can_be_listed(case):
                continue
            wrong = listed.judge_listed(options.program, case, plan_of(case))
            if wrong:
                found.append((case, wrong))
    return found


HOPELESS = (
    *(b"(a+)+b", b"(a|aa)+b", b"(a*)*$b", b"(.*)*x", b"(?:a?){60}a{60}b", b"(?:.*.*.*.*)+x", b"(?=(a+))\\1b", b"a+b"),
    *(b"(?:(?:a|a)+)+$b", b"(a+)+\\n\\n\\nb"),
)


def hopeless():
    """Expressions that take a matcher which backtracks more time than there is; none matches."""
    for data in (b"a" * 100 + b"-b", b"a" * 5000 + b"-b", b"a" * (3 << 20), (b"a" * 26 + b"-b\n") * 30000):
        for mark in HOPELESS:
            for where in ("start", "end"):
                name = f"hopeless {where} {mark.decode()}"
                yield Case(f"regexp {where}={mark.hex()}", data, oracles.whole, name=name)


def run_hopeless(options):
    """What neither cuts the input nor says that it cannot."""
    found = []
    for case in hopeless():
        try:
            answer = ask(options.driver, [case], seconds=60)[0]
        except DriverDied as died:
            found.append((case, str(died)))
            continue
        if answer.outcome == "broken" and "--regexp" not in answer.text:
            found.append((case, f"the error does not name it: {answer.text}"))
        if answer.outcome != "broken" and (wrong := judge(case, answer)):
            found.append((case, wrong))
    return found


def run_real(options, found):
    """What fails of the machine's own files; says which there are."""
    names = {}
    for case in real.cases(options.seed):
        names[f"{case.format or 'lines'}: {case.name}, {len(case.data) / 1e6:.1f} MB"] = len(case.expected.ends)
        found += failures(options.driver, [case])
    return [f"{name}, {records} records" for name, records in names.items()]


def report(number, claim, found, remarks):
    print(f"{'not ok' if found else 'ok'} {number} - {claim}")
    for remark in remarks:
        print(f"# {remark}")
    for case, wrong in sorted(found, key=lambda pair: len(pair[0].data))[:SHOWN]:
        for line in f"{wrong}\n{case.describe()}".splitlines():
            print(f"#   {line}")
    sys.stdout.flush()


def run(number, name, options):
    """One claim. False: it does not hold."""
    began, remarks = time.monotonic(), []
    if name == "real":
        found = []
        remarks = run_real(options, found)
        claim = "real files are cut as the oracles say"
    elif name == "listed":
        found = run_listed(options)
        claim = "the program's options are the formats that they name"
    elif name == "hopeless":
        found = run_hopeless(options)
        claim = "an expression that takes for ever is an error, or is none"
    else:
        found = run_format(options, name)
        claim = f"{name}: chunks are as the oracle says, {options.cases} cases"
    report(number, f"{claim}, --seed {options.seed}", found, [*remarks, f"{time.monotonic() - began:.1f} s"])
    return not found


def main():
    build = Path(os.environ.get("FANFOLD_BUILD", ROOT / "build"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000, help="of each format (2000)")
    parser.add_argument("--seed", type=int, default=None, help="(random, and printed)")
    parser.add_argument("--from", type=int, default=0, dest="start", metavar="NUMBER", help="the first case (0)")
    parser.add_argument("--driver", default=str(build / "tests/formats/driver"))
    parser.add_argument("--program", default=str(build / "ventilator/fanfold-ventilator"))
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=", ".join(NAMES))
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    names = options.formats or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"no format {', '.join(unknown)}; there are {', '.join(NAMES)}")
    print(f"1..{len(names)}")
    held = [run(number, name, options) for number, name in enumerate(names, 1)]
    return 0 if all(held) else 1


sys.exit(main())
