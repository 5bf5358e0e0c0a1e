# SPDX-License-Identifier: MIT
"""Workers on other hosts, started by ssh: a real sshd, whose hosts are all this one."""

import os
import re
import shlex
import signal
from socket import AF_UNIX, socket as Unix

import pytest
from harness import ROOT, build_directory, wait_for
from sshd import Sshd
from stalling import stalling

INPUT = b"".join(b"record %d\n" % number for number in range(5000))
# Names the worker, and waits until the test lets it go.
MEET = 'echo "$FANFOLD_WORKER $$" >>{seen}; : <{gate}; cat'


class Run:
    """A run on hosts, each chunk of which waits at a gate."""

    def __init__(self, case, logins, *options, env=None, **sshd):
        self.case, self.sshd = case, Sshd(case, **sshd)
        self.before = left_on_hosts()  # by others
        self.gate, self.seen = case.gate(), case.file("seen", b"")
        script = MEET.format(seen=shlex.quote(str(self.seen)), gate=shlex.quote(str(self.gate)))
        words = ["-S", logins] if logins else []
        self.process = case.start(
            "fanfold", *words, "--ssh", self.sshd.ssh, "-N200", "-j1", *options, "--shell", script, stdin=INPUT, env=env or {}
        )

    def workers(self):
        return {line.split()[0]: int(line.split()[1]) for line in self.seen.read_text().splitlines()}

    def wait_for_workers(self, count):
        return wait_for(lambda: len(self.workers()) >= count and self.workers(), f"{count} workers", 60)

    def finish(self, status=0):
        self.gate.open()
        self.process.expect(status)
        assert self.process.output() == INPUT
        self.end()

    def end(self):
        self.sshd.process.signal(signal.SIGTERM)
        self.sshd.process.wait()
        self.case.assert_no_leftovers()
        assert not left_on_hosts() - self.before


def left_on_hosts():
    return {name for name in os.listdir("/tmp") if re.fullmatch(r"fanfold-\w+\.(t|r|self)", name)}


@pytest.mark.deadline(180)
def test_all_hosts_join_however_few_may_log_in_at_a_time(case):
    hosts = ",".join(f"h{number}" for number in range(12))
    run = Run(case, hosts, MaxStartups="2:100:3")
    run.wait_for_workers(12)
    run.finish()
    assert run.process.stderr().count("gave up") == 0, run.process.stderr()


def test_the_run_goes_on_without_the_hosts_that_cannot_take_part(case):
    run = Run(case, "a,b-banner,c-bare,d-away")
    run.wait_for_workers(2)
    run.process.wait_for_stderr(r"^fanfold: c-bare: gave up: there is no fanfold-worker: .*--copy-self; the run goes on")
    run.process.wait_for_stderr(r"^fanfold: d-away: cannot log in: .*Connection refused.*; trying again")
    run.finish()
    said = run.process.stderr()
    assert "Welcome" not in said, said
    assert len(re.findall("^fanfold: [cd]-", said, re.M)) == 2, said


def test_hosts_that_lack_the_program_are_given_a_copy_by_the_login_that_runs_it(case):
    run = Run(case, "a-bare,b-bare,c", "--copy-self")
    run.wait_for_workers(3)
    run.finish()
    assert run.sshd.process.stderr().count("Accepted publickey") == 3, run.sshd.process.stderr()


def test_a_copy_is_not_for_another_machine(case):
    run = Run(case, "a,b-alien", "--copy-self")
    run.process.wait_for_stderr("^fanfold: b-alien: gave up: there is no fanfold-worker, and that of this host is for another system than Other machine: install ")
    run.wait_for_workers(1)
    run.finish()


def test_a_copy_whose_connection_ends_leaves_nothing(case):
    run = Run(case, "a-bare", "--copy-self")
    run.wait_for_workers(1)
    for pid in pids_named(case, "ssh"):
        os.kill(pid, signal.SIGKILL)
    run.wait_for_workers(2)
    run.finish()


def test_a_worker_that_does_not_reach_the_run_says_why(case):
    run = Run(case, "a,b-far")
    run.wait_for_workers(1)
    run.process.wait_for_stderr(r"^fanfold: b-far: fanfold-worker: waiting for a ventilator at tcp://203\.0\.113\.77:\d+: \w")
    run.finish()


def test_no_host_is_left(case):
    run = Run(case, "a-bare,b-bare")
    run.process.expect(5)
    assert "no host is left" in run.process.stderr()
    run.end()


@pytest.mark.parametrize("hosts", ["a", "a,b", ":"])
@pytest.mark.parametrize("command, status", [("no-such-command", 127), ("/etc/passwd", 126)])
def test_a_command_that_no_host_has_ends_the_run_as_it_does_here(case, hosts, command, status):
    sshd = Sshd(case)
    run = case.run("fanfold", "-S", hosts, "--ssh", sshd.ssh, "--", command, stdin=b"a\n")
    run.expect(status)
    for host in hosts.replace(":", "localhost").split(","):
        said = re.findall(rf"^fanfold: {host}: .*$", run.stderr(), re.M)
        assert len(said) == 1 and f"gave up: fanfold-worker: {command}: " in said[0], run.stderr()
    assert run.stderr().count("the run goes on") == hosts.count(","), run.stderr()


