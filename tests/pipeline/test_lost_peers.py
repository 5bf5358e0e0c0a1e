# SPDX-License-Identifier: MIT
"""Roles that were started by hand, one of which is killed: the ventilator says who is lost, and that it is back."""

import re
import signal

from resuming import size_of

LINES = b"".join(b"line %d\n" % number for number in range(200))
LOST = r"^fanfold-ventilator: lost the worker on \".+\" \(process %d\): .*; (\d) workers? (is|are) left$"


def test_a_worker_that_is_lost_is_named_and_so_is_its_return(case):
    gate = case.gate()
    command = ["--", "sh", "-c", f"echo >>begun; : <{gate.path}; cat"]
    ventilator = case.start("fanfold-ventilator", "--liveness", "2", "-N100", stdin=LINES)
    sink = case.start("fanfold-sink", "--liveness", "2")
    workers = [case.start("fanfold-worker", "-j1", "--liveness", "2", *command) for _ in range(2)]
    case.wait_for(lambda: size_of(case.path("begun")) == 2, "two programs")
    workers[0].signal(signal.SIGKILL)
    ventilator.wait_for_stderr(LOST % workers[0].pid)
    workers[1].signal(signal.SIGSTOP)
    ventilator.wait_for_stderr(r"^fanfold-ventilator: lost 2 workers, the last of them on .* \(process %d\): .*; 0 workers are left$" % workers[1].pid)
    ventilator.wait_for_stderr(r"^fanfold-ventilator: waiting for workers; lost so far: 2 workers, the last of them on ")
    workers[1].signal(signal.SIGCONT)
    gate.open()
    ventilator.expect(0)
    sink.expect(0)
    assert sink.output() == LINES
    workers[0].expect(137)


def test_a_sink_that_is_lost_is_said_once_and_so_is_its_return(case):
    gate = case.gate()
    case.file("input", LINES)
    ventilator = case.start("fanfold-ventilator", "-N100", "--resume", "-i", "input")
    sink = case.start("fanfold-sink", "-o", "out")
    worker = case.start("fanfold-worker", "-j1", "--", "sh", "-c", f"echo >>begun; : <{gate.path}; cat")
    case.wait_for(lambda: size_of(case.path("begun")) > 0, "a program")
    sink.signal(signal.SIGKILL)
    sink.expect(137)
    ventilator.wait_for_stderr(r"^fanfold-ventilator: lost the sink: no connection, or no word for too long; waiting for it, or for one ")
    sink = case.start("fanfold-sink", "-o", "out", "--resume")
    ventilator.wait_for_stderr(r"^fanfold-ventilator: the sink is back$")
    gate.open()
    for process in (ventilator, sink, worker):
        process.expect(0)
    assert case.path("out").read_bytes() == LINES
    assert len(re.findall("lost the sink", ventilator.stderr())) == 1, ventilator.stderr()
