# SPDX-License-Identifier: MIT
"""One command opens a run to other hosts: the keys that it makes for itself, and the ports it takes."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest
from harness import program_path
from keyed import LINES, secret_of, secrets_in
from resuming import journal_path

JOINS = r"workers on (?:other hosts|this host) join by: (.*)$"
# The launcher's own program waits at its gate; a worker elsewhere has HERE, and does not.
PATIENT = '[ -n "$HERE" ] || : <"$GATE"; echo "${HERE:-launcher}" >>"$NOTES"; cat'
# The same, and the record 4000 waits for all to be killed.
HELD = '[ -n "$HERE" ] || : <"$GATE"; x=$(cat); case "$x" in *"number 4000"*) : <"$HOLD";; esac; echo "${HERE:-launcher}" >>"$NOTES"; printf "%s\\n" "$x"'


class Open:
    """A run by `fanfold --tasks tcp://...` without --keys, whose own program waits at a gate."""

    def __init__(self, case, script=PATIENT):
        self.case, self.script = case, script
        self.gate, self.hold = case.gate(), case.gate("hold")
        self.output, self.notes = case.path("out"), case.path("notes")
        self.directory = case.path("out.fanfold.keys")
        self.env = {"GATE": str(self.gate), "HOLD": str(self.hold), "NOTES": str(self.notes)}
        self.input = case.file("in", LINES)

    def start(self, *options, at="tcp://127.0.0.1:*"):
        words = ["--tasks", at, "-j1", "-N500", "-i", self.input, *options, "--shell", self.script]
        return self.case.start("fanfold", *words, env=self.env)

    def paste(self, run, name="pasted"):
        """What a person pastes on another host, but for the way to the file."""
        line = run.wait_for_stderr(JOINS)[1]
        here = re.sub(r"^ssh \S+ cat ", "cat ", line)
        if line.startswith("fanfold-worker"):  # no other host reaches the run
            here = "exec " + line.replace("fanfold-worker", "fanfold-worker -j1", 1)
        else:
            assert here != line, line
        return self.case.start("bash", "-c", here.replace("| fanfold-worker", "| exec fanfold-worker -j1"), env={**self.env, "HERE": name})

    def done_by(self, name):
        return self.notes.read_text().split("\n").count(name) if self.notes.exists() else 0

    def wait_done_by(self, name, more_than=0):
        self.case.wait_for(lambda: self.done_by(name) > more_than, f"{name} to do a task")


def modes(directory):
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


def assert_closed(directory):
    assert directory.stat().st_mode & 0o777 == 0o700
    keys = {name: mode for name, mode in modes(directory).items() if ".key" in name}
    assert len(keys) == 6 and set(keys.values()) == {0o600}, keys


def test_the_line_that_is_printed_joins_a_worker(case):
    run = Open(case)
    launcher = run.start("-o", run.output, at="tcp://*:*")
    worker = run.paste(launcher)
    run.wait_done_by("pasted")
    assert_closed(run.directory)
    secrets = [secret_of(path) for path in run.directory.glob("*.key_secret")]
    assert len(secrets) == 3 and not secrets_in(case, secrets), secrets_in(case, secrets)
    assert not any(secret in launcher.stderr() for secret in secrets)
    run.gate.open()
    launcher.expect(0)
    worker.expect(0)
    assert run.output.read_bytes() == LINES and not run.directory.exists()
    case.assert_no_leftovers()
    case.assert_no_files_left()


def test_a_run_that_only_this_host_reaches_does_not_speak_of_others(case):
    run = Open(case)
    launcher = run.start("-o", run.output)
    assert launcher.wait_for_stderr("workers on this host join by: (.*)$")[1].startswith("fanfold-worker --keys /")
    worker = run.paste(launcher)
    run.wait_done_by("pasted")
    run.gate.open()
    launcher.expect(0)
    worker.expect(0)
    assert "other hosts" not in launcher.stderr()


def test_a_run_without_a_journal_has_its_keys_in_the_private_directory(case):
    run = Open(case)
    launcher = run.start()
    worker = run.paste(launcher)
    run.wait_done_by("pasted")
    (private,) = case.runtime.glob("fanfold-run-*")
    assert_closed(private)
    run.gate.open()
    launcher.expect(0)
    worker.expect(0)
    assert launcher.output() == LINES
    case.assert_no_files_left()


def parent_of(pid):
    """0: there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def is_of(pid, ancestor):
    while pid not in (0, ancestor):
        pid = parent_of(pid)
    return pid == ancestor


