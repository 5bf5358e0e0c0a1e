# SPDX-License-Identifier: MIT
"""What a service manager, as systemd, hears of the programs: ready, alive, about to end."""

import signal
import socket

import pytest
from harness import Overdue

OWN = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
FAST = "100000"  # WATCHDOG_USEC: a sign of life every 50 ms


class Manager:
    """One that listens for one service, as systemd does."""

    def __init__(self, case, name):
        self.path = case.path(f"{name}.notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(str(self.path))
        self.case = case
        self.lines = []

    def start(self, program, *words, watchdog=None, **more):
        """The program as a service: WATCHDOG_PID is its own."""
        env = {"NOTIFY_SOCKET": str(self.path), **({"WATCHDOG_USEC": watchdog} if watchdog else {})}
        script = 'export WATCHDOG_PID=$$; exec "$0" "$@"' if watchdog else 'exec "$0" "$@"'
        return self.case.start("sh", "-c", script, program, *words, name=program, env=env, **more)

    def heard(self):
        """All lines so far."""
        try:
            while True:
                self.lines += self.socket.recv(4096).decode().splitlines()
        except BlockingIOError:
            return self.lines

    def wait_for(self, line, times=1):
        self.case.wait_for(lambda: self.heard().count(line) >= times, f"the service manager to hear {line!r} {times} times")

    def said_nothing_of(self, line):
        assert line not in self.heard(), self.heard()


@pytest.fixture
def manager(case):
    made = []

    def make(name):
        made.append(Manager(case, name))
        return made[-1]

    yield make
    for one in made:
        one.socket.close()


def ended_well(one):
    """Ready, then about to end, each said once."""
    states = [line for line in one.heard() if line in ("READY=1", "STOPPING=1")]
    assert states == ["READY=1", "STOPPING=1"], one.heard()


def test_each_role_is_ready_when_others_can_count_on_it(case, manager):
    """Sink and ventilator once they are bound; the worker not before it has joined."""
    sink, worker, ventilator = manager("sink"), manager("worker"), manager("ventilator")
    meet = case.endpoints()
    gate = case.gate()
    programs = [sink.start("fanfold-sink", *meet, "-o", "out")]
    sink.wait_for("READY=1")
    programs.append(worker.start("fanfold-worker", *meet[:2], "--", "sh", "-c", f"cat; : <{gate}"))
    worker.wait_for(f"STATUS=waiting for a ventilator at {meet[1]}")
    worker.said_nothing_of("READY=1")
    programs.append(ventilator.start("fanfold-ventilator", *meet[:2], "-N1", stdin=b"a\nb\n"))
    ventilator.wait_for("READY=1")
    worker.wait_for("READY=1")
    for one in (sink, worker, ventilator):
        one.said_nothing_of("STOPPING=1")
    gate.open()
    for program in programs:
        program.expect(0)
    for one in (sink, worker, ventilator):
        ended_well(one)
    assert case.path("out").read_bytes() == b"a\nb\n"


def test_a_worker_that_is_told_to_leave_says_so_while_its_chunk_still_runs(case, manager):
    one = manager("worker")
    meet = case.endpoints()
    gate = case.gate()
    others = [
        case.start("fanfold-sink", *meet, "-o", "out"),
        case.start("fanfold-ventilator", *meet[:2], stdin=b"a\n"),
    ]
    worker = one.start("fanfold-worker", *meet[:2], "--", "sh", "-c", f": >began; : <{gate}; cat")
    case.wait_for(case.path("began").exists, "the chunk to begin")
    worker.signal(signal.SIGTERM)
    one.wait_for("STOPPING=1")
    one.wait_for("STATUS=finishing the running chunks")
    assert worker.running()
    gate.open()
    worker.expect(0)
    ended_well(one)
    for other in others:
        other.expect(0)


@pytest.mark.parametrize("role", ["sink", "ventilator", "worker"])
def test_a_role_is_alive_as_long_as_its_loop_turns(case, manager, role):
    """It also gives signs of life when nothing happens, and none when it stands still."""
    one = manager(role)
    meet = case.endpoints()
    words = {"sink": [*meet, "-o", "out"], "ventilator": [*meet[:2], "-i", "in"], "worker": [*meet[:2], "--", "cat"]}
    case.file("in", b"a\n")
    program = one.start(f"fanfold-{role}", *words[role], watchdog=FAST)
    one.wait_for("WATCHDOG=1", times=3)
    program.signal(signal.SIGSTOP)
    case.wait_for(lambda: "T" in stat_of(program.pid), "the program to stop")
    one.heard().clear()
    with pytest.raises(Overdue):
        case.wait_for(one.heard, "a sign of life", deadline=0.3)
    program.signal(signal.SIGCONT)
    one.wait_for("WATCHDOG=1")
    program.signal(signal.SIGTERM)
    program.wait()
    assert one.heard().count("STOPPING=1") == 1, one.heard()


def stat_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


def test_who_watches_another_process_gets_no_signs_of_life(case, manager):
    one = manager("worker")
    meet = case.endpoints()
    env = {"NOTIFY_SOCKET": str(one.path), "WATCHDOG_USEC": FAST, "WATCHDOG_PID": "1"}
    worker = case.start("fanfold-worker", *meet[:2], "--", "cat", env=env)
    case.start("fanfold-sink", *meet, "-o", "out")
    case.run("fanfold-ventilator", *meet[:2], stdin=b"a\n").expect(0)
    worker.expect(0)
    ended_well(one)
    one.said_nothing_of("WATCHDOG=1")


FRAMES = """
import os, fanfold
fanfold.serve_records(lambda line, state: "\\n".join(f"{k}={v}" for k, v in os.environ.items()).encode())
"""


@pytest.mark.parametrize("mode", ["exec", "lines", "frames"])
def test_user_programs_cannot_speak_to_the_manager(case, manager, mode):
    one = manager("worker")
    meet = case.endpoints()
    case.file("frames.py", FRAMES.encode())
    command = {
        "exec": ["--", "env"],
        "lines": ["--mode", "lines", "--", "sh", "-c", 'while read -r line; do env | tr "\\n" " "; echo; done'],
        "frames": ["--mode", "frames", "--", "/usr/bin/python3", "frames.py"],
    }
    case.start("fanfold-sink", *meet, "-o", "out")
    worker = one.start("fanfold-worker", *meet[:2], *command[mode], watchdog="10000000")
    case.run("fanfold-ventilator", *meet[:2], stdin=b"a\n").expect(0)
    worker.expect(0)
    environment = case.path("out").read_text(encoding="utf-8")
    assert "FANFOLD_WORKER=" in environment
    assert not [name for name in OWN if f"{name}=" in environment], environment


def test_the_launcher_speaks_for_its_run_and_its_roles_do_not(case, manager):
    one = manager("fanfold")
    gate = case.gate()
    run = one.start("fanfold", "--", "sh", "-c", f": >began; : <{gate}; env", stdin=b"a\n", watchdog=FAST)
    case.wait_for(case.path("began").exists, "the chunk to begin")
    one.wait_for("READY=1")
    one.wait_for("WATCHDOG=1", times=3)
    one.said_nothing_of("STOPPING=1")
    gate.open()
    run.expect(0)
    ended_well(one)
    environment = run.output().decode()
    assert not [name for name in OWN if f"{name}=" in environment], environment


@pytest.mark.parametrize("program", ["fanfold-sink", "fanfold-ventilator", "fanfold-worker", "fanfold"])
def test_a_manager_that_cannot_be_reached_is_said_and_harms_no_run(case, program):
    nowhere = case.path("nowhere")
    meet = case.endpoints()
    roles = {
        "fanfold-sink": [*meet, "-o", "out"],
        "fanfold-worker": [*meet[:2], "--", "cat"],
        "fanfold-ventilator": [*meet[:2], "-i", "in"],
    }
    case.file("in", b"a\n")
    env = {"NOTIFY_SOCKET": str(nowhere)}
    if program == "fanfold":
        runs = [case.start("fanfold", "-i", "in", "-o", "out", "--", "cat", env=env)]
    else:
        runs = [case.start(role, *words, env=env if role == program else None) for role, words in roles.items()]
    for run in runs:
        run.expect(0)
    assert case.path("out").read_bytes() == b"a\n"
    said = f"^{program}: warning: cannot tell the service manager at {nowhere} how this program is: No such file or directory$"
    telling = next(run for run in runs if run.name.endswith(program))
    telling.wait_for_stderr(said)
    assert telling.stderr().count("service manager") == 1, telling.stderr()
