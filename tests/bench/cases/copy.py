# SPDX-License-Identifier: MIT
"""Bytes that only pass through."""

import shutil
import tempfile
from pathlib import Path

from measure.bench import ECHO, MIB, MIB_A_SECOND
from measure.contest import Contender
from measure.goal import Goal
from measure.outcome import Outcome

SHARED_MEMORY = Path("/dev/shm")


def parallel(block, *words):
    return ["parallel", "--will-cite", "-j2", "-k", "--block", block, *words, "cat"]


def copy(bench, outcome, source, target):
    plugin = bench.fanfold("--block", "1M", "--plugin", ECHO)
    contenders = [
        Contender("fanfold plugin, <IN >OUT", plugin),
        Contender("fanfold plugin, -i IN -o OUT", [*plugin, "-i", str(source), "-o", str(target)], writes=True),
        Contender("cat IN >OUT", ["cat", str(source)]),
        Contender("parallel --pipe -k --block 1M", parallel("1M", "--pipe"), ("parallel",)),
    ]
    bench.contest(outcome, contenders, source, MIB_A_SECOND, target=target)
    for ours in contenders[:2]:
        outcome.ratio(ours.name, contenders[2].name)
    outcome.ratio(contenders[0].name, contenders[3].name, Goal(at_least=7))
    return outcome


def copy_tmpfs(bench):
    """256 MiB from a file to a file, both in memory: a plugin that copies its chunk, cat, GNU parallel"""
    outcome = Outcome("copy-tmpfs", copy_tmpfs.__doc__)
    text = bench.text(256)
    if not SHARED_MEMORY.is_dir() or shutil.disk_usage(SHARED_MEMORY).free < 3 * text.stat().st_size:
        outcome.remark(f"skipped: {SHARED_MEMORY} has no room for {3 * text.stat().st_size // MIB} MiB")
        return outcome
    with tempfile.TemporaryDirectory(prefix="fanfold-bench-", dir=SHARED_MEMORY) as directory:
        source = Path(directory) / "in"
        shutil.copyfile(text, source)
        return copy(bench, outcome, source, Path(directory) / "out")


def copy_disk(bench):
    """256 MiB from a file to a file, on the disk of the build: a plugin that copies its chunk, cat, GNU parallel"""
    return copy(bench, Outcome("copy-disk", copy_disk.__doc__), bench.text(256), bench.target)


def copy_exec(bench):
    """256 MiB, a process of cat a chunk, of 1 MiB and of 16 MiB: fanfold, GNU parallel --pipe and --pipepart"""
    outcome = Outcome("copy-exec", copy_exec.__doc__)
    source = bench.text(256)
    goals = {"1M": Goal(at_least=4), "16M": None}
    contenders = []
    for block in goals:
        file = ("--pipepart", "-a", str(source))
        contenders += [
            Contender(f"fanfold --block {block}", bench.fanfold("--block", block, "--", "cat")),
            Contender(f"parallel --pipe -k --block {block}", parallel(block, "--pipe"), ("parallel",)),
            Contender(f"parallel --pipepart -k --block {block}", parallel(block, *file), ("parallel",)),
        ]
    bench.contest(outcome, contenders, source, MIB_A_SECOND)
    for block, goal in goals.items():
        outcome.ratio(f"fanfold --block {block}", f"parallel --pipe -k --block {block}", goal)
        outcome.ratio(f"fanfold --block {block}", f"parallel --pipepart -k --block {block}")
    return outcome
