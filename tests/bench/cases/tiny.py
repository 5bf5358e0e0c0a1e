# SPDX-License-Identifier: MIT
"""Tasks that are too small to be worth one: what a task costs."""

import contextlib
import socket
import subprocess

from harness import wait_for
from measure.bench import ECHO, LINES_A_SECOND, MIB_A_SECOND, TASKS_A_SECOND
from measure.by_hand import ByHand, NotJoined
from measure.contest import Contender, same_lines
from measure.goal import Goal
from measure.outcome import Outcome
from measure.peer import missing, path_of

FEW = 300  # for those that start a process a task, or take a millisecond for one
WORKERS = (2, 20, 100, 400)
PLUGIN, EXEC = "fanfold plugin, -N 1", "fanfold -N 1 -- cat"


def can_connect(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def gearman(bench, outcome):
    """A server and two workers that run cat a task; yields the client's words, or None."""
    if absent := missing(["gearmand", "gearman"]):
        for text in absent:
            outcome.remark(text)
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = bench.directory / "gearmand.log"
    at = ["-h", "127.0.0.1", "-p", str(port)]
    processes = [subprocess.Popen([path_of("gearmand"), "-L", "127.0.0.1", "-p", str(port), "-l", str(log)])]
    try:
        wait_for(lambda: can_connect(port), "gearmand")
        processes += [subprocess.Popen(["gearman", *at, "-w", "-f", "copy", "--", "cat"]) for _ in range(2)]
        yield ["gearman", *at, "-n", "-f", "copy"]
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()


def tiny(bench):
    """Tasks of one line each: a plugin against functions in Python, which have no process to start; below, a process a task"""
    outcome = Outcome("tiny", tiny.__doc__)
    source = bench.text(8)
    few = bench.head(source, FEW)
    contenders = [
        Contender(PLUGIN, bench.fanfold("-N", 1, "--plugin", ECHO)),
        Contender("joblib, its own batches", bench.python("joblib"), ("joblib",)),
        Contender("Pool.imap, chunksize 1", bench.python("pool", 1)),
        Contender("Pool.imap, chunksize 1000", bench.python("pool", 1000)),
        Contender("dask.distributed", bench.python("dask"), ("distributed",), source=few),
        Contender(EXEC, bench.fanfold("-N", 1, "--", "cat"), source=few),
        Contender("parallel --pipe -k -N 1", ["parallel", "--will-cite", "-j2", "--pipe", "-k", "-N1", "cat"], ("parallel",), source=few),
        Contender("xargs -P 2, no order", ["xargs", "-P2", "-d", r"\n", "-n1", "echo"], ("xargs",), source=few, check=same_lines),
    ]
    with gearman(bench, outcome) as client:
        if client:
            contenders.append(Contender("gearman, one after another", client, source=few, check=same_lines))
        bench.contest(outcome, contenders, source, TASKS_A_SECOND)
    outcome.figure(PLUGIN, Goal(at_least=100000))
    for peer in contenders[1:5]:
        outcome.ratio(PLUGIN, peer.name)
    for peer in contenders[6:]:
        outcome.ratio(EXEC, peer.name)
    return outcome


def modes(bench):
    """What a chunk costs in each mode, by its size: 1 line, 100 lines, 1 MiB; the program gives its chunk back"""
    outcome = Outcome("modes", modes.__doc__)
    whole = bench.text(64)
    programs = {
        "exec": ["--", "cat"],
        "lines": ["--mode", "lines", "--", "cat"],
        "frames": ["--mode", "frames", "--", *bench.python("serve", 0)],
        "plugin": ["--plugin", ECHO],
    }
    for size, chunk, lines, rate in (
        ("1 line", ["-N", 1], 100000, TASKS_A_SECOND),
        ("100 lines", ["-N", 100], 500000, LINES_A_SECOND),
        ("1 MiB", ["--block", "1M"], None, MIB_A_SECOND),
    ):
        source = bench.head(whole, lines) if lines else whole
        few = bench.head(whole, 20 * FEW if size == "100 lines" else FEW) if lines else None
        contenders = [
            Contender(f"fanfold {mode}, {size}", bench.fanfold(*chunk, *words), source=few if mode == "exec" else None)
            for mode, words in programs.items()
        ]
        bench.contest(outcome, contenders, source, rate)
        for mode in ("exec", "lines", "frames"):
            outcome.ratio(f"fanfold plugin, {size}", f"fanfold {mode}, {size}")
    return outcome


def workers(bench):
    """Tasks of one line each, by 2, 20, 100 and 400 real workers on this machine, started by hand; and the kernel's share"""
    outcome = Outcome("workers", workers.__doc__)
    source = bench.text(8)
    expected = source.read_bytes()
    count = expected.count(b"\n")
    for _ in range(bench.rounds):
        for number in (number for number in WORKERS if number <= bench.most_workers):
            try:
                with ByHand(bench.directory, number, ["-N", "1"], ["-j1", "--plugin", ECHO]) as run:
                    spent = run.run(source, bench.target, hold=True)
            except NotJoined as late:
                outcome.remark(str(late))
                break  # nor would more of them
            assert bench.target.read_bytes() == expected, "the output is another"
            outcome.add(f"fanfold, {number} workers", "tasks/s", count / spent.seconds)
            outcome.add(f"fanfold, {number}: user", "us/task", 1e6 * spent.user / count)
            outcome.add(f"fanfold, {number}: system", "us/task", 1e6 * spent.system / count)
            outcome.add(f"fanfold, {number}: switches", "per task", spent.switches / count)
    for number in WORKERS[1:]:
        outcome.ratio(f"fanfold, {number} workers", f"fanfold, {WORKERS[0]} workers")
    return outcome
