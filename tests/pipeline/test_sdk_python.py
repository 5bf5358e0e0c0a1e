# SPDX-License-Identifier: MIT
"""fanfold.py's side of FRAMES/1 and FORK/1; this test plays the worker."""

import ast
import os
import signal

import pytest
from frames import (
    PYTHON,
    Program,
    ForkServer,
    check_failed_preparation,
    check_lonely_end,
    check_order,
    check_preparation,
    check_replacement,
    check_slots,
    check_task,
)
from harness import ROOT

SLOTS = 8

UPPER = """
def process(chunk, state):
    return chunk.upper()
fanfold.serve(process)
"""


def test_chunks_are_answered_in_order_until_there_are_no_more(case):
    program = Program(case, PYTHON, UPPER).ready()
    check_order(program)
    program.end()


def test_a_program_prepares_once_and_says_ready_after_it(case):
    program = Program(
        case, PYTHON,
        """
def prepare():
    print("prepared", flush=True)
    return {"calls": 0}
def process(chunk, state):
    state["calls"] += 1
    return b"%d" % state["calls"]
fanfold.serve(process, prepare)
print("the end")
""",
    ).ready()
    check_preparation(program, b"%d", "prepared")


def test_a_program_knows_its_task(case):
    body = "fanfold.serve(lambda chunk, state: repr(tuple(fanfold.task())).encode())"
    check_task(Program(case, PYTHON, body).ready(), b"(%d, %d, %d, %d)")


def test_results_are_bytes_of_any_kind(case):
    program = Program(
        case, PYTHON,
        """
import array
def lines():
    yield b"one "
    yield bytearray(b"two ")
    yield memoryview(b"three")
results = {
    b"bytes": b"b", b"bytearray": bytearray(b"ba"), b"memoryview": memoryview(b"xmvx")[1:3],
    b"array": array.array("H", [0x3231, 0x3433]), b"empty array": array.array("d"), b"list": [b"a", b"b"],
    b"empty": [], b"generator": lines(),
}
fanfold.serve(lambda chunk, state: results[chunk])
""",
    ).ready()
    program.expect(b"bytes", b"b")
    program.expect(b"bytearray", b"ba")
    program.expect(b"memoryview", b"mv")
    program.expect(b"array", b"1234")
    program.expect(b"empty array", b"")
    program.expect(b"list", b"ab")
    program.expect(b"empty", b"")
    program.expect(b"generator", b"one two three")
    program.end()


def test_what_is_no_result_is_named(case):
    program = Program(
        case, PYTHON,
        """
def broken():
    yield b"one"
    raise LookupError("in the middle")
results = {
    b"str": "text", b"none": None, b"int": 5, b"strs": ["a"], b"ints": [b"x", 5], b"dict": {"a": 1},
    b"broken": broken(), b"object": object(),
}
fanfold.serve(lambda chunk, state: results[chunk])
""",
    ).ready()
    assert program.expect_failure(b"str").strip() == "TypeError: process returned str, not bytes: .encode() it"
    program.expect_failure(b"none", "process returned None, not bytes: does it lack a return?")
    program.expect_failure(b"int", "process returned int, not bytes or an iterable of bytes")
    program.expect_failure(b"object", "process returned object, not bytes or an iterable of bytes")
    program.expect_failure(b"strs", "whose item 0 is str, not bytes: .encode() it")
    program.expect_failure(b"ints", "whose item 1 is int, not bytes")
    program.expect_failure(b"dict", "process returned dict, not bytes or an iterable of bytes in their order")
    program.expect_failure(b"broken", "LookupError: in the middle")
    program.end()


