# SPDX-License-Identifier: MIT
"""Workers of somebody else's make that are wrong in one place: the smallest worker of PROTOCOL.md, with a slip.

Whatever the slip, the output is right or the status says that it is not, and somebody is told what is wrong.
"""

import re
from pathlib import Path

import msgpack
import pytest
import zmq

PROTOCOL = Path(__file__).resolve().parent.parent.parent / "common/PROTOCOL.md"
LINES = b"".join(b"%d\n" % number for number in range(400))
WANTED = LINES.translate(bytes.maketrans(b"0123456789", b"abcdefghij"))
NO_MARK = "entry = [seq, task.attempt, len(task.result), task.run_us, task.mark, []]"


def with_slip(case, right, wrong, name="worker.py"):
    """The worker's program, with `wrong` in the place of `right`."""
    section = PROTOCOL.read_text(encoding="utf-8").partition("### The smallest worker")[2].partition("\n## ")[0]
    text = re.search(r"^```python\n(.*?)^```", section, re.M | re.S)[1]
    assert text.count(right) == 1, right
    return case.file(name, text.replace(right, wrong).encode())


class Run:
    """With `beside`, a worker of ours holds its first task until the foreign one has begun its second."""

    def __init__(self, case, program, *options, beside=True, sink=()):
        self.at = case.endpoints()
        self.output = case.path("out")
        self.sink = case.start("fanfold-sink", *self.at, "-o", self.output, *sink)
        self.ventilator = case.start(
            "fanfold-ventilator", *self.at[:2], "-N", 10, "--liveness", "1s", *options, stdin=LINES
        )
        begun, gate = case.path("begun"), case.gate()
        command = ["sh", "-c", f"echo >>{begun}; exec tr 0-9 a-j"]
        self.foreign = case.start("/usr/bin/python3", "-B", program, self.at[1], *command, name="foreign")
        if beside:
            command = ["sh", "-c", f": <{gate}; exec tr 0-9 a-j"]
            self.ours = case.start("fanfold-worker", *self.at[:2], "-j1", "--", *command)
            case.wait_for(lambda: begun.exists() and begun.read_text().count("\n") > 1, "the foreign worker's second task")
            gate.open()