def kill_all_but(case, worker, run):
    """As a power cut does to one of two hosts."""

    def killed():
        left = [pid for pid in case.leftovers() if not is_of(pid, worker.pid)]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        run.popen.poll()
        return not left

    case.wait_for(killed, "all but the worker to be dead")


def test_keys_survive_a_crash_and_let_the_surviving_worker_in_again(case):
    run = Open(case, HELD)
    first = run.start("-o", run.output)
    worker = run.paste(first, "survivor")
    run.gate.open()
    run.wait_done_by("survivor")
    case.wait_for(lambda: run.output.exists() and run.output.stat().st_size, "something to be written")
    case.wait_for(lambda: journal_path(run.output).exists(), "the journal")
    kill_all_but(case, worker, first)
    run.gate.shut()
    assert_closed(run.directory)
    before = secret_of(run.directory / "worker.key_secret")
    assert worker.running()

    done = run.done_by("survivor")
    second = run.start("-o", run.output, "--resume")
    second.wait_for_stderr(JOINS)
    assert secret_of(run.directory / "worker.key_secret") == before
    run.hold.open()
    run.wait_done_by("survivor", more_than=done)
    run.gate.open()
    second.expect(0)
    worker.expect(0)
    assert run.output.read_bytes() == LINES and not run.directory.exists()
    case.assert_no_files_left()


def test_a_run_that_begins_anew_has_new_keys(case):
    """Nobody resumes it: its keys are worth nothing, and its workers are strangers."""
    run = Open(case)
    first = run.start("-o", run.output)
    first.wait_for_stderr(JOINS)
    old = secret_of(run.directory / "worker.key_secret")
    first.signal(signal.SIGKILL)
    first.expect(137)
    case.assert_no_leftovers()
    assert run.directory.exists()
    journal_path(run.output).unlink(missing_ok=True)
    second = run.start("-o", run.output)
    second.wait_for_stderr(JOINS)
    assert secret_of(run.directory / "worker.key_secret") != old
    run.gate.open()
    second.expect(0)
    assert run.output.read_bytes() == LINES and not run.directory.exists()


def test_another_run_on_the_same_output_is_refused(case):
    run = Open(case)
    first = run.start("-o", run.output)
    first.wait_for_stderr(JOINS)
    before = modes(run.directory)
    second = run.start("-o", run.output)
    second.expect(5)
    assert "another run" in second.stderr(), second.stderr()
    third = run.start("-o", run.output, "--resume")
    third.expect(5)
    assert "another run" in third.stderr(), third.stderr()
    assert modes(run.directory) == before
    run.gate.open()
    first.expect(0)
    assert run.output.read_bytes() == LINES
    case.assert_no_files_left()


def test_a_run_that_a_person_stops_keeps_its_keys_for_resume(case):
    run = Open(case, HELD)
    first = run.start("-o", run.output)
    run.gate.open()
    case.wait_for(lambda: run.output.exists() and run.output.stat().st_size, "something to be written")
    case.wait_for(lambda: journal_path(run.output).exists(), "the journal")
    old = secret_of(run.directory / "worker.key_secret")
    first.signal(signal.SIGTERM)
    first.wait_for_stderr("terminated")
    first.signal(signal.SIGTERM)  # it may run the chunk that is held
    assert first.wait() != 0
    assert secret_of(run.directory / "worker.key_secret") == old
    run.hold.open()
    run.start("-o", run.output, "--resume").expect(0)
    assert run.output.read_bytes() == LINES and not run.directory.exists()


# ---- addresses ----


def bound(run):
    return run.wait_for_stderr(r"--tasks (tcp://\S+)")[1]


def free_ports(count):
    """That many ports in a row that are free now."""
    for first in range(15000, 31000, count):
        with_all = []
        try:
            for port in range(first, first + count):
                with_all.append(socket.create_server(("127.0.0.1", port)))
            return first
        except OSError:
            continue
        finally:
            for server in with_all:
                server.close()
    raise AssertionError("no ports are free")


def test_the_port_is_of_the_range_that_is_given(case):
    first = free_ports(3)
    run = case.run("fanfold", "--tasks", "tcp://127.0.0.1:*", "--port-range", f"{first}-{first + 2}", "cat", stdin=LINES)
    run.expect(0)
    assert run.output() == LINES
    assert first <= int(bound(run).rsplit(":", 1)[1]) <= first + 2, bound(run)


