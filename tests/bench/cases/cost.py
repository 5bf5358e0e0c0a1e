# SPDX-License-Identifier: MIT
"""What a run needs, and what its parts cost."""

import subprocess

from harness import assert_same, program_path
from measure.bench import ECHO, MIB, MIB_A_SECOND
from measure.by_hand import ByHand
from measure.contest import Contender
from measure.goal import Goal
from measure.outcome import Outcome
from processes import descendants, memory_of

SAMPLE_S = 0.02
WINDOWS = (4096, 16)


def peak_of(command, source, target):
    """MiB of all processes: proportional size, so that shared memory counts once; sampled."""
    peak = 0
    with open(source, "rb") as stdin, open(target, "wb") as stdout:
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout)
        while process.poll() is None:
            peak = max(peak, memory_of(descendants(process.pid))[1])
            try:
                process.wait(SAMPLE_S)
            except subprocess.TimeoutExpired:
                continue
    assert process.returncode == 0, command
    return peak / MIB


def memory(bench):
    """Memory of all processes together while a plugin copies 64 MiB, 256 MiB and 1 GiB in chunks of 1 MiB, with two windows"""
    outcome = Outcome("memory", memory.__doc__)
    sources = [bench.text(mib) for mib in (64, 256, 1024)] if not bench.size_mib else [bench.text(0)]
    for _ in range(bench.rounds):
        for window in WINDOWS:
            for source in sources:
                command = bench.fanfold("--block", "1M", "--window", window, "--plugin", ECHO)
                name = f"fanfold --window {window}, {source.stat().st_size // MIB} MiB"
                outcome.add(name, "MiB", peak_of(command, source, bench.target))
                assert_same(bench.target, source)
    if len(sources) == 3:
        for window in WINDOWS:
            outcome.ratio(f"fanfold --window {window}, 1024 MiB", f"fanfold --window {window}, 256 MiB", Goal(at_least=0.9))
    return outcome


def keyed(bench, outcome, source):
    """By hand over tcp, with keys and without: MiB a second, of wall time and of processor time."""
    keys = bench.directory / "keys"
    if not keys.exists():
        subprocess.run([program_path("fanfold-keygen"), keys], check=True, stdout=subprocess.DEVNULL)
    mib = source.stat().st_size / MIB
    for name, common in (("no keys", ["--insecure"]), ("keys", ["--keys", keys])):
        with ByHand(bench.directory, 2, ["--block", "1M"], ["-j1", "--plugin", ECHO], common) as run:
            spent = run.run(source, bench.target)
        assert_same(bench.target, source)
        outcome.add(f"fanfold, tcp, {name}", "MiB/s", mib / spent.seconds)
        outcome.add(f"fanfold, tcp, {name}: processor", "MiB/CPU s", mib / (spent.user + spent.system))


def parts(bench):
    """What the journal costs (a run over -o FILE has one, a run to a pipe none), and keys over tcp"""
    outcome = Outcome("parts", parts.__doc__)
    source = bench.text(256)
    plugin = bench.fanfold("--block", "1M", "-i", source, "--plugin", ECHO)
    contenders = [
        Contender("fanfold -o OUT, a journal", [*plugin, "-o", str(bench.target)], writes=True),
        Contender("fanfold >OUT, no journal", plugin),
    ]
    bench.contest(outcome, contenders, source, MIB_A_SECOND)
    for _ in range(bench.rounds):
        keyed(bench, outcome, source)
    outcome.ratio(contenders[0].name, contenders[1].name)
    outcome.ratio("fanfold, tcp, keys", "fanfold, tcp, no keys")
    outcome.ratio("fanfold, tcp, keys: processor", "fanfold, tcp, no keys: processor")
    return outcome
