#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts what `meson test` ran: tally.py BUILD STATUS NAMED SUITE... [-SUITE]...

Prints "PASSED FAILED SKIPPED", single test cases: each line of a program that speaks TAP,
one for any other. A line for each skipped case follows, "skipped: NAME: REASON", and one for
each that waited in vain and was tried again (conftest.py), "tried again: NAME: WHAT". On
standard error: what the programs said that failed.

What is wrong beyond the cases is a failure too: a program that ended badly although its
cases passed (a leak), a test that left no result, a suite of which nothing ran, and a status
of meson's that none of these explains. NAMED is how many tests were asked for by name: then
not every suite has to run. Tests that are in a -SUITE as well are not missed.

Ends with status 1 where it cannot tell.
"""

import json
import re
import sys
from pathlib import Path

CASE = re.compile(
    r"^(?P<not>not )?ok\b\s*\d*[\s-]*(?P<name>[^#]*)(#\s*(?P<directive>SKIP|TODO)\S*\s*(?P<reason>.*))?", re.I
)
GOOD_NEWS = re.compile(r"ok |1\.\.\d+$|# [\d.]+ s$|\s*$")
TAIL_LINES = 100
SKIPS_ALL = re.compile(r"^1\.\.0\b(\s*#\s*SKIP\S*\s*(?P<reason>.*))?", re.M)
GOOD = {"OK", "EXPECTEDFAIL"}


def say(text):
    print(f"tests/run: {text}", file=sys.stderr)


def count_cases(output):
    """(passed, failed, skipped) of a TAP stream."""
    passed = failed = skipped = 0
    for line in (output or "").splitlines():
        case = CASE.match(line)
        if not case:
            continue
        if case["directive"]:
            skipped += 1
        elif case["not"]:
            failed += 1
        else:
            passed += 1
    return passed, failed, skipped


def count_result(result, speaks_tap):
    """(passed, failed, skipped) of one entry of the log."""
    verdict = result["result"]
    if not speaks_tap:
        return (verdict in GOOD, verdict not in GOOD | {"SKIP"}, verdict == "SKIP")
    passed, failed, skipped = count_cases(result["stdout"])
    if verdict == "SKIP" and (skipped or SKIPS_ALL.search(result["stdout"] or "")):
        return passed, failed, max(skipped, 1)
    if verdict not in GOOD and failed == 0:
        say(f"{result['name']}: {verdict}, although no case failed")
        failed = 1
    if passed + failed + skipped == 0:
        say(f"{result['name']}: no case in its output")
        failed = 1
    return passed, failed, skipped


def skips_of(result):
    """A line for each skipped case; one for a program that skipped all."""
    output = result["stdout"] or ""
    cases = [case for case in map(CASE.match, output.splitlines()) if case and case["directive"]]
    skips = [(f"{result['name']}: {case['name'].strip()}", case["reason"]) for case in cases]
    if not skips and result["result"] == "SKIP":
        whole = SKIPS_ALL.search(output)
        skips = [(result["name"], whole["reason"] if whole else None)]
    return [f"{name}: {reason or 'no reason given'}" for name, reason in skips]


def tried_again(result):
    """A line for each case that waited in vain, and was tried again."""
    lines, name = [], ""
    for line in (result["stdout"] or "").splitlines():
        if case := CASE.match(line):
            name = case["name"].strip()
        elif line.startswith("# tried again: "):
            lines.append(f"{result['name']}: {name}: {line.partition(': ')[2]}")
    return lines


def show(result):
    """What a program said that failed, less its good news."""
    print(f"---- {result['name']}: {result['result']}", file=sys.stderr)
    said = (result["stdout"] or "") + (result.get("stderr") or "")
    lines = [line for line in said.splitlines() if not GOOD_NEWS.match(line)]
    if len(lines) > 2 * TAIL_LINES:
        lines[TAIL_LINES:-TAIL_LINES] = ["[...]"]
    for line in lines:
        print(f"    {line}", file=sys.stderr)


def read_tests(build, suites, without):
    """The tests of these suites, less those of the others: name -> (suites, protocol)."""
    tests = {}
    for test in json.loads((build / "meson-info/intro-tests.json").read_text()):
        own = {name.split(":")[-1] for name in test["suite"]}
        if own & set(suites) and not own & set(without):
            if test["name"] in tests:
                raise ValueError(f"two tests are called {test['name']}")
            tests[test["name"]] = (own, test["protocol"])
    return tests


def read_results(build):
    log = build / "meson-logs/testlog.json"
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line) for line in lines]


def main():
    build, status, named = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    suites = [word for word in sys.argv[4:] if not word.startswith("-")]
    tests = read_tests(build, suites, [word[1:] for word in sys.argv[4:] if word.startswith("-")])
    notes = []
    totals = [0, 0, 0]
    ran = {suite: 0 for suite in suites}
    seen = set()
    for result in read_results(build):
        name = result["name"].split(" / ", 1)[-1]
        own, protocol = tests[name]
        seen.add(name)
        result["name"] = name
        counts = count_result(result, protocol == "tap")
        notes += [f"skipped: {line}" for line in skips_of(result)]
        notes += [f"tried again: {line}" for line in tried_again(result)]
        if counts[1] > 0:
            show(result)
        totals = [total + count for total, count in zip(totals, counts)]
        for suite in own & set(suites):
            ran[suite] += counts[0] + counts[1]
    if not named:
        for name in sorted(tests.keys() - seen):
            say(f"{name}: no result")
            totals[1] += 1
        for suite in (suite for suite in suites if ran[suite] == 0):
            say(f"suite {suite}: nothing ran")
            totals[1] += 1
    if status != 0 and totals[1] == 0:
        say(f"meson test ended with status {status}, although nothing failed")
        totals[1] += 1
    print(*totals)
    print(*notes, sep="\n")


main()
