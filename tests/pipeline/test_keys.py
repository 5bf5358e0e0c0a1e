# SPDX-License-Identifier: MIT
"""Keys of tcp links as a person uses them: made by fanfold-keygen, given by --keys, or in a variable."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
from harness import ROOT, build_directory
from keyed import LINES, make_keys, secret_of, secrets_in, start_sink, start_ventilator, start_worker

# What a user's program sees of the key, after it has waited at the gate.
SEES = "echo \"key=${FANFOLD_KEY-none}\" >>\"$NOTES\"; tr '\\0' '\\n' </proc/$$/environ | grep -c '^FANFOLD_KEY=' >>\"$NOTES\"; : <\"$GATE\"; cat"
LINES_PROGRAM = """
import os, sys
with open(os.environ["NOTES"], "a") as notes:
    print("key=" + os.environ.get("FANFOLD_KEY", "none"), file=notes)
    print(int(b"FANFOLD_KEY=" in open("/proc/self/environ", "rb").read()), file=notes, flush=True)
open(os.environ["GATE"]).close()
for line in sys.stdin:
    print(line, end="", flush=True)
"""
FRAMES_PROGRAM = """
import os, sys
sys.path.insert(0, SDK)
import fanfold
def prepare():
    with open(os.environ["NOTES"], "a") as notes:
        print("key=" + os.environ.get("FANFOLD_KEY", "none"), file=notes)
        print(int(b"FANFOLD_KEY=" in open("/proc/self/environ", "rb").read()), file=notes, flush=True)
def process(chunk, state):
    open(os.environ["GATE"]).close()
    return chunk