def test_this_host_takes_part_where_it_is_named(case):
    run = Run(case, ":,2/a")
    run.wait_for_workers(2)
    run.finish()


def test_links_go_through_ssh_where_a_tunnel_is_wanted(case):
    run = Run(case, "a,b", "--tunnel")
    run.wait_for_workers(2)
    with open("/proc/net/tcp", encoding="ascii") as file:
        listening = [line.split()[1] for line in file.readlines()[1:] if line.split()[3] == "0A"]
    assert listening
    run.finish()


def test_what_ssh_says_of_a_tunnel_that_ends_nowhere_is_not_passed_on(case):
    """The worker says what that means, and of which run; ssh says "port -2"."""
    run = Run(case, "a", "--tunnel")
    run.wait_for_workers(1)
    there, here = re.search(r"-R\0(.*?\.t):(.*?)\0", command_line(pids_named(case, "ssh")[0])).groups()
    [ventilator] = pids_named(case, "fanfold-ventila")
    os.kill(ventilator, signal.SIGSTOP)  # it would put its socket back
    os.rename(here, here + ".moved")
    with Unix(AF_UNIX) as sock:
        sock.connect(there)
        assert sock.recv(1) == b""  # ssh has said why
    os.rename(here + ".moved", here)
    os.kill(ventilator, signal.SIGCONT)
    run.finish()
    assert "port -2" not in run.process.stderr()


def test_a_worker_that_dies_is_followed_by_another(case):
    run = Run(case, "a")
    [(first, program)] = run.wait_for_workers(1).items()
    os.kill(worker_of(program), signal.SIGKILL)
    run.process.wait_for_stderr("^fanfold: a: lost its worker: .*; starting another")
    assert first in run.wait_for_workers(2)
    run.finish()


def worker_of(program):
    """The worker above a program of its."""
    pid = program
    while True:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            pid = int(file.read().rpartition(")")[2].split()[1])
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            if file.read().strip() == "fanfold-worker":
                return pid


def test_what_minds_the_connections_is_named_for_what_it_is(case):
    run = Run(case, "a")
    run.wait_for_workers(1)
    [pid] = pids_named(case, "fanfold-ssh")
    os.kill(pid, signal.SIGKILL)
    run.process.wait_for_stderr("^fanfold: fanfold-ssh, which minds the connections to other hosts, was killed by signal 9 .*; starting it again")
    run.wait_for_workers(2)
    run.finish()
    assert "fanfold-worker was killed" not in run.process.stderr()


@pytest.mark.parametrize("ssh", ["ssh -F nowhere", "ssh -o NoSuchOption=1", "ssh --no-such-option", "/nowhere/ssh"])
def test_an_ssh_that_refuses_its_options_is_not_tried_again(case, ssh):
    run = case.run("fanfold", "-S", "a:2222", "--ssh", ssh, "--", "cat", stdin=b"a\n", cwd=case.directory)
    run.expect(5)
    assert re.search(rf"^fanfold: a:2222: gave up: .*: '{ssh} -o BatchMode=yes -p 2222 a true' must work$", run.stderr(), re.M), run.stderr()
    assert "again" not in run.stderr()


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupted_run_leaves_no_process_on_any_host(case, times):
    run = Run(case, "a,b")
    run.wait_for_workers(2)
    for _ in range(times):
        run.process.signal_group(signal.SIGINT)
    assert run.process.wait() == 130
    run.end()


@pytest.mark.parametrize("victim", ["fanfold", "fanfold-ssh", "ssh"])
def test_a_worker_ends_when_its_ssh_does(case, victim):
    run = Run(case, "a,b", "--patience", "5s")
    run.wait_for_workers(2)
    before = run.workers()
    pids = {
        "fanfold": lambda: [run.process.pid],
        "fanfold-ssh": lambda: pids_named(case, "fanfold-ssh"),
        "ssh": lambda: pids_named(case, "ssh"),
    }[victim]()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, before.values())), "the programs to end")
    if victim == "ssh":  # there are others then
        run.wait_for_workers(4)
        run.finish()
        return
    if run.process.running():
        run.process.signal(signal.SIGTERM)
    run.process.wait()
    wait_for(lambda: not [pid for name in ("fanfold-worker", "fanfold-keeper") for pid in pids_named(case, name)], "workers to end")
    run.end()


def is_alive(pid):
    return os.path.exists(f"/proc/{pid}")


def command_line(pid):
    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
        return file.read()


def pids_named(case, name):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/comm", encoding="utf-8", errors="replace") as file:
                same = file.read().strip() == name
            with open(f"/proc/{entry}/environ", "rb") as file:
                ours = case.id.encode() in file.read()
        except OSError:
            continue
        if same and ours:
            found.append(int(entry))
    return found


