# SPDX-License-Identifier: MIT
"""A run that is open to other hosts: the addresses it is bound to, and how workers reach it."""

import re
import shlex
import signal
import socket
import subprocess

import pytest
from harness import program_path

INPUT = b"".join(b"record %d\n" % number for number in range(5000))
OPEN = ("--quiet", "--insecure")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", "*", "0.0.0.0", "lo", "[::1]", "[::]"])
def test_whatever_is_bound_the_roles_of_this_host_meet(case, host):
    if host.startswith("[") and not has_ipv6():
        case.skip("this machine has no IPv6")
    words = ["--tasks", f"tcp://{host}:*", "--results", f"tcp://{host}:*", "-N100", "--", "cat"]
    run = case.run("fanfold", *OPEN, *words, stdin=INPUT)
    run.expect(0)
    assert run.output() == INPUT
    case.assert_no_leftovers()
    case.assert_no_files_left()


def test_an_address_of_another_host_is_refused(case):
    run = case.run("fanfold", *OPEN, "--tasks", "tcp://203.0.113.7:*", "--results", "tcp://127.0.0.1:*", "cat", stdin=b"")
    run.expect(2)
    assert re.search(r"cannot bind tcp://203\.0\.113\.7:\*: expected an address of this host", run.stderr()), run.stderr()
    case.assert_no_leftovers()


def test_the_port_that_the_system_chose_is_said(case):
    run = case.run("fanfold", "--insecure", "--tasks", "tcp://*:*", "--results", "tcp://*:*", "cat", stdin=INPUT)
    run.expect(0)
    said = rf"^fanfold-ventilator: workers on other hosts join by: fanfold-worker --tasks tcp://{re.escape(socket.gethostname())}:\d+ --insecure -- cat$"
    assert re.search(said, run.stderr(), re.MULTILINE), run.stderr()


def is_reached_by(case, worker_of):
    gate = case.gate()
    script = f"[ -n \"$HERE\" ] || : <{shlex.quote(str(gate))}; cat; echo \"$HERE\" >&2"
    words = ["--insecure", "--tasks", "tcp://*:*", "--results", "tcp://*:*", "-j1", "-N1000"]
    run = case.start("fanfold", *words, "--shell", script, stdin=INPUT)
    port = run.wait_for_stderr(r"--tasks tcp://[^:]+:(\d+) ")[1]
    worker = case.start(*worker_of(f"tcp://127.0.0.1:{port}", script), env={"HERE": "the other worker"})
    worker.wait_for_stderr("the other worker")
    gate.open()
    run.expect(0)
    worker.expect(0)
    assert run.output() == INPUT
    case.assert_no_leftovers()


def test_a_worker_beside_it_joins_at_the_public_port(case):
    is_reached_by(case, lambda tasks, script: ["fanfold-worker", "--insecure", "--tasks", tasks, "-j1", "--shell", script])


def test_a_worker_that_cannot_see_the_private_directory_sends_its_results_by_tcp(case):
    """As on another host: the first of the sink's endpoints is a path that is not there."""
    hidden = ["unshare", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs none {shlex.quote(str(case.path('run')))}"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode != 0:
        case.skip("mount namespaces are not allowed here")
    worker = program_path("fanfold-worker")
    is_reached_by(
        case,
        lambda tasks, script: [
            *hidden,
            f"{mount} && exec {shlex.quote(worker)} --insecure --tasks {tasks} -j1 --log-level info --shell {shlex.quote(script)}",
        ],
    )


def test_a_worker_says_which_host_it_cannot_resolve(case):
    """libzmq tries such an endpoint for ever, in silence."""
    nowhere = "no-such-host.invalid"
    tasks, results = case.endpoints()[1], "tcp://127.0.0.1:*"
    sink = case.start("fanfold-sink", "--insecure", "--tasks", tasks, "--results", results, "--advertise", nowhere)
    worker = case.start("fanfold-worker", "--insecure", "--tasks", tasks, "--", "cat")
    ventilator = case.start("fanfold-ventilator", "--tasks", tasks, stdin=INPUT)
    lost = case.start("fanfold-worker", "--insecure", "--tasks", f"tcp://{nowhere}:5557", "--", "cat")
    worker.wait_for_stderr(f'^fanfold-worker: warning: cannot resolve "{nowhere}", .*: give the sink --advertise, with a name')
    lost.wait_for_stderr(f'^fanfold-worker: warning: cannot resolve "{nowhere}", the host of --tasks$')
    for process in (lost, ventilator, worker, sink):
        process.signal(signal.SIGKILL)
        process.wait()
