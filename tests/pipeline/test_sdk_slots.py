# SPDX-License-Identifier: MIT
"""What programs in Python and R do once in each slot, what slots draw at random, and who else may serve: nobody."""

import os
import re

import pytest
from frames import PYTHON, ForkServer, Program, R
from harness import ROOT

# Each answers with what prepare and prepare_slot have made, and how often they ran in this process or before its fork.
PYTHON_HOOK = """
ran = []
def prepare():
    ran.append("prepare")
    return "model"
def prepare_slot(model):
    ran.append("slot")
    print("connected", fanfold.task().slot)
    return f"{model} {fanfold.task().slot} {os.getpid()}"
def process(chunk, state):
    return f"{state} {os.getpid()} {' '.join(ran)}\\n".encode()
fanfold.serve(process, prepare, prepare_slot)
"""
R_HOOK = """
ran <- character()
prepare <- function() {
    ran <<- c(ran, "prepare")
    "model"
}
prepare_slot <- function(model) {
    ran <<- c(ran, "slot")
    cat("connected", fanfold_task()$slot, "\\n")
    paste(model, fanfold_task()$slot, Sys.getpid())
}
process <- function(lines, state) paste(c(state, Sys.getpid(), ran), collapse = " ")
fanfold_serve(process, prepare, text = TRUE, prepare_slot = prepare_slot)
"""
HOOKS = [pytest.param(PYTHON, PYTHON_HOOK, id="python"), pytest.param(R, R_HOOK, id="r")]


@pytest.mark.parametrize("language,body", HOOKS)
def test_a_hook_runs_once_in_each_slot_before_its_first_chunk(case, language, body):
    server = ForkServer(case, language, body).ready()
    for slot in [server.fork(1), server.fork(2), server.fork(1)]:
        for _ in range(2):
            slot.expect(b"x\n", b"model %d %d %d prepare slot\n" % (slot.number, slot.pid, slot.pid))
        assert slot.end().split() == ["connected", str(slot.number)]
    server.end()
    alone = Program(case, language, body).ready()
    alone.expect(b"x\n", b"model 3 %d %d prepare slot\n" % (alone.process.pid, alone.process.pid))
    alone.end()
    hand = language.by_hand(case, body, b"x\n")
    assert re.fullmatch(rb"model 1 (\d+) \1 prepare slot\n", hand.output()), hand.stderr()


@pytest.mark.parametrize(
    "language,body",
    [
        pytest.param(PYTHON, "fanfold.serve_records(lambda line, state: b'%d' % state, lambda: 7, lambda state: None)", id="python"),
        pytest.param(R, "fanfold_serve(function(lines, state) paste(state), function() 7, TRUE, function(state) NULL)", id="r"),
    ],
)
def test_a_hook_that_returns_nothing_leaves_the_state_that_was_prepared(case, language, body):
    program = Program(case, language, body).ready()
    program.expect(b"x\n", b"7\n")
    program.end()


FAILING = [
    pytest.param(PYTHON, "def open_it(state):\n    raise LookupError('no such host')\nfanfold.serve(print, None, open_it)", id="python"),
    pytest.param(R, "fanfold_serve(identity, prepare_slot = function(state) stop('LookupError: no such host'))", id="r"),
]


@pytest.mark.parametrize("language,body", FAILING)
def test_a_hook_that_fails_says_why_and_ends_its_slot(case, language, body):
    server = ForkServer(case, language, body).ready()
    slot = server.begin(4)
    slot.close()
    assert slot.wait() == 1
    said = slot.errors.read().decode()
    slot.errors.close()
    assert "slot 4 ends:" in said and "LookupError: no such host" in said, said
    server.end()


def test_a_run_whose_slots_all_fail_to_begin_ends_with_their_words(case):
    script = PYTHON.script(case, FAILING[0].values[1])
    run = case.run("fanfold", "-j1", "--mode", "frames", "--", PYTHON.interpreter, script, stdin=b"x\n")
    assert (run.status, run.output()) == (4, b""), run.stderr()
    said = [line for line in run.stderr().splitlines() if line.startswith("fanfold-worker: slot 1: the program ends")]
    assert len(said) == 1 and "LookupError: no such host" in said[0], run.stderr()


# ---- random numbers ----

PYTHON_DRAW = """
import random
try:
    import numpy.random
except ImportError:
    numpy = None
def prepare():
    random.seed(1)
    if numpy:
        numpy.random.seed(1)
def process(chunk, state):
    drawn = [random.random()] + ([numpy.random.random()] if numpy else [])
    return " ".join(map(str, drawn)).encode()
fanfold.serve(process, prepare, seed=7)
"""
R_DRAW = """
prepare <- function() set.seed(1)
fanfold_serve(function(lines, state) format(runif(2), digits = 15), prepare, text = TRUE, seed = 7)
"""
DRAWS = [pytest.param(PYTHON, PYTHON_DRAW, id="python"), pytest.param(R, R_DRAW, id="r")]


