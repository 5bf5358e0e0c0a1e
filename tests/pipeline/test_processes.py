# SPDX-License-Identifier: MIT
"""Which processes a run ends: all of its own, wherever they have gone, and nobody else's."""

import contextlib
import gzip
import os
import signal
import subprocess
import time
from pathlib import Path

import harness
import pytest
from process_tree import below, can_unshare, children_of, is_gone, kill_all

LEFT = r"^fanfold-worker: warn left_behind .*processes=\"%s \(\d+\)"
# It leaves its parent, its group and its session; then the parent may end.
ESCAPES = "(setsid %s </dev/null >/dev/null 2>&1 &); "


# ---- what a program leaves in its group ----


def test_the_commands_of_a_process_substitution_end_by_themselves(case):
    script = 'exec tee >(sleep 0.3; gzip > side.$FANFOLD_SEQ.gz) >(cat > copy.$FANFOLD_SEQ)'
    lines = b"".join(b"%d\n" % number for number in range(20000))
    run = case.run("fanfold", "--quiet", "-j2", "-N5000", "--", "bash", "-c", script, stdin=lines)
    assert run.status == 0 and run.stderr() == "", run.stderr()
    assert run.output() == lines
    assert b"".join(gzip.decompress(case.path(f"side.{n}.gz").read_bytes()) for n in range(4)) == lines
    assert b"".join(case.path(f"copy.{n}").read_bytes() for n in range(4)) == lines


@pytest.mark.parametrize(
    "script, name",
    [
        ("cat; sleep 1000 >/dev/null 2>&1 &", "sleep"),
        ("cat; (trap '' TERM; exec tail -f /dev/null) >/dev/null 2>&1 &", "tail"),
    ],
)
def test_what_stays_in_the_group_is_ended_and_named(case, script, name):
    run = case.run("fanfold", "-j1", "--quiet", "--", "sh", "-c", script, stdin=b"a\n")
    assert run.status == 0 and run.output() == b"a\n", run.stderr()
    run.wait_for_stderr(LEFT % name)
    case.assert_no_leftovers()


def test_setsid_keeps_the_status_of_its_command(case):
    words = ["fanfold", "--quiet", "--retries", "1", "--", "setsid"]
    assert case.run(*words, "sh", "-c", "head -1; exit 3", stdin=b"a\nb\n").status == 3
    assert case.run(*words, "sh", "-c", "head -1; kill -KILL $$", stdin=b"a\nb\n").status == 3
    good = case.run(*words, "cat", stdin=b"a\nb\n")
    assert good.status == 0 and good.output() == b"a\nb\n"


def test_setsid_is_no_way_out_of_a_time_limit(case):
    script = "sh -c 'sleep 1000; :' & echo x; wait"
    run = case.run("fanfold", "--quiet", "--retries", "1", "--timeout", "0.3", "--", "setsid", "sh", "-c", script, stdin=b"a\n")
    assert run.status == 3 and "ran longer than" in run.stderr(), run.stderr()
    case.assert_no_leftovers()


# ---- what leaves it ----


def test_a_process_with_a_session_of_its_own_lives_until_the_run_ends_and_is_named(case):
    script = ESCAPES % "sh -c \"trap 'echo told >> said; exit' TERM; echo \\$\\$ >> began; while :; do sleep 0.05; done\"" + "cat"
    run = case.run("fanfold", "-j1", "-N1", "--quiet", "--", "sh", "-c", script, stdin=b"a\nb\n")
    assert run.status == 0 and run.output() == b"a\nb\n", run.stderr()
    run.wait_for_stderr(r"^fanfold-worker: warn left_behind processes=\"sh \(\d+\)")
    assert case.path("said").read_text() == "told\n" * len(case.path("began").read_text().split())
    case.assert_no_leftovers()


