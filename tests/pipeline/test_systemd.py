# SPDX-License-Identifier: MIT
"""A worker that systemd stops: SIGTERM to all of its unit, and later SIGKILL to what is left.

Played step by step, in a control group, by a list of processes, and below or as the first process
of a namespace; and by systemd itself. Each worker's programs have descendants with sessions of
their own, deaf ones too, and beside it there are strangers' children. All of its own ends, nobody
else is touched, and no chunk is charged.
"""

import contextlib
import re
from pathlib import Path

import control_groups
import pytest
import systemd
from harness import build_directory, program_path, wait_for
from preempting import PYTHON, expect_done_elsewhere
from process_tree import below, can_unshare, children_of, descendants, kill_all, lives

SLOTS = 3
LINES = b"".join(b"HANG %d\n" % number for number in range(2 * SLOTS))
ESCAPES = "(setsid sleep 3000 </dev/null >/dev/null 2>&1 &); (setsid sh -c \"trap '' TERM; exec sleep 3001\" </dev/null >/dev/null 2>&1 &); "
STRANGERS = "sleep 2000 & (sh -c 'setsid sleep 2001 & exec sleep 2002' & sleep 0.2); "
FRAMES = """
import fanfold, signal, subprocess
def prepare():
    subprocess.Popen(["sleep", "3000"], start_new_session=True)
def process(chunk, _state):
    {more}
    subprocess.run(["sh", "-c", {escapes!r}])
    open({gate!r}).close()
    return chunk
fanfold.serve(process, prepare)
"""


def words_of(case, kind):
    gate = case.gate()
    more = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if "deaf" in kind else ""
    frames = case.file("program.py", FRAMES.format(escapes=ESCAPES, gate=str(gate), more=more).encode())
    return {
        "exec": ["--", "sh", "-c", f"{ESCAPES} : < {gate}; cat"],
        "lines": ["--mode", "lines", "--", "sh", "-c", f"{ESCAPES} : < {gate}; exec cat"],
        "frames": ["--mode", "frames", "--", PYTHON, frames],
        "a deaf exec": ["--", "sh", "-c", f"trap '' TERM; {ESCAPES} : < {gate}; cat"],
        "deaf frames": ["--mode", "frames", "--", PYTHON, frames],
        "a deaf plugin": ["--plugin", build_directory() / "tests/pipeline/deaf_plugin.so"],
    }[kind]


END_AT_ONCE = ["exec", "lines", "frames"]
DEAF = ["a deaf exec", "deaf frames", "a deaf plugin"]


def pids_by_line(case, *wanted):
    return {pid for pid, line in case.leftovers().items() if line in wanted}


def strangers_of(case):
    return pids_by_line(case, "sleep 2000", "sleep 2001", "sleep 2002")


def own_of(case):
    """The programs' processes."""
    plugin = {pid for pid in case.leftovers() if comm_of(pid) == "deaf-child"}
    return pids_by_line(case, "sleep 3000", "sleep 3001") | plugin


