#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Random inputs through the chunker, checked by an oracle: campaign.py [OPTIONS] [FORMAT...]

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

import catastrophic_regex
import dry_run_driver
import real
from case import DriverDied, ask, continuation, randomized
from inputs import MAKERS
from checker import check, plan_of

ROOT = Path(__file__).resolve().parent.parent.parent
BATCH = 500
DRY_RUNS = 30  # cases of a format at most, as each is a process
SHOWN = 5  # failures of a format


def make(name, seed, number):
    """The case, and sometimes another input that follows it."""
    rng = random.Random(f"{name}:{seed}:{number}")
    case = randomized(rng, MAKERS[name](rng))
    case.name = f"{name}:{seed}:{number}"
    if rng.random() < 0.1 and not case.expected.error:
        return [case, continuation(rng, case)]
    return [case]


def find_killer(driver, cases):
    """The cases that end the driver, each given alone."""
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
    checked = ((case, check(case, answer)) for case, answer in zip(cases, answers))
    return [(case, wrong) for case, wrong in checked if wrong]


def check_random(options, name):
    found = []
    for begin in range(options.start, options.start + options.cases, BATCH):
        numbers = range(begin, min(begin + BATCH, options.start + options.cases))
        cases = [case for number in numbers for case in make(name, options.seed, number)]
        found += failures(options.driver, cases)
        if len(found) >= SHOWN:
            break
    return f"{name}: chunks are as the oracle says, {options.cases} cases", found, []


def check_dry_run(options):
    """A few cases of each format by fanfold-ventilator --dry-run."""
    found = []
    for name in MAKERS:
        for number in range(options.start, options.start + min(options.cases, DRY_RUNS)):
            case = dry_run_driver.as_the_program_cuts(make(name, options.seed, number)[0])
            wrong = dry_run_driver.can_be_run(case) and dry_run_driver.check(options.program, case, plan_of(case))
            if wrong:
                found.append((case, wrong))
    return "the program's options are the formats that they name", found, []


def check_catastrophic_regex(options):
    """The driver cuts the input, or soon says that it cannot."""
    found = []
    for case in catastrophic_regex.cases():
        try:
            answer = ask(options.driver, [case], seconds=300)[0]
        except DriverDied as died:
            found.append((case, str(died)))
            continue
        if answer.outcome == "broken" and "--regexp" not in answer.text:
            found.append((case, f"the error does not name it: {answer.text}"))
        if answer.outcome != "broken" and (wrong := check(case, answer)):
            found.append((case, wrong))
    return "an expression that takes for ever is an error, or does not", found, []


def check_real(options):
    """The machine's own files; says which there are."""
    found, names = [], {}
    for case in real.cases(options.seed):
        names[f"{case.format}: {case.name}, {len(case.data) / 1e6:.1f} MB, {len(case.expected.ends)} records"] = True
        found += failures(options.driver, [case])
    return "real files are cut as the oracles say", found, list(names)


CLAIMS = {
    **{name: partial(check_random, name=name) for name in MAKERS},
    "catastrophic-regex": check_catastrophic_regex,
    "dry-run": check_dry_run,
    "real": check_real,
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