def test_a_range_without_a_free_port_is_said(case):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        run = case.run("fanfold", "--tasks", "tcp://127.0.0.1:*", "--port-range", str(port), "cat", stdin=LINES)
    run.expect(5)
    assert "cannot bind tcp://127.0.0.1:*" in run.stderr(), run.stderr()
    case.assert_no_leftovers()
    case.assert_no_files_left()


@pytest.mark.parametrize("text", ["", "x", "0", "70000", "300-200", "1-2-3", "10000-"])
def test_a_range_that_is_none_is_refused(case, text):
    run = case.run("fanfold", "--tasks", "tcp://127.0.0.1:*", "--port-range", text, "cat", stdin=LINES)
    run.expect(2)
    assert re.fullmatch(r"fanfold: --port-range: '.*': expected ports such as .*\n", run.stderr()), run.stderr()


@pytest.mark.parametrize(
    "words, expected",
    [
        (["--tasks", "tcp://127.0.0.1"], "--port-range: expected tcp://127.0.0.1:*, as an endpoint that names no port has a fixed one"),
        (["--tasks", "tcp://127.0.0.1:5000", "--results", "tcp://127.0.0.1:5001"], "--port-range is for an endpoint whose port is *, such as tcp://*:*"),
        ([], "--port-range needs a --tasks that other hosts reach, such as tcp://*:*"),
    ],
)
def test_a_range_that_no_port_is_taken_from_is_refused(case, words, expected):
    run = case.run("fanfold", *words, "--port-range", "15000-15100", "cat", stdin=LINES)
    run.expect(2)
    assert run.stderr() == f"fanfold: {expected}\n", run.stderr()


@pytest.mark.parametrize("program, option", [("fanfold-ventilator", "--tasks"), ("fanfold-sink", "--results")])
def test_a_range_that_no_port_is_taken_from_is_refused_by_each_program(case, program, option):
    run = case.run(program, "--insecure", option, "tcp://127.0.0.1", "--port-range", "15000-15100", stdin=LINES)
    run.expect(2)
    assert f"{program}: --port-range: '15000-15100': expected it beside an endpoint whose port is *" in run.stderr(), run.stderr()


def test_an_interface_binds_its_address_alone(case):
    run = Open(case)
    launcher = run.start("--interface", "lo", at="tcp://*:*")
    port = int(bound(launcher).rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)):
        pass
    elsewhere = socket.gethostbyname(socket.gethostname())
    if not elsewhere.startswith("127."):
        with pytest.raises(OSError):
            socket.create_connection((elsewhere, port), timeout=5)
    run.gate.open()
    launcher.expect(0)
    assert launcher.output() == LINES
    none = case.run("fanfold", "--tasks", "tcp://*:*", "--interface", "nosuch0", "cat", stdin=LINES)
    none.expect(2)
    assert re.search(r"cannot (bind|take results at) tcp://nosuch0:\*: expected an address of this host", none.stderr()), none.stderr()


def test_an_endpoint_without_a_port_has_ours(case):
    """In a network of its own, as the port is a fixed one."""
    words = "fanfold --tasks tcp://127.0.0.1 -- cat"
    run = case.run("unshare", "--net", "sh", "-c", f"ip link set lo up && exec {words}", stdin=LINES)
    if "unshare" in run.stderr():
        case.skip("network namespaces are not allowed here")
    run.expect(0)
    assert run.output() == LINES and bound(run) == "tcp://127.0.0.1:20557", run.stderr()


def test_a_missing_program_for_keys_is_named(case):
    folder = case.path("bin")
    folder.mkdir()
    for name in ("fanfold", "fanfold-ventilator", "fanfold-sink", "fanfold-worker"):
        shutil.copy(program_path(name), folder)
    run = case.run(folder / "fanfold", "--tasks", "tcp://127.0.0.1:*", "-o", "out", "--", "cat", env={"PATH": "/nowhere"}, stdin=b"")
    run.expect(4)
    assert run.stderr() == "fanfold: cannot find fanfold-keygen: neither beside fanfold nor in PATH\n", run.stderr()


def test_the_launcher_does_not_load_what_only_keys_need():
    """They would double the time until the roles start."""
    loaded = subprocess.run(["ldd", program_path("fanfold")], check=True, capture_output=True, text=True).stdout
    assert "libc.so" in loaded and "zmq" not in loaded, loaded