def test_an_exception_becomes_the_message_and_the_program_lives_on(case):
    program = Program(
        case, PYTHON,
        """
class Silent(Exception):
    def __str__(self):
        raise ValueError
def deep(n):
    return deep(n - 1) if n else 1 // 0
def process(chunk, state):
    if chunk == b"exit":
        sys.exit(3)
    if chunk == b"interrupt":
        raise KeyboardInterrupt
    if chunk == b"silent":
        raise Silent
    if chunk == b"long":
        raise ValueError("x" * 100000 + "the end")
    if chunk == b"deep":
        deep(900)
    if chunk == b"recursion":
        deep(10000)
    return int(chunk) and chunk
fanfold.serve(process)
""",
    ).ready()
    message = program.expect_failure(b"x7", "Traceback", "program.py", "return int(chunk)", "ValueError: invalid literal")
    assert "fanfold/__init__.py" not in message, message
    program.expect_failure(b"exit", "SystemExit: 3", "sys.exit(3)")
    program.expect_failure(b"interrupt", "KeyboardInterrupt")
    program.expect_failure(b"silent", "Silent")
    assert len(program.expect_failure(b"long", "the end")) <= 4096
    assert len(program.expect_failure(b"deep", "ZeroDivisionError")) <= 4096
    program.expect_failure(b"recursion", "RecursionError")
    program.expect(b"7", b"7")
    program.end()


def test_prints_go_to_standard_error_and_standard_input_is_empty(case):
    program = Program(
        case, PYTHON,
        """
import subprocess
print("before serve", flush=True)
def process(chunk, state):
    print("print", chunk)
    os.write(1, b"write\\n")
    subprocess.run(["echo", "child"])
    heard = subprocess.run(["cat"], stdout=subprocess.PIPE).stdout
    return repr((sys.stdin.read(), heard, os.read(0, 10))).encode()
fanfold.serve(process)
""",
    ).ready()
    program.expect(b"x", b"('', b'', b'')")
    program.expect(b"y", b"('', b'', b'')")
    program.end()
    said = program.process.stderr().splitlines()
    assert said == ["before serve"] + ["print b'x'", "write", "child", "print b'y'", "write", "child"], said


def test_a_huge_chunk_has_a_huge_result(case):
    program = Program(case, PYTHON, "fanfold.serve(lambda chunk, state: [chunk, memoryview(chunk), b'.'])").ready()
    chunk = os.urandom(1 << 20) * 64
    # The program answers when it has read all.
    program.expect(chunk, chunk * 2 + b".")
    program.expect(b"small", b"smallsmall.")
    program.end()


def test_a_forked_child_a_thread_and_a_child_process_left_behind_answer_nothing(case):
    program = Program(
        case, PYTHON,
        """
import subprocess, threading
def process(chunk, state):
    if chunk == b"fork":
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return b"once"
    if chunk == b"thread":
        threading.Thread(target=print, args=["thread"]).start()
    if chunk == b"child":
        subprocess.Popen(["sleep", "1000"])
    return chunk
fanfold.serve(process)
""",
    ).ready()
    program.expect(b"fork", b"once")
    program.expect(b"thread", b"thread")
    program.expect(b"child", b"child")
    program.end()
    for pid in case.pids_of("sleep"):
        os.kill(pid, signal.SIGKILL)


def test_a_program_whose_worker_is_gone_ends_without_a_word(case):
    check_lonely_end(case, PYTHON, UPPER)


RECORDS = """
def process(record, state):
    if record == b"drop":
        return None
    if record == b"two":
        return [b"one", b"two"]
    return b"%d" % (int(record) + 1)
fanfold.serve_records(process, **{})
"""


def test_records_are_answered_one_by_one(case):
    program = Program(case, PYTHON, RECORDS.replace("{}", "{'header': 1}")).ready()
    program.expect(b"n\n1\n2\n", b"n\n2\n3\n")
    program.expect(b"n\n1\ndrop\n7", b"n\n2\n8\n")
    program.expect(b"n\ntwo\n", b"n\none\ntwo\n")
    program.expect(b"", b"")
    message = program.expect_failure(b"n\n1\nx\n", "record 3 of the chunk, 'x'", "ValueError", "program.py")
    assert "fanfold/__init__.py" not in message, message
    assert "record" not in program.expect_failure(b"n\n" + b"9" * 5000, "record 2", "...\n").partition("\n")[2][:10]
    message = "2 records as fanfold cuts them, and 3 that end with"
    assert message in program.ask(b"n\n1\n2\n3\n", records=2)[1].decode()
    assert program.ask(b"n\n1\n2\n", records=2) == ("+", b"n\n2\n3\n")
    program.end()
    zeros = Program(case, PYTHON, RECORDS.replace("{}", "{'end': b'\\0'}")).ready()
    zeros.expect(b"1\0drop\0005", b"2\0006\0")
    zeros.expect_failure(b"\0", "record 1")
    zeros.end()