fanfold.serve(process, prepare)
"""


def by_hand(case, worker_words, **more):
    """Three roles, each with its own key; the worker's options and the rest are the test's."""
    keys = case.path("keys")
    ventilator, tasks = start_ventilator(case, "--keys", keys)
    sink = start_sink(case, tasks, "--keys", keys)
    worker = start_worker(case, tasks, *worker_words, **more)
    return ventilator, sink, worker


def expect_end(*processes):
    for process in processes:
        process.expect(0)


def test_three_roles_meet_over_tcp_by_keys(case):
    keys = make_keys(case)
    ventilator, sink, worker = by_hand(case, ["--keys", keys, "--", "cat"])
    expect_end(ventilator, sink, worker)
    assert sink.output() == LINES
    for process in (ventilator, sink, worker):
        assert "warning" not in process.stderr() and "refused" not in process.stderr(), process.stderr()


MODES = {
    "exec": lambda case: ["--shell", SEES],
    "lines": lambda case: ["--mode", "lines", "--", sys.executable, case.file("lines.py", LINES_PROGRAM.encode())],
    "frames": lambda case: [
        "--mode",
        "frames",
        "--",
        "/usr/bin/python3",
        case.file("frames.py", f"SDK = {str(ROOT / 'worker/sdk')!r}{FRAMES_PROGRAM}".encode()),
    ],
}


@pytest.mark.parametrize("way", ["file", "stdin", "variable"])
@pytest.mark.parametrize("mode", MODES)
def test_no_program_sees_the_key_and_no_command_line_has_it(case, mode, way):
    keys, notes, gate = make_keys(case), case.path("notes"), case.gate()
    file = keys / "worker.key_secret"
    env = {"NOTES": str(notes), "GATE": str(gate)}
    given = {"file": ["--keys", file], "stdin": ["--keys", "-"], "variable": []}[way]
    if way == "variable":
        env["FANFOLD_KEY"] = file.read_text()
    more = {"stdin": file} if way == "stdin" else {}
    ventilator, sink, worker = by_hand(case, [*given, *MODES[mode](case)], env=env, **more)
    case.wait_for(lambda: notes.exists() and notes.read_text().count("\n") >= 2, "the program to look")
    secrets = [secret_of(keys / f"{role}.key_secret") for role in ("ventilator", "sink", "worker")]
    found = secrets_in(case, secrets)
    gate.open()
    expect_end(ventilator, sink, worker)
    assert sink.output() == LINES
    assert set(notes.read_text().split("\n")) == {"key=none", "0", ""}, notes.read_text()
    assert not found, found


def test_no_plugin_sees_the_key(case):
    """It is in the environment of none of the processes that the plugin runs in."""
    keys, notes = make_keys(case), case.path("notes")
    file = keys / "worker.key_secret"
    plugin = build_directory() / "tests/pipeline/misbehaving_program.so"
    env = {"FANFOLD_KEY": file.read_text(), "NOTES": str(notes)}
    ventilator, tasks = start_ventilator(case, "--keys", keys, stdin=subprocess.PIPE)
    sink = start_sink(case, tasks, "--keys", keys)
    worker = start_worker(case, tasks, "--plugin", plugin, env=env)
    case.wait_for(lambda: notes.exists() and "preparing" in notes.read_text(), "the plugin to prepare")
    found = secrets_in(case, [secret_of(file)])
    ventilator.stdin.write(LINES)
    ventilator.stdin.close()
    expect_end(ventilator, sink, worker)
    assert sink.output() == LINES.upper()
    assert not found, found


# ---- what is refused at the start ----


def test_tcp_without_keys_is_refused_with_the_command_that_makes_them(case):
    at = "tcp://127.0.0.1:*"
    for program, words in {
        "fanfold-ventilator": ["--tasks", at],
        "fanfold-sink": ["--tasks", "tcp://127.0.0.1:9"],
        "fanfold-worker": ["--tasks", "tcp://127.0.0.1:9", "--", "cat"],
    }.items():
        run = case.run(program, *words)
        run.expect(2)
        assert "tcp needs keys" in run.stderr() and "make them with fanfold-keygen DIR" in run.stderr(), run.stderr()
        assert "--insecure" in run.stderr() and run.stderr().count("\n") == 1, run.stderr()
    sink = case.run("fanfold-sink", "--tasks", f"ipc://{case.path('tasks')}", "--results", at)
    sink.expect(2)
    assert "tcp needs keys" in sink.stderr(), sink.stderr()


def test_insecure_says_what_the_risk_is(case):
    ventilator, tasks = start_ventilator(case, "--insecure")
    sink = start_sink(case, tasks, "--insecure")
    worker = start_worker(case, tasks, "--insecure", "--", "cat")
    expect_end(ventilator, sink, worker)
    assert sink.output() == LINES
    for process, what in {ventilator: "read the data and join the run", sink: "put results into the output"}.items():
        warning = rf"warning: --insecure: anyone who can reach tcp://127\.0\.0\.1:\d+ can {what}"
        assert re.search(warning, process.stderr()), process.stderr()


@pytest.mark.parametrize("what", ["directory", "file"])
def test_keys_that_others_can_read_are_refused(case, what):
    keys = make_keys(case)
    if what == "directory":
        keys.chmod(0o755)
    else:
        for path in keys.glob("*.key_secret"):
            path.chmod(0o640)
    runs = {
        "fanfold-ventilator": ["--tasks", "tcp://127.0.0.1:*"],
        "fanfold-sink": ["--tasks", "tcp://127.0.0.1:9"],
    }
    if what == "file":
        runs["fanfold-worker"] = ["--tasks", "tcp://127.0.0.1:9", "--", "cat"]
    for program, words in runs.items():
        run = case.run(program, "--keys", keys, *words)
        run.expect(2)
        assert "other users can" in run.stderr() and "chmod" in run.stderr(), run.stderr()
    again = case.run("fanfold", "--keys", keys, "--tasks", "tcp://127.0.0.1:*", "cat", stdin=LINES)
    again.expect(2)
    assert "other users can" in again.stderr(), again.stderr()
    case.assert_no_leftovers()
    case.assert_no_files_left()


def test_a_key_of_another_role_is_refused_by_its_own_program(case):
    keys = make_keys(case)
    run = case.run("fanfold-worker", "--keys", keys / "sink.key_secret", "--tasks", "tcp://127.0.0.1:9", "cat")
    run.expect(2)
    assert "this is the key of a sink: expected a worker's" in run.stderr(), run.stderr()
    public = case.run("fanfold-worker", "--keys", keys / "worker.key", "--tasks", "tcp://127.0.0.1:9", "cat")
    public.expect(2)
    assert "has no secret key: expected the file that ends in _secret" in public.stderr(), public.stderr()
    for text in ("", "nonsense", "x" * 100000):
        wrong = case.run("fanfold-worker", "--tasks", "tcp://127.0.0.1:9", "cat", env={"FANFOLD_KEY": text})
        wrong.expect(2)
        assert "FANFOLD_KEY" in wrong.stderr() and wrong.stderr().count("\n") == 1, wrong.stderr()


# ---- the endpoint file ----


def mode_of(path):
    return path.stat().st_mode & 0o777


def test_the_endpoint_file_says_where_and_is_gone_at_the_end(case):
    keys, file, gate = make_keys(case), case.path("where.json"), case.gate()
    os.umask(0)
    ventilator = case.start(
        "fanfold-ventilator", "--keys", keys, "--tasks", "tcp://127.0.0.1:*", "--endpoint-file", file, stdin=LINES
    )
    case.wait_for(file.exists, "the endpoint file")
    first = json.loads(file.read_text())
    assert mode_of(file) == 0o600 and first["results"] == [] and first["pid"] == ventilator.pid, first
    sink = start_sink(case, first["tasks"][0], "--keys", keys)
    case.wait_for(lambda: json.loads(file.read_text())["results"], "the sink's endpoints in the file")
    told = json.loads(file.read_text())
    assert mode_of(file) == 0o600 and told["tasks"] == first["tasks"], told
    assert told["results"][0].startswith("tcp://127.0.0.1:"), told
    public = (keys / "ventilator.key").read_text()
    assert f'public-key = "{told["ventilator_key"]}"' in public and told["key_file"] is None, told
    worker = start_worker(case, told["tasks"][0], "--keys", keys, "--shell", ": <\"$GATE\"; cat", env={"GATE": str(gate)})
    gate.open()
    expect_end(ventilator, sink, worker)
    assert not file.exists() and not list(case.directory.glob("where.json*"))


def test_the_endpoint_file_of_one_command_names_what_other_hosts_reach(case):
    file, gate = case.path("where.json"), case.gate()
    words = ["--tasks", "tcp://127.0.0.1:*", "--endpoint-file", file, "--shell", ": <\"$GATE\"; cat"]
    run = case.start("fanfold", *words, stdin=LINES, env={"GATE": str(gate)})
    case.wait_for(lambda: file.exists() and json.loads(file.read_text())["results"], "the sink's endpoints in the file")
    told = json.loads(file.read_text())
    assert all(endpoint.startswith("tcp://127.0.0.1:") for endpoint in told["tasks"] + told["results"]), told
    gate.open()
    expect_end(run)


@pytest.mark.parametrize("victim", ["the launcher", "the ventilator"])
@pytest.mark.parametrize("other", [False, True])
def test_the_endpoint_file_is_gone_whoever_is_killed_unless_it_is_anothers(case, victim, other):
    file, gate = case.path("where.json"), case.gate()
    words = ["--tasks", "tcp://127.0.0.1:*", "--endpoint-file", file.name, "--shell", ": <\"$GATE\"; cat"]
    run = case.start("fanfold", *words, stdin=LINES, env={"GATE": str(gate)}, cwd=case.directory)
    told = case.wait_for(lambda: file.exists() and json.loads(file.read_text()), "the endpoint file")
    if other:
        file.with_suffix(".new").write_text(json.dumps({**told, "pid": os.getpid()}))
        os.replace(file.with_suffix(".new"), file)
    os.kill(run.pid if victim == "the launcher" else told["pid"], signal.SIGKILL)
    run.wait()
    case.wait_for(lambda: not case.leftovers(), "all processes to end")
    assert file.exists() == other


def test_an_endpoint_file_that_cannot_be_written_is_said(case):
    keys = make_keys(case)
    words = ["--keys", keys, "--tasks", "tcp://127.0.0.1:*", "--endpoint-file", case.path("no/where.json")]
    run = case.run("fanfold-ventilator", *words, stdin=LINES)
    assert run.status not in (0, 2) and "cannot write" in run.stderr(), (run.status, run.stderr())