@pytest.mark.parametrize("wrap", ["", "env -i PATH=$PATH "])
def test_a_time_limit_reaches_a_process_with_a_session_of_its_own(case, wrap):
    script = (
        f"({wrap}setsid sh -c 'echo $$ > its; exec sleep 1000' </dev/null >/dev/null 2>&1 &); "
        "while [ ! -s its ]; do sleep 0.01; done; exec sleep 1000"
    )
    gate = case.gate()
    more = f'[ "$FANFOLD_ATTEMPT" = 1 ] || {{ : <{gate}; cat; exit; }}; {script}'
    words = ["-j1", "--quiet", "--retries", "2", "--timeout", "1"]
    run = case.start("fanfold", *words, "--", "sh", "-c", more, stdin=b"a\n")
    its = int(case.wait_for(lambda: case.path("its").exists() and case.path("its").read_text(), "it to begin"))
    case.wait_for(lambda: is_gone(its), "it to be ended, while the run goes on")
    assert run.running()
    gate.open()
    run.expect(0)


@pytest.mark.parametrize("wrap", ["", "env -i "])
def test_a_memory_limit_reaches_a_process_with_a_session_of_its_own(case, wrap):
    case.file("eat.py", b"import signal\nb = bytearray(b'x') * (300 << 20)\nsignal.pause()\n")
    script = f"cat > /dev/null; ({wrap}setsid /usr/bin/python3 eat.py </dev/null &); sleep 0.1"
    run = case.run("fanfold", "--quiet", "--retries", "1", "--memory", "150M", "-j1", "--", "sh", "-c", script, stdin=b"a\n")
    assert run.status == 3 and "memory" in run.stderr(), run.stderr()
    case.assert_no_leftovers()


def test_without_proc_everything_is_ended_all_the_same(case):
    if not can_unshare("-m"):
        case.skip("unshare -m is not permitted")
    if harness.SLOWNESS > 1:
        case.skip("the sanitizers need /proc")
    case.path("empty").mkdir()
    script = "mount --bind empty /proc && exec fanfold --quiet -j1 -- sh -c '" + ESCAPES % "sleep 1000" + "cat; sleep 1000 </dev/null >/dev/null 2>&1 &'"
    run = case.run("unshare", "-m", "sh", "-c", script, stdin=b"a\n")
    assert run.status == 0 and run.output() == b"a\n", run.stderr()
    assert "warn no_proc" in run.stderr() and run.stderr().count("warn left_behind") == 2, run.stderr()
    case.assert_no_leftovers()


def test_a_process_that_this_user_may_not_end_is_named_and_not_waited_for(case):
    if os.geteuid() != 0:
        case.skip("only root can make a program that becomes another user's")
    case.file("s.c", b'#include <unistd.h>\nint main(void) { if (setuid(0)) return 1; execl("/bin/sleep", "sleep", "1000", (char *)0); return 1; }\n')
    subprocess.run(["cc", "-o", case.path("s"), case.path("s.c")], check=True)
    case.path("s").chmod(0o4755)
    for path in (case.directory, case.runtime, case.tmp):
        path.chmod(0o777)
    run = case.run(
        "setpriv", "--reuid=65534", "--clear-groups", "fanfold", "--quiet", "-j1", "--", "sh", "-c",
        "cat; ./s </dev/null >/dev/null 2>&1 &", stdin=b"a\n", env={"XDG_RUNTIME_DIR": ""},
    )
    left = case.pids_of("sleep")
    kill_all(left)
    if run.status == 127 or not left:
        case.skip("this folder's file system knows no setuid, or nobody may not enter it")
    assert run.status == 0 and "warn not_ended" in run.stderr(), run.stderr()


# ---- beside strangers ----


@contextlib.contextmanager
def beside_strangers(case, *words, script, **more):
    """A run in a process that has two strangers: a child, and an orphan-to-be of another child."""
    bash = "sleep 2000 & (sh -c 'setsid sleep 2001 & exec sleep 2002' & sleep 0.2) & exec \"$@\""
    run = case.start("bash", "-c", bash, "bash", "fanfold", *words, "--", "sh", "-c", script, **more)
    strangers = case.wait_for(lambda: (pids := strangers_of(case)) and len(pids) == 3 and pids, "the strangers")
    try:
        yield run
        assert strangers_of(case) == strangers
    finally:
        kill_all(strangers)