SLIPS = {
    "the mark of the task before": "task.last, Task.last = getattr(Task, 'last', task.mark), task.mark; mark = task.last",
    "always the first mark": "Task.first = getattr(Task, 'first', task.mark); mark = Task.first",
    "a mark that was decoded as text": "mark = task.mark.decode('latin-1').encode()",
    "no mark": "mark = b''",
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_wrong_mark_is_refused_and_the_output_is_right(case, slip):
    right = NO_MARK
    program = with_slip(case, right, f"{SLIPS[slip]}; {right.replace('task.mark', 'mark')}")
    run = Run(case, program, "--retries", 1000, "--min-workers", 2)
    run.ventilator.expect(0)
    run.sink.expect(0)
    assert run.output.read_bytes() == WANTED
    assert re.search(r"the sink refuses a result from the worker on .*mark", run.ventilator.stderr())
    assert re.search(r"refused a result: .*mark", run.sink.stderr())


def test_a_worker_alone_whose_marks_are_wrong_ends_the_run(case):
    right = NO_MARK
    run = Run(case, with_slip(case, right, right.replace("task.mark", "b'' ")), beside=False)
    run.ventilator.expect(3)
    assert "mark" in run.ventilator.stderr()
    assert not run.output.exists()


def test_a_result_of_a_task_that_it_was_not_given_does_not_get_into_the_output(case):
    right = NO_MARK
    run = Run(case, with_slip(case, right, right.replace("[seq,", "[seq + 1000,")), "--min-workers", 2)
    run.ventilator.expect(0)
    assert run.output.read_bytes() == WANTED
    assert "mark" in run.ventilator.stderr()


def test_a_result_that_never_arrives_is_given_to_somebody_else(case):
    right = "    push.send_multipart([msgpack.packb([8, run, epoch, uuid, [entry]], use_bin_type=True), task.result])\n"
    run = Run(case, with_slip(case, right, ""), "--min-workers", 2)
    run.ventilator.expect(0)
    assert run.output.read_bytes() == WANTED
    assert re.search(r"the worker on \S+ \(process \d+\) says that it has results, but they do not reach", run.ventilator.stderr())


def test_a_result_above_the_limit_is_said_with_its_size(case):
    program = with_slip(case, "            if len(task.result) > max_result:\n                fail(seq, 5)\n            elif", "            if")
    at = case.endpoints()
    sink = case.start("fanfold-sink", *at, "--max-result", "1M")
    ventilator = case.start("fanfold-ventilator", *at[:2], "--retries", 2, stdin=b"x\n")
    case.start("/usr/bin/python3", "-B", program, at[1], "head", "-c", "3M", "/dev/zero", name="foreign")
    ventilator.expect(3)
    for process in (ventilator, sink):
        assert "the result of task 0 has 3145728 bytes, and the sink takes 1048576 (--max-result)" in process.stderr()


def test_several_results_in_one_message_above_the_limit_together_are_taken(case):
    right = "    push.send_multipart([msgpack.packb([8, run, epoch, uuid, [entry]], use_bin_type=True), task.result])\n"
    both = (
        "    both.append((entry, task.result))\n    if len(both) == 2:\n"
        "        frames = [8, run, epoch, uuid, [one for one, _ in both]]\n"
        "        push.send_multipart([msgpack.packb(frames, use_bin_type=True), b''.join(two for _, two in both)])\n"
        "        both.clear()\n"
    )
    program = with_slip(case, right, both)
    program.write_bytes(program.read_bytes().replace(b"ledger = {}", b"both = []\nledger = {}", 1))
    at = case.endpoints()
    sink = case.start("fanfold-sink", *at, "--max-result", "1M")
    ventilator = case.start("fanfold-ventilator", *at[:2], "-N", 1, stdin=b"x\ny\n")
    case.start("/usr/bin/python3", "-B", program, at[1], "head", "-c", "900K", "/dev/zero", name="foreign")
    ventilator.expect(0)
    assert len(sink.output()) == 2 * 900 * 1024


HELLOS = {
    "nonce": ("uuid, nonce, os.uname()", "uuid, 0, os.uname()"),
    "uuid": ("uuid, nonce, run, epoch = os.urandom(16)", "uuid, nonce, run, epoch = bytes(16)"),
    "slots": ("os.getpid(), 1, 2, 0, name", "os.getpid(), 0, 2, 0, name"),
    "host": ("os.uname().nodename, os.getpid()", "os.uname().nodename.encode(), os.getpid()"),
    "ledger": ("epoch, held, [])", "epoch, [[1, 2, 0]], [])"),
}


@pytest.mark.parametrize("field", HELLOS)
def test_a_hello_that_is_wrong_is_rejected_by_the_name_of_its_field(case, field):
    at = case.endpoints()
    ventilator = case.start("fanfold-ventilator", *at[:2], stdin=LINES)
    program = with_slip(case, *HELLOS[field])
    worker = case.start("/usr/bin/python3", "-B", program, at[1], "cat", name="foreign")
    worker.expect(1)
    assert re.search(rf"HELLO_WORKER, field \d+, (\w+, )?{field if field != 'ledger' else ''}", worker.stderr())
    ventilator.wait_for_stderr("malformed .*HELLO_WORKER")
    ventilator.signal(15)
    ventilator.expect(143)


def test_a_second_worker_of_one_uuid_is_told_so(case):
    at = case.endpoints()
    sink = case.start("fanfold-sink", *at)
    ventilator = case.start("fanfold-ventilator", *at[:2], "--min-workers", 2, stdin=LINES)
    program = with_slip(case, "uuid, nonce, run, epoch = os.urandom(16)", "uuid, nonce, run, epoch = b'u' * 16")
    workers = [case.start("/usr/bin/python3", "-B", program, at[1], "cat", name="foreign") for _ in range(2)]
    case.wait_for(lambda: not all(worker.running() for worker in workers), "one to be rejected")
    ventilator.wait_for_stderr("rejected a worker with the uuid of the worker on")
    case.start("fanfold-worker", *at[:2], "-j1", "--", "cat")
    ventilator.expect(0)
    assert sink.output() == LINES


def test_a_worker_of_version_1_is_refused_by_a_sentence_that_names_both(case):
    at = case.endpoints()
    ventilator = case.start("fanfold-ventilator", *at[:2], stdin=LINES)
    program = with_slip(case, "say(1, 2, uuid", "say(1, 1, uuid")
    worker = case.start("/usr/bin/python3", "-B", program, at[1], "cat", name="foreign")
    worker.expect(1)
    assert "this ventilator speaks FANFOLD/2, and that was FANFOLD/1" in worker.stderr()
    ventilator.wait_for_stderr("version_differs .*FANFOLD/1 here=FANFOLD/2")
    ventilator.signal(15)
    ventilator.expect(143)


def test_a_message_of_a_type_that_nobody_knows_is_rejected_by_its_number(case):
    at = case.endpoints()
    ventilator = case.start("fanfold-ventilator", *at[:2], stdin=LINES)
    program = with_slip(case, "say(1, 2, uuid", "say(77, 2, uuid")
    worker = case.start("/usr/bin/python3", "-B", program, at[1], "cat", name="foreign")
    worker.expect(1)
    assert "77 is no type of message" in worker.stderr()
    ventilator.signal(15)
    ventilator.expect(143)


def test_a_worker_of_another_make_says_program_0_and_nobody_is_warned(case):
    run = Run(case, with_slip(case, "serving = False  #", "serving = False  #"), "--min-workers", 2)
    run.ventilator.expect(0)
    assert "program_differs" not in run.ventilator.stderr() + run.ours.stderr()


def test_fields_of_a_later_version_are_ignored(case):
    run = Run(case, with_slip(case, "    dealer.send(msgpack.packb(fields,", "    dealer.send(msgpack.packb([*fields, {1: [None, 2.5]}],"), "--min-workers", 2)
    run.ventilator.expect(0)
    assert run.output.read_bytes() == WANTED


# ---- what nobody knows ----

UNKNOWN, PING = 23, 19


@pytest.mark.parametrize("role", ["worker", "sink"])
def test_a_type_that_nobody_knows_is_dropped_and_said_once(case, role):
    tasks = f"ipc://{case.directory}/tasks"
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        router.bind(tasks)
        router.rcvtimeo = 30000
        more = {"worker": ["-j1", "--", "cat"], "sink": ["--results", f"ipc://{case.directory}/results"]}[role]
        program = case.start(f"fanfold-{role}", "--tasks", tasks, *more)
        peer = router.recv_multipart()[0]
        for kind in (77, 77, 78):
            router.send_multipart([peer, msgpack.packb([kind, "what?"])])
        said = []
        while 78 not in said:
            fields = msgpack.unpackb(router.recv_multipart()[1], raw=False, unicode_errors="surrogateescape")
            said += fields[1:2] if fields[0] == UNKNOWN else []
        assert said == [77, 78]
        assert program.running()
        program.signal(15)
        program.wait()


def test_the_ventilator_logs_what_its_peers_did_not_know(case):
    at = case.endpoints()
    ventilator = case.start("fanfold-ventilator", *at[:2], stdin=LINES)
    program = with_slip(case, "dealer.send(", "dealer.send(msgpack.packb([23, 77]))\n    dealer.send(")
    case.start("/usr/bin/python3", "-B", program, at[1], "cat", name="foreign")
    ventilator.wait_for_stderr(r"unknown.*77")
    ventilator.signal(15)
    ventilator.expect(143)