def with_seed(body, seed):
    return re.sub(r", seed ?= ?7", f", seed = {seed}" if seed else "", body)


@pytest.mark.parametrize("language,body", DRAWS)
def test_slots_draw_different_random_numbers(case, language, body):
    server = ForkServer(case, language, with_seed(body, None)).ready()
    slots = [server.fork(number) for number in (1, 2, 3, 1)]
    drawn = [number for slot in slots for _ in range(2) for number in slot.ask(b"x")[1].split()]
    assert len(drawn) >= 8 and len(set(drawn)) == len(drawn), drawn
    for slot in slots:
        slot.end()
    server.end()


@pytest.mark.parametrize("language,body", DRAWS)
def test_with_a_seed_a_chunk_draws_the_same_numbers_in_whichever_slot(case, language, body):
    drawn = {}
    for seed in (5, 6):
        server = ForkServer(case, language, with_seed(body, seed)).ready()
        for number in (1, 2):
            slot = server.fork(number)
            for seq in (0, 3, 2**40) if number == 1 else (2**40, 3, 0):
                drawn[seed, number, seq] = slot.ask(b"x", seq=seq)[1]
            slot.end()
        server.end()
    for seq in (0, 3, 2**40):
        assert drawn[5, 1, seq] == drawn[5, 2, seq] != drawn[6, 1, seq] == drawn[6, 2, seq], drawn
    assert len(set(drawn.values())) == 6, "three chunks, two seeds"
    hand = language.by_hand(case, with_seed(body, 5), b"x")
    assert hand.output() == drawn[5, 1, 0], hand.stderr()


def test_a_generator_that_cannot_be_seeded_is_named(case):
    body = """
class Stubborn:
    def seed(self):
        raise TypeError("only MT19937")
sys.modules["numpy.random"] = Stubborn()
fanfold.serve(lambda chunk, state: chunk)
"""
    server = ForkServer(case, PYTHON, body).ready()
    said = server.fork(1).end()
    assert said == "fanfold.py: all slots draw the same numbers from numpy.random (only MT19937): seed it in prepare_slot\n"
    server.end()


# ---- processes that are no slot ----

CHILDREN = """
import multiprocessing, threading
def note(word):
    with open(os.environ["NOTES"], "a") as notes:
        notes.write(word + "\\n")
def upper(line):
    return line.upper()
def serve_on_purpose(line):
    errors = []
    def attempt():
        try:
            fanfold.serve(process)
        except RuntimeError as error:
            errors.append(str(error).encode())
    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    attempt()
    return errors[0] if errors[0] == errors[1] else b"one of two"
def pool(function, lines):
    with multiprocessing.get_context(os.environ["METHOD"]).Pool(2) as children:
        return b"".join(children.map(function, lines))
def prepare():
    note("prepare")
    return pool(upper, [b"p", b"q"])
def prepare_slot(state):
    note("prepare_slot")
def process(chunk, state):
    note("process %d bytes" % len(chunk))
    return state + pool(serve_on_purpose if chunk == b"on purpose" else upper, chunk.splitlines(True))
def main():
    fanfold.serve(process, prepare, prepare_slot)
    note("left")
"""


def start_of(way):
    """How such a program gets to `serve`, and what is noted behind it in each child that imports the program."""
    return {"top": "fanfold.serve(process, prepare, prepare_slot)", "main": "main()", "guarded": "if __name__ == '__main__': main()"}[way]


@pytest.mark.parametrize(
    "method,way",
    [("fork", "top"), ("spawn", "top"), ("spawn", "main"), ("spawn", "guarded"), ("forkserver", "top"), ("forkserver", "main")],
)
def test_children_of_multiprocessing_do_not_serve(case, method, way):
    case.file("notes", b"")
    variables = {"NOTES": str(case.path("notes")), "METHOD": method}
    program = Program(case, PYTHON, CHILDREN + start_of(way), **variables).ready()
    program.expect(b"a\nb\n", b"PQA\nB\n")
    program.expect(b"on purpose", b"PQfanfold.serve was called in a child of multiprocessing: only the program itself serves, and once")
    program.end()
    noted = case.path("notes").read_text().split("\n")
    assert [word for word in noted if word and word != "left"] == ["prepare", "prepare_slot", "process 4 bytes", "process 10 bytes"], noted
    hand = PYTHON.by_hand(case, CHILDREN + "fanfold.serve_records(lambda line, state: pool(upper, [line]))", b"c\n", **variables)
    assert (hand.status, hand.output()) == (0, b"C\n"), hand.stderr()