def pids_by_line(case, *wanted):
    return sorted(pid for pid, line in case.leftovers().items() if line in wanted)


def strangers_of(case):
    return pids_by_line(case, "sleep 2000", "sleep 2001", "sleep 2002")


def test_the_callers_children_and_their_orphans_are_let_alone(case):
    with beside_strangers(case, "--quiet", "-j2", "-N1", script="cat; sleep 0.2", stdin=b"a\nb\nc\n") as run:
        run.expect(0)
        assert run.output() == b"a\nb\nc\n" and run.stderr() == "", run.stderr()


@pytest.mark.parametrize(
    "victims",
    [
        ["fanfold-superv"],
        ["fanfold-keeper"],
        ["fanfold-worker"],
        ["fanfold-worker", "fanfold-superv"],
    ],
    ids="+".join,
)
def test_no_kill_of_ours_reaches_a_stranger_or_leaves_a_program(case, victims):
    """The programs of the first attempt have left their group, and lost their parents."""
    gate = case.gate()
    script = '[ "$FANFOLD_ATTEMPT" = 1 ] || { : <%s; cat; exit; }; ' % gate
    script += ESCAPES % "sleep 3000" + "echo > began; exec sleep 3001"
    words = ["--quiet", "-j1", "--liveness", "1"]
    with beside_strangers(case, *words, script=script, stdin=b"a\n") as run:
        case.wait_for(lambda: case.path("began").exists() and len(case.pids_of("sleep")) == 5, "the program")
        own = pids_by_line(case, "sleep 3000", "sleep 3001")
        chain = ["fanfold-worker", "fanfold-keeper", "fanfold-superv"]
        pids = {name: below(run.pid, *chain[: chain.index(name) + 1]) for name in chain}
        kill_all(pids[name] for name in victims)
        case.wait_for(lambda: all(map(is_gone, own)), "the programs to end")
        gate.open()
        run.expect(0)
        assert run.output() == b"a\n"


def test_a_worker_and_all_its_helpers_killed_leave_nothing(case):
    gate = case.gate()
    script = '[ "$FANFOLD_ATTEMPT" = 1 ] || { : <%s; cat; exit; }; ' % gate
    script += ESCAPES % "sleep 3000" + "echo > began; exec sleep 3001"
    run = case.start("fanfold", "--quiet", "-j1", "--liveness", "1", "--", "sh", "-c", script, stdin=b"a\n")
    case.wait_for(lambda: case.path("began").exists() and len(case.pids_of("sleep")) == 2, "the program")
    own = case.pids_of("sleep")
    kill_all(case.pids_of("fanfold-worker"))
    case.wait_for(lambda: all(map(is_gone, own)), "the programs to end")
    gate.open()
    run.expect(0)
    assert run.output() == b"a\n"


@pytest.mark.parametrize("role", ["worker", "ventilator", "sink"])
def test_a_role_that_is_the_first_process_reaps_strangers_and_lets_them_alone(case, role):
    if not can_unshare("-pf", "--mount-proc"):
        case.skip("unshare -p is not permitted")
    more = {"worker": ["-j1", "--", "cat"], "ventilator": [], "sink": ["-o", "out"]}[role]
    words = [*case.endpoints()[: 2 if role != "sink" else 4], *more]
    run = case.start("unshare", "-pf", "--mount-proc", f"fanfold-{role}", *words, stdin=b"a\n")
    first = case.wait_for(lambda: below(run.pid, f"fanfold-{role}"[:15]), "the role")
    case.wait_for(lambda: "signalfd" in " ".join(fds_of(first)), "the role to be ready")
    script = "sh -c 'sleep 0.1 & sleep 1000 & exit' & wait"
    case.run("nsenter", "-t", first, "-p", "-m", "sh", "-c", script).expect(0)
    (stranger,) = case.wait_for(lambda: pids_by_line(case, "sleep 1000"), "one stranger to be there")
    left = lambda: children_of(first, "sleep") + children_of(first, "sh")
    case.wait_for(lambda: left() == [stranger], "the other one to be reaped")
    assert not is_gone(stranger)
    os.kill(first, signal.SIGTERM)
    run.wait()


