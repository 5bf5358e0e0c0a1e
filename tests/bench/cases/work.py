# SPDX-License-Identifier: MIT
"""Chunks with work in them."""

import gzip as gzip_file
import itertools
import shlex

from harness import assert_same
from measure.bench import MIB_A_SECOND, SECONDS
from measure.contest import Contender
from measure.by_hand import ByHand
from measure.outcome import Outcome

CHUNKS, LINES_A_CHUNK, PREPARATION_S = 1000, 100, 2
# Of the stragglers.
TASKS, TASK_S, TIMES, ONE_IN, SLOTS = 400, 0.04, 50, 100, 4


def gives(target, expected):
    """Decompressed, it is what was expected."""
    plain = target.with_name("plain")
    with gzip_file.open(target) as packed, open(plain, "wb") as file:
        while piece := packed.read(1 << 20):
            file.write(piece)
    assert_same(plain, expected)


def gzip(bench):
    """64 MiB through gzip, in two slots, against the two halves by hand at the same time, and pigz"""
    outcome = Outcome("gzip", gzip.__doc__)
    source = bench.text(64)
    half = source.stat().st_size // 2
    name, first, second = (shlex.quote(str(path)) for path in (source, bench.directory / "first", bench.directory / "second"))
    by_hand = f"head -c {half} {name} | gzip >{first} & tail -c +{half + 1} {name} | gzip >{second} & wait; cat {first} {second}"
    contenders = [
        Contender("fanfold -j2 -- gzip", bench.fanfold("--", "gzip"), check=gives),
        Contender("two halves by hand", ["sh", "-c", by_hand], check=gives),
        Contender("pigz -p 2", ["pigz", "-p2"], ("pigz",), check=gives),
    ]
    bench.contest(outcome, contenders, source, MIB_A_SECOND)
    for peer in contenders[1:]:
        outcome.ratio(contenders[0].name, peer.name)
    return outcome


def prepared(bench):
    """1,000 chunks for a function that takes 2 s to prepare: fanfold prepares once and forks, a Pool prepares in each process"""
    outcome = Outcome("prepared", prepared.__doc__)
    source = bench.head(bench.text(8), CHUNKS * LINES_A_CHUNK)
    frames = bench.fanfold("-N", LINES_A_CHUNK, "--mode", "frames", "--", *bench.python("serve", PREPARATION_S))
    contenders = [
        Contender("fanfold --mode frames", frames),
        Contender("Pool with initializer", bench.python("pool-prepared", PREPARATION_S)),
    ]
    bench.contest(outcome, contenders, source, SECONDS)
    outcome.ratio(contenders[0].name, contenders[1].name)
    return outcome


def scheduled(durations, slots):
    """Seconds, where each task in turn goes to the slot that is free first, and that costs nothing."""
    ends = [0.0] * slots
    for duration in durations:
        first = ends.index(min(ends))
        ends[first] += duration
    return max(ends)


def stragglers(bench):
    """400 tasks of 40 ms at 4 workers; the first attempt of one in 100 takes 50 times as long, of the last one too"""
    outcome = Outcome("stragglers", stragglers.__doc__)
    source = bench.directory / "numbers"
    source.write_text("".join(f"{number}\n" for number in range(TASKS)))
    durations = [TASK_S * (TIMES if number % ONE_IN == ONE_IN - 1 else 1) for number in range(TASKS)]
    ideal = scheduled(durations, SLOTS)
    directories = itertools.count()
    for _ in range(bench.rounds):
        for words in ([], ["--speculate"]):
            tried = bench.directory / f"tried-{next(directories)}"
            tried.mkdir()
            slow = f'[ $((n % {ONE_IN})) = {ONE_IN - 1} ] && mkdir "$0/$n" 2>/dev/null && t={TASK_S * TIMES:g}'
            script = f"read n; t={TASK_S:g}; {slow}; sleep $t; echo $n"
            command = ["-j1", "--", "sh", "-c", script, tried]
            with ByHand(bench.directory, SLOTS, ["-N", "1", *words], command) as run:
                spent = run.run(source, bench.target)
            assert_same(bench.target, source)
            outcome.add(" ".join(["fanfold", *words]), "s", spent.seconds)
        outcome.add("no attempt is slow, computed", "s", scheduled([TASK_S] * TASKS, SLOTS))
        outcome.add("ideal schedule, computed", "s", ideal)
    for ours in ("fanfold --speculate", "fanfold"):
        outcome.ratio(ours, "ideal schedule, computed")
    return outcome
