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
from functools import partial
from pathlib import Path

import hopeless
import listed
import real
from case import DriverDied, ask, continuation, sprinkled
from inputs import MAKERS
from judge import judge, plan_of

ROOT = Path(__file__).resolve().parent.parent.parent
BATCH = 500
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


def judge_random(options, name):
    found = []
    for begin in range(options.start, options.start + options.cases, BATCH):
        numbers = range(begin, min(begin + BATCH, options.start + options.cases))
        cases = [case for number in numbers for case in make(name, options.seed, number)]
        found += failures(options.driver, cases)
        if len(found) >= SHOWN:
            break
    return f"{name}: chunks are as the oracle says, {options.cases} cases", found, []


def judge_listed(options):
    """A few cases of each format by fanfold-ventilator --dry-run."""
    found = []
    for name in MAKERS:
        for number in range(options.start, options.start + min(options.cases, LISTED)):
            case = listed.as_told(make(name, options.seed, number)[0])
            wrong = listed.can_be_listed(case) and listed.judge_listed(options.program, case, plan_of(case))
            if wrong:
                found.append((case, wrong))
    return "the program's options are the formats that they name", found, []


def judge_hopeless(options):
    """The input is cut, or it is said that it cannot be, and soon."""
    found = []
    for case in hopeless.cases():
        try:
            answer = ask(options.driver, [case], seconds=300)[0]
        except DriverDied as died:
            found.append((case, str(died)))
            continue
        if answer.outcome == "broken" and "--regexp" not in answer.text:
            found.append((case, f"the error does not name it: {answer.text}"))
        if answer.outcome != "broken" and (wrong := judge(case, answer)):
            found.append((case, wrong))
    return "an expression that takes for ever is an error, or does not", found, []


def judge_real(options):
    """The machine's own files; says which there are."""
    found, names = [], {}
    for case in real.cases(options.seed):
        names[f"{case.format}: {case.name}, {len(case.data) / 1e6:.1f} MB, {len(case.expected.ends)} records"] = True
        found += failures(options.driver, [case])
    return "real files are cut as the oracles say", found, list(names)


CLAIMS = {
    **{name: partial(judge_random, name=name) for name in MAKERS},
    "hopeless": judge_hopeless,
    "listed": judge_listed,
    "real": judge_real,
}


def report(number, name, options):
    """One claim. False: it does not hold."""
    began = time.monotonic()
    claim, found, remarks = CLAIMS[name](options)
    print(f"{'not ok' if found else 'ok'} {number} - {claim}, --seed {options.seed}")
    for remark in (*remarks, f"{time.monotonic() - began:.1f} s"):
        print(f"# {remark}")
    for case, wrong in sorted(found, key=lambda pair: len(pair[0].data))[:SHOWN]:
        for line in f"{wrong}\n{case.describe()}".splitlines():
            print(f"#   {line}")
    sys.stdout.flush()
    return not found


def main():
    build = Path(os.environ.get("FANFOLD_BUILD", ROOT / "build"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=2000, help="of each format (2000)")
    parser.add_argument("--seed", type=int, default=None, help="(random, and printed)")
    parser.add_argument("--from", type=int, default=0, dest="start", metavar="NUMBER", help="the first case (0)")
    parser.add_argument("--driver", default=str(build / "tests/formats/driver"))
    parser.add_argument("--program", default=str(build / "ventilator/fanfold-ventilator"))
    parser.add_argument("formats", nargs="*", metavar="FORMAT", help=", ".join(CLAIMS))
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    names = options.formats or list(CLAIMS)
    if unknown := set(names) - set(CLAIMS):
        parser.error(f"no format {', '.join(unknown)}; there are {', '.join(CLAIMS)}")
    print(f"1..{len(names)}")
    held = [report(number, name, options) for number, name in enumerate(names, 1)]
    return 0 if all(held) else 1


sys.exit(main())