def fds_of(pid):
    found = []
    for path in Path(f"/proc/{pid}/fd").glob("*"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(path))
    return found


def test_fanfold_as_the_first_process_lets_strangers_alone(case):
    if not can_unshare("-pf", "--mount-proc"):
        case.skip("unshare -p is not permitted")
    gate = case.gate()
    words = ["fanfold", "--quiet", "-j1", "-N1", "--", "sh", "-c", f"echo > began; : <{gate}; cat"]
    run = case.start("unshare", "-pf", "--mount-proc", *words, stdin=b"a\nb\n")
    case.wait_for(case.path("began").exists, "a chunk to begin")
    first = below(run.pid, "fanfold")
    case.run("nsenter", "-t", first, "-p", "-m", "sh", "-c", "setsid sleep 1000 & setsid sleep 0.1 &").expect(0)
    (stranger,) = case.wait_for(lambda: pids_by_line(case, "sleep 1000"), "a stranger")
    left = lambda: children_of(first, "sleep") + children_of(first, "sh")
    case.wait_for(lambda: left() == [stranger], "the other one to be reaped")
    kill_all([below(first, "fanfold-worker", "fanfold-keeper", "fanfold-superv")])
    run.wait_for_stderr(r"starting it again")
    assert not is_gone(stranger)
    gate.open()
    run.expect(0)
    assert run.output() == b"a\nb\n"


# ---- what a program is given ----


def test_a_program_has_no_descriptor_of_ours(case):
    plain = case.run("ls", "/proc/self/fd", stdin=b"").output()
    run = case.run("fanfold", "--quiet", "-j1", "--", "sh", "-c", "cat >/dev/null; exec ls /proc/self/fd", stdin=b"a\n")
    assert run.status == 0 and run.output() == plain


def test_signals_that_a_plugin_sets_stay_and_its_helper_has_its_own(case):
    plugin = harness.build_directory() / "tests/pipeline/signal_plugin.so"
    began = time.monotonic()
    run = case.run("fanfold", "-j1", "--quiet", "--plugin", plugin, stdin=b"a\n")
    assert run.status == 0 and run.output() == b"kept\n" and run.stderr() == "", run.stderr()
    assert time.monotonic() - began < 4 * harness.SLOWNESS
    run = case.run("fanfold", "-j1", "--quiet", "--plugin", plugin, "--", "deaf", stdin=b"a\n")
    assert run.status == 0 and "warn finish_overdue" in run.stderr(), run.stderr()
    case.assert_no_leftovers()


@pytest.mark.parametrize("mode", [[], ["--mode", "lines"], ["--plugin"]], ids=["exec", "lines", "plugin"])
def test_a_group_of_processes_outside_of_the_namespace_is_not_what_a_program_left(case, mode):
    """As `unshare --pid` and `nsenter` start it: the group of who started the run has no number inside."""
    namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if not can_unshare(*namespace[1:]):
        case.skip("no namespaces for this user")
    command = ["--plugin", harness.build_directory() / "worker/examples/echo.so"] if mode == ["--plugin"] else [*mode, "--", "cat"]
    inside = ["sh", "-c", '"$@"; exit $?', "sh"]  # so that the run is not the first process
    run = case.run(*namespace, *inside, harness.program_path("fanfold"), "-j2", "-N1", *command, stdin=b"a\nb\nc\n")
    run.expect(0)
    assert run.output() == b"a\nb\nc\n"
    assert "left_behind" not in run.stderr(), run.stderr()