def comm_of(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return None


def are_at_work(case):
    deaf = pids_by_line(case, "sleep 3001") or own_of(case)
    return len(deaf) == SLOTS


@contextlib.contextmanager
def run_beside_strangers(case):
    """A sink and a ventilator, which waits for workers; at the end the output is right, and nothing was charged."""
    sink = case.start("fanfold-sink")
    words = ["-N1", "--retries", 1, "--log-level", "trace"]
    ventilator = case.start("fanfold-ventilator", *words, stdin=LINES)
    try:
        yield ventilator
        strangers = strangers_of(case)
        assert len(strangers) == 3, "nobody else's process was touched"
        expect_done_elsewhere(case, sink, ventilator, LINES)
        assert re.search(r" failed=0 given_up=0 ", ventilator.stderr()), ventilator.stderr()
        assert strangers_of(case) == strangers
    finally:
        kill_all(strangers_of(case))


def wait_until_heard(case, ventilator):
    """The worker has said at least once more how it is."""
    pings = lambda: ventilator.stderr().count("received type=PING")
    before = pings()
    case.wait_for(lambda: pings() >= before + 2, "the worker to be heard")


# ---- played ----


class Played:
    """A worker, and the processes that systemd would signal."""

    def __init__(self, case, words, where, group=None):
        self.case = case
        script = f'{STRANGERS} exec "$@"'
        command = [program_path("fanfold-worker"), f"-j{SLOTS}", *words]
        if where == "in a control group":
            command = control_groups.entering(group, *command)
        elif where == "below the first process":
            script = f'{STRANGERS} "$@"; echo $? > status; : < {case.gate("namespace")}'
            command = [*command]
        self.process = case.start(*self.around(where), "bash", "-c", script, "bash", *command)
        self.where = where
        self.group = group
        case.wait_for(lambda: are_at_work(case), "the programs to begin")
        self.strangers = strangers_of(case)
        assert len(self.strangers) == 3
        self.main = self.find_main()

    @staticmethod
    def around(where):
        return ["unshare", "-pf", "--mount-proc"] if "first" in where else []

    def find_main(self):
        if self.where == "below the first process":
            return below(self.process.pid, "bash", "fanfold-worker")
        return self.process.pid

    def members(self):
        if self.group:
            return control_groups.members(self.group)
        return {pid for pid in {self.main, *descendants(self.main)} - self.strangers if lives(pid)}

    def expect(self, status):
        """It ends so, and nothing of it is left."""
        if self.where == "below the first process":
            said = self.case.path("status")
            assert wait_for(lambda: said.exists() and said.read_text(), "the worker's status") == f"{status}\n"
        else:
            self.process.expect(status)
        self.case.wait_for(lambda: not self.members() and not own_of(self.case), "all of its own to be gone", 10)
        assert strangers_of(self.case) == self.strangers

    def end(self):
        self.case.gate("namespace").open()
        self.process.wait()


WHERE = ["by a list", "in a control group", "below the first process"]


@contextlib.contextmanager
def played(case, kind, where):
    if "first" in where and not can_unshare("-pf", "--mount-proc"):
        case.skip("unshare -p is not permitted")
    with contextlib.ExitStack() as stack:
        group = stack.enter_context(control_groups.new_group(case)) if "group" in where else None
        ventilator = stack.enter_context(run_beside_strangers(case))
        worker = Played(case, words_of(case, kind), where, group)
        yield ventilator, worker
    if where == "below the first process":
        worker.end()


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", END_AT_ONCE)
def test_sigterm_to_all_of_a_unit_ends_its_own_and_nobody_else(case, kind, where):
    with played(case, kind, where) as (_, worker):
        systemd.stop_unit(worker.main, worker.members)
        worker.expect(0)
        systemd.kill_unit(worker.main, worker.members)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", DEAF)
def test_sigkill_to_all_of_a_unit_that_is_deaf_to_sigterm_costs_no_chunk_an_attempt(case, kind, where):
    with played(case, kind, where) as (ventilator, worker):
        systemd.stop_unit(worker.main, worker.members)
        wait_until_heard(case, ventilator)
        assert worker.main in worker.members()
        systemd.kill_unit(worker.main, worker.members)
        worker.expect(137)


@pytest.mark.parametrize("kind", END_AT_ONCE)
def test_a_worker_that_is_the_first_process_leaves_as_it_is_told(case, kind):
    """With it the kernel ends the namespace; so its strangers write down what they are told before."""
    if not can_unshare("-pf", "--mount-proc"):
        case.skip("unshare -p is not permitted")
    with run_beside_strangers(case):
        outside = case.start("bash", "-c", STRANGERS + "wait")
        worker = case.start("unshare", "-pf", "--mount-proc", "fanfold-worker", f"-j{SLOTS}", *words_of(case, kind))
        case.wait_for(lambda: are_at_work(case), "the programs to begin")
        first = below(worker.pid, "fanfold-worker")
        told = f"cd {case.directory}; trap 'echo told > told' TERM; echo > ready; sleep 1000 & wait"
        case.run("nsenter", "-t", first, "-p", "-m", "bash", "-c", f'(setsid bash -c "{told}" </dev/null &)').expect(0)
        case.wait_for(case.path("ready").exists, "the stranger")
        (stranger,) = children_of(first, "bash")
        systemd.stop_unit(first, lambda: set(descendants(first)) - {stranger, *descendants(stranger)})
        worker.expect(0)
        assert not case.path("told").exists() and not own_of(case)
        assert outside.running()
    outside.wait()


# ---- by systemd itself ----

REASON = 'echo "$$SERVICE_RESULT $$EXIT_CODE $$EXIT_STATUS" > ended'


@contextlib.contextmanager
def served(case, kind, delegate, timeout_s):
    """A worker that is a unit, beside a unit of strangers."""
    with systemd.real(case) as manager, run_beside_strangers(case):
        manager.start("strangers", "bash", "-c", STRANGERS + "wait")
        properties = [f"Delegate={delegate}", f"TimeoutStopSec={timeout_s}", f"ExecStopPost=sh -c '{REASON}'"]
        words = [program_path("fanfold-worker"), f"-j{SLOTS}", *words_of(case, kind)]
        unit = manager.start("worker", *words, properties=properties)
        case.wait_for(lambda: are_at_work(case) and len(strangers_of(case)) == 3, "the programs and the strangers to begin")
        own, strangers = own_of(case), strangers_of(case)
        assert len(own) >= SLOTS
        manager.stop(unit)
        assert not own_of(case), "all of its own are gone"
        assert strangers_of(case) == strangers
        yield case.path("ended").read_text(encoding="ascii").strip()


@pytest.mark.parametrize("kind, delegate", [("exec", "yes"), ("exec", "no"), ("lines", "yes"), ("frames", "no")])
def test_systemd_stops_a_worker_which_leaves_by_status_0(case, kind, delegate):
    with served(case, kind, delegate, 60) as reason:
        assert reason == "success exited 0", reason


@pytest.mark.parametrize("kind, delegate", [("a deaf exec", "no"), ("deaf frames", "yes"), ("a deaf plugin", "yes")])
def test_systemd_kills_a_worker_whose_programs_are_deaf(case, kind, delegate):
    with served(case, kind, delegate, 2) as reason:
        assert reason == "timeout killed KILL", reason