def test_by_hand_a_program_takes_its_input_as_one_chunk(case):
    body = RECORDS + "print('the end')"
    run = PYTHON.by_hand(case, body, b"1\n2\n")
    assert (run.status, run.output(), run.stderr()) == (0, b"2\n3\n", "the end\n"), (run.output(), run.stderr())
    run = PYTHON.by_hand(case, body, b"1\nx\n")
    assert run.status == 1 and run.output() == b""
    assert "record 2 of the chunk, 'x'" in run.stderr() and "ValueError" in run.stderr(), run.stderr()


PREPARED = """
import atexit, gc
atexit.register(lambda: print("atexit"))
def prepare():
    print("prepared")
    return bytes(1 << 20)
def process(chunk, state):
    print("process", chunk)
    if chunk == b"die":
        os._exit(3)
    return f"{os.getpgid(0) == os.getpid()} {os.environ['FANFOLD_SLOT']} {fanfold.task().slot} {len(state)} {gc.get_freeze_count() > 100}".encode()
fanfold.serve(process, prepare)
print("the end")
"""
ANSWER = b"True %d %d 1048576 True"


def test_a_program_is_forked_to_slots_after_it_has_prepared(case):
    server = ForkServer(case, PYTHON, PREPARED).ready()
    said = "prepared\nthe end\natexit\n"
    check_slots(server, range(SLOTS), ANSWER, "process b'x'\n", said)


def test_a_slot_that_died_is_forked_again_without_preparing(case):
    check_replacement(ForkServer(case, PYTHON, PREPARED).ready(), b"die", ANSWER)


def test_slots_have_no_descriptor_but_their_own(case):
    server = ForkServer(case, PYTHON, "fanfold.serve(lambda chunk, state: ' '.join(sorted(os.listdir('/proc/self/fd'))).encode())")
    server.ready()
    first = server.fork(1)
    second = server.fork(2)
    counts = [len(slot.ask(b"x")[1].split()) for slot in (first, second)]
    assert counts == [6, 6], counts  # 0, 1, 2, the two of FRAMES, and the listing's
    first.end()
    second.end()
    assert len(os.listdir(f"/proc/{server.process.pid}/fd")) == 4
    server.end()


def test_a_program_whose_preparation_fails_says_why(case):
    for body, status in (("raise LookupError('no model')", 1), ("sys.exit(7)", 7), ("os._exit(8)", 8)):
        body = f"def prepare():\n    {body}\nfanfold.serve(print, prepare)\nprint('never')"
        check_failed_preparation(case, PYTHON, body, status)


def test_threads_that_prepare_leaves_are_warned_of(case):
    server = ForkServer(
        case, PYTHON,
        """
import threading
def prepare():
    threading.Thread(target=threading.Event().wait, name="heartbeat", daemon=True).start()
fanfold.serve(lambda chunk, state: chunk, prepare)
""",
    ).ready()
    assert "heartbeat" in server.process.stderr() and "--prepare-each" in server.process.stderr()
    server.fork(1).end()
    server.end()


def test_a_request_without_descriptors_is_answered(case):
    server = ForkServer(case, PYTHON, UPPER).ready()
    server.link.send(b"slot 5")
    assert server.link.recv(100) == b"slot 5 error too few descriptors came with the request"
    server.fork(5).end()
    server.end()


def test_the_module_is_typed_throughout_and_for_python_3_9():
    text = (ROOT / "worker" / "sdk" / "fanfold" / "__init__.py").read_text(encoding="utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert len(functions) > 20
    for function in functions:
        untyped = [argument.arg for argument in function.args.args + function.args.kwonlyargs if not argument.annotation]
        assert function.returns is not None and not untyped, f"{function.name}: {untyped or 'result'}"


@pytest.mark.parametrize(("call", "what"), [("serve", "chunk"), ("serve_records", "record")])
def test_a_function_without_a_place_for_the_state_is_refused_at_the_start(case, call, what):
    script = case.file("program.py", f"import fanfold\ndef mine(one):\n    return one\nfanfold.{call}(mine)\n".encode())
    run = case.run("fanfold", "--mode", "frames", "-j1", "--", PYTHON.interpreter, script, stdin=b"a\n")
    run.expect(126)
    assert f"TypeError: mine is called as mine({what}, state): too many positional arguments" in run.stderr()
