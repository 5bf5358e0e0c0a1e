# SPDX-License-Identifier: MIT
"""File systems that stall for longer than the liveness time, and than patience: nobody counts as dead, nothing is
charged, the output is right, and somebody says what is being waited for."""

import contextlib
import re

from keyed import make_keys, start_sink, start_ventilator, start_worker
from stalling import stalling

LIVENESS = ["--liveness", "1s", "--patience", "5s"]
LINES = b"".join(b"the line of number %d\n" % number for number in range(4000))
# Chunks from the twentieth on wait for the gate.
HELD = ["--", "sh", "-c", 'test "$FANFOLD_SEQ" -lt 20 || : <"$GATE"; cat']


class Run:
    """The three programs, each by itself, with an output that has stood still at chunk 20."""

    def __init__(self, case, output, *sink_words, ventilator_words=()):
        self.case = case
        self.gate = case.gate()
        env = {"GATE": str(self.gate)}
        at = case.endpoints()
        self.sink = case.start("fanfold-sink", *at, *LIVENESS, "-o", output, *sink_words)
        self.worker = case.start("fanfold-worker", *at[:2], *LIVENESS, "-j2", *HELD, env=env)
        words = [*at[:2], *LIVENESS, "-N", "100", "--log-level", "debug", *ventilator_words]
        self.ventilator = case.start("fanfold-ventilator", *words, stdin=LINES)

    def expect_all_well(self, output, expected=LINES):
        for program in (self.ventilator, self.sink, self.worker):
            program.expect(0)
        assert output.read_bytes() == expected
        said = self.ventilator.stderr()
        assert re.search(r" retried=0 .* returned=0 failed=0 .* lost_sessions=0 ", said), said
        assert not self.worker.reasons(), self.worker.stderr()


def has_lines(path, count):
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes().count(b"\n") >= count
    return False


def test_an_output_whose_file_system_stalls_is_waited_for(case):
    with stalling(case) as disk:
        run = Run(case, disk.path / "out")
        case.wait_for(lambda: has_lines(disk.behind / "out", 2000), "the first chunks")
        disk.stall()
        run.gate.open()
        run.sink.wait_for_stderr(r"^fanfold-sink: waiting for the file system of \S+/out, which does not answer$")
        run.ventilator.wait_for_stderr(r" sink_stalled ms=(?:[7-9]\d{3}|\d{5}) for=")
        disk.go_on()
        run.expect_all_well(disk.behind / "out")
        run.sink.wait_for_stderr(r"^fanfold-sink: the file system of \S+/out answers again, after \d+ s$")


def test_a_spill_file_whose_file_system_stalls_is_waited_for(case):
    """All results but the first come, and there is no memory for them."""
    with stalling(case) as disk:
        output = case.path("out")
        script = 'test "$FANFOLD_SEQ" != 0 || : <"$GATE"; cat'
        HELD_FIRST = ["--", "sh", "-c", script]
        at, env = case.endpoints(), {"GATE": str(case.gate())}
        text = case.text(16 << 20)
        ventilator = case.start("fanfold-ventilator", *at[:2], *LIVENESS, "--buffer", "1M", "--block", "64K",
                                "--log-level", "debug", stdin=text)
        sink = case.start("fanfold-sink", *at, *LIVENESS, "-o", output, "--tmpdir", disk.path, "--log-level", "debug")
        sink.wait_for_stderr(r" phase is=RUNNING")
        disk.stall()
        worker = case.start("fanfold-worker", *at[:2], *LIVENESS, "-j2", *HELD_FIRST, env=env)
        sink.wait_for_stderr(r"^fanfold-sink: waiting for the file system of \S+/stalling, which does not answer$")
        ventilator.wait_for_stderr(r" sink_stalled ms=(?:[7-9]\d{3}|\d{5}) for=")
        case.gate().open()
        disk.go_on()
        for program in (ventilator, sink, worker):
            program.expect(0)
        case.assert_same(output, text)
        assert re.search(r" retried=0 .* failed=0 .* lost_sessions=0 ", ventilator.stderr()), ventilator.stderr()


def test_a_key_directory_whose_file_system_stalls_holds_nobody_up(case):
    """The run ends while it still stalls; only who is new would not be let in."""
    with stalling(case) as disk:
        behind = make_keys(case, "stalling-behind/keys")
        keys = disk.path / behind.name
        output, gate = case.path("out"), case.gate()
        ventilator, tasks = start_ventilator(
            case, "--keys", keys, *LIVENESS, "-N", "100", "--log-level", "info", stdin=LINES
        )
        sink = start_sink(case, tasks, "--keys", keys, *LIVENESS, "-o", output)
        worker = start_worker(case, tasks, "--keys", keys, *LIVENESS, *HELD, env={"GATE": str(gate)})
        case.wait_for(lambda: has_lines(output, 2000), "the first chunks")
        disk.stall()
        said = r" warn keys_unreadable directory=\S+ error=\"its file system does not answer\""
        ventilator.wait_for_stderr(said)
        sink.wait_for_stderr(said)
        gate.open()
        for program in (ventilator, sink, worker):
            program.expect(0)
        assert output.read_bytes() == LINES
        assert re.search(r" retried=0 .* lost_sessions=0 ", ventilator.stderr()), ventilator.stderr()
        disk.go_on()
        case.wait_for(lambda: not case.pids_of("fanfold-ventilator"), "its helper to end")


def test_a_job_log_whose_file_system_stalls_holds_only_the_end_up(case):
    """Workers and sink hear the ventilator all the time, and end before it."""
    with stalling(case) as disk:
        output = case.path("out")
        run = Run(case, output, ventilator_words=["--joblog", disk.path / "log"])
        case.wait_for(lambda: has_lines(output, 2000) and has_lines(disk.behind / "log", 10), "the first chunks")
        disk.stall()
        run.gate.open()
        run.sink.expect(0)
        run.worker.expect(0)
        said = r"^fanfold-ventilator: waiting for the file system of --joblog, which does not answer$"
        run.ventilator.wait_for_stderr(said)
        disk.go_on()
        run.expect_all_well(output)
        log = (disk.behind / "log").read_text().splitlines()
        assert sorted(int(line.split("\t")[0]) for line in log[1:]) == list(range(1, 41)), log