def test_children_that_began_before_the_module_was_imported_leave_the_streams_alone(case):
    body = """
import multiprocessing
def upper(line):
    return line.upper()
if __name__ == "__main__":
    children = multiprocessing.get_context("spawn").Pool(1)
    children.map(upper, [b"x"])
import fanfold
fanfold.serve(lambda chunk, state: children.map(upper, [chunk])[0])
"""
    script = case.file("late.py", body.encode())
    run = case.run("fanfold", "-j1", "--mode", "frames", "--prepare-each", "--", "/usr/bin/python3", script, stdin=b"a\nb\n")
    run.expect(0)
    assert run.output() == b"A\nB\n", run.stderr()


def test_a_program_serves_once(case):
    run = PYTHON.by_hand(case, "fanfold.serve(lambda chunk, state: chunk)\nfanfold.serve(lambda chunk, state: b'twice')", b"x")
    assert (run.status, run.output()) == (1, b"x")
    assert "RuntimeError: fanfold.serve was called again" in run.stderr(), run.stderr()


def test_a_child_that_user_code_forks_and_forgets_answers_nothing(case):
    body = """
def split(*_):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
fanfold.serve(lambda chunk, state: split() or chunk, split, split)
"""
    server = ForkServer(case, PYTHON, body).ready()
    slot = server.fork(1)
    slot.expect(b"x", b"x")
    slot.end()
    server.end()
    hand = PYTHON.by_hand(case, body, b"x")
    assert (hand.status, hand.output(), hand.stderr()) == (0, b"x", "")


# ---- wrappers ----

WRAPPED = [
    pytest.param(PYTHON, "fanfold.serve_records(lambda line, state: line.upper(), lambda: print('prepares'))", id="python"),
    pytest.param(R, "fanfold_serve(function(lines, state) toupper(lines), function() cat('prepares\\n'), text = TRUE)", id="r"),
]
# What it leaves at the number of the link: nothing, a file, another socket.
CLOSING = """
import os, socket, subprocess, sys
for fd in range(3, 64):
    try:
        os.close(fd)
    except OSError:
        pass
kind = sys.argv.pop(1)
if kind != "nothing":
    for _ in range(40):
        (os.open(os.devnull, os.O_RDONLY) if kind == "file" else socket.socket(socket.AF_UNIX).detach())
    for fd in range(3, 43):
        os.set_inheritable(fd, True)
sys.exit(subprocess.call(sys.argv[1:], close_fds=False))
"""


@pytest.mark.parametrize("left", ["nothing", "file", "socket"])
@pytest.mark.parametrize("language,body", WRAPPED)
def test_a_wrapper_that_closes_descriptors_is_named_and_each_slot_prepares(case, language, body, left):
    wrapper = case.file("wrapper.py", CLOSING.encode())
    program = [language.interpreter, language.script(case, body)]
    arguments = ["-j2", "-N1", "--mode", "frames", "--", "/usr/bin/python3", wrapper, left, *program]
    run = case.run("fanfold", *arguments, stdin=b"a\nb\n")
    run.expect(0)
    assert run.output() == b"A\nB\n"
    said = run.stderr()
    assert said.count("a wrapper around the program") == 1 and said.count("Each slot prepares by itself") == 1, said
    assert 1 <= said.count("prepares\n") <= 2, said


def test_the_manual_describes_each_parameter_of_both_modules():
    manual = (ROOT / "deploy" / "man" / "fanfold-sdk.7").read_text(encoding="utf-8")
    heads = " ".join(re.findall(r"^\.It Fn (fanfold.*)$", manual, re.M))
    code = (ROOT / "worker" / "sdk" / "fanfold" / "__init__.py").read_text(encoding="utf-8")
    told = re.findall(r"^def serve\w*\(\n(.*?)^\) -> None:\n", code, re.M | re.S)
    r_told = re.search(r"^fanfold_serve <- function\((.*)\)", (ROOT / "worker" / "sdk" / "fanfold.R").read_text(encoding="utf-8"), re.M)[1]
    names = {*re.findall(r"^    (\w+):", "".join(told), re.M), *re.findall(r"(\w+)(?: =|,)", r_told)}
    assert {"prepare_slot", "seed", "text", "header"} <= names
    missing = [name for name in sorted(names) if not re.search(rf"\b{name}\b", heads)]
    assert not missing, missing