def test_the_file_of_hosts_is_read_again_when_it_changes(case):
    hosts = case.file("hosts", b"a\n")
    run = Run(case, None, "--slf", hosts)
    run.wait_for_workers(1)
    hosts.with_suffix(".new").write_text("# two now\na\nb\n")
    os.replace(hosts.with_suffix(".new"), hosts)
    run.wait_for_workers(2)
    run.finish()


def test_a_run_does_not_wait_for_the_file_of_hosts(case):
    """Its file system stalls: a worker's lines are passed on, another is started, and Ctrl-C ends it all."""
    with stalling(case) as disk:
        (disk.behind / "hosts").write_text("a\n")
        run = Run(case, None, "--slf", disk.path / "hosts")
        [program] = run.wait_for_workers(1).values()
        disk.stall()
        [watching] = case.wait_for(lambda: pids_named(case, "fanfold-hosts"), "the file to be watched")
        case.wait_for(lambda: waits_for_disk(watching), "it to wait for the file system")
        os.kill(worker_of(program), signal.SIGKILL)
        run.process.wait_for_stderr("^fanfold: a: lost its worker: .*; starting another")
        run.wait_for_workers(2)
        for _ in range(2):
            run.process.signal_group(signal.SIGINT)
        assert run.process.wait() == 130
    run.end()


def waits_for_disk(pid):
    with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
        return file.read() == "request_wait_answer"  # FUSE's


def test_a_file_of_hosts_that_is_empty_for_a_moment_loses_no_host(case):
    hosts = case.file("hosts", b"a\n")
    run = Run(case, None, "--slf", hosts)
    run.wait_for_workers(1)
    hosts.write_bytes(b"# none\n")
    run.process.wait_for_stderr("^fanfold: a: no longer named; its worker leaves")
    run.gate.open()  # it finishes what it runs
    wait_for(lambda: not pids_named(case, "fanfold-worker"), "the worker to leave")
    run.gate.shut()
    hosts.write_bytes(b"a\n")
    run.wait_for_workers(2)
    run.finish()


def test_this_host_is_reached_here_though_its_person_came_by_ssh(case):
    run = Run(case, ":,d-away", env={"SSH_CONNECTION": "203.0.113.9 1 203.0.113.8 22"})
    run.wait_for_workers(1)
    run.finish()


def test_a_key_that_cannot_be_read_ends_the_run(case):
    case.run("fanfold-keygen", "keys", cwd=case.directory).expect(0)
    case.path("keys/worker.key_secret").unlink()
    run = case.run("fanfold", "-S", ":", "--keys", "keys", "--", "cat", stdin=b"a\n")
    run.expect(4)
    assert "cannot read keys/worker.key_secret" in run.stderr(), run.stderr()


def test_a_file_to_transfer_that_is_not_there_is_refused(case):
    run = case.run("fanfold", "-S", ":", "--transfer-file", "nowhere", "--", "cat", stdin=b"a\n")
    run.expect(2)
    assert "--transfer-file: cannot read nowhere" in run.stderr(), run.stderr()


def test_files_are_transferred_before_a_worker_starts(case):
    sshd = Sshd(case)
    case.file("names.txt", b"alpha\nbeta\n")
    there = case.path("there")
    run = case.run(
        "fanfold", "-S", "a", "--ssh", sshd.ssh, "--transfer-file", "names.txt", "--workdir", there,
        "--", "sh", "-c", "cat names.txt; cat", stdin=b"gamma\n", cwd=case.directory,
    )
    run.expect(0)
    assert run.output() == b"alpha\nbeta\ngamma\n"


@pytest.mark.parametrize("page", ["README.md", "deploy/man/fanfold-hosts.7"])
def test_the_two_lines_that_are_printed_reach_a_second_host(case, page):
    """As they stand there, but for the command."""
    Sshd(case)
    lines = re.findall(r"^ *(ssh node1 .*|fanfold -S node1,: .*)$", (ROOT / page).read_text(), re.M)
    assert len(lines) == 2, lines
    case.file("big.txt", INPUT)
    case.file("in.txt", INPUT)
    case.file("filter", b"#!/bin/sh\nexec tr a-z A-Z\n").chmod(0o755)
    shown = case.run("sh", "-c", lines[0])
    shown.expect(0)
    assert shown.output().startswith(b"fanfold-worker "), shown.output()
    case.run("sh", "-c", lines[1].replace("./filter", str(case.path("filter")))).expect(0)
    assert case.path("out.txt").read_bytes() == INPUT.upper()


@pytest.mark.parametrize("login", ["-oProxyCommand=x", "0/a", "a:0", ""])
def test_what_is_no_login_is_refused(case, login):
    run = case.run("fanfold", "-S", login, "--", "cat", stdin=b"")
    run.expect(2)
    assert run.stderr().startswith("fanfold: -S: "), run.stderr()


def test_no_secret_is_on_a_command_line(case):
    run = Run(case, "a")
    run.wait_for_workers(1)
    secrets = [line.split('"')[1] for path in case.tmp.parent.rglob("*.key_secret") for line in path.read_text().splitlines() if "secret-key" in line]
    assert secrets and build_directory()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read()
        except OSError:
            continue
        assert not any(secret.encode() in words for secret in secrets)
    run.finish()
