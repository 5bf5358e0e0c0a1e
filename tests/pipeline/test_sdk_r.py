# SPDX-License-Identifier: MIT
"""fanfold.R's side of FRAMES/1 and FORK/1; this test plays the worker."""

import os

from frames import (
    R,
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

SLOTS = 8

UPPER = "fanfold_serve(function(lines, state) toupper(lines), text = TRUE)"
UTF_8 = 'invisible(Sys.setlocale("LC_CTYPE", "C.UTF-8"))\n'
BYTES = "fanfold_serve(function(chunk, state) rev(chunk))"


def test_chunks_are_answered_in_order_until_there_are_no_more(case):
    program = Program(case, R, UPPER).ready()
    check_order(program, b"\n")
    program.expect(b"\n\na\n\n", b"\n\nA\n\n")
    program.expect(b"no end", b"NO END\n")
    program.end()


def test_lines_that_the_locale_does_not_know_pass_beside_others(case):
    same = Program(case, R, UTF_8 + "fanfold_serve(function(lines, state) lines, text = TRUE)").ready()
    same.expect(b"ok\ncaf\xe9\n\nlast\n", b"ok\ncaf\xe9\n\nlast\n")
    same.end()
    upper = Program(case, R, UTF_8 + UPPER).ready()
    upper.expect("é\nà\n".encode(), "É\nÀ\n".encode())
    upper.end()


def test_bytes_of_any_value_and_number_pass(case):
    program = Program(case, R, BYTES).ready()
    every = bytes(range(256))
    program.expect(every, every[::-1])
    chunk = os.urandom(1 << 20) * 20
    program.expect(chunk, chunk[::-1])
    program.expect(b"", b"")
    program.end()


def test_a_program_prepares_once_and_says_ready_after_it(case):
    program = Program(
        case,
        R,
        """
calls <- 0
fanfold_serve(prepare = function() { print("prepared"); c(x = 5) }, process = function(chunk, state) {
    calls <<- calls + 1
    charToRaw(paste(calls, state["x"]))
})
cat("the end\\n")
""",
    ).ready()
    check_preparation(program, b"%d 5", '[1] "prepared"')


def test_a_program_knows_its_task(case):
    answer = 'do.call(sprintf, c("%.0f %.0f %.0f %d", fanfold_task()))'
    body = f"fanfold_serve(function(chunk, state) {answer}, text = TRUE)"
    check_task(Program(case, R, body).ready(), b"%d %d %d %d\n")


def test_what_is_no_result_is_named(case):
    program = Program(
        case,
        R,
        """
results <- list(raws = list(charToRaw("a"), charToRaw("b")), none = NULL, number = 5, text = "text", empty = list(),
                matrix = matrix(charToRaw("abcd"), 2))
fanfold_serve(function(chunk, state) results[[rawToChar(chunk)]])
""",
    ).ready()
    program.expect(b"raws", b"ab")
    program.expect(b"empty", b"")
    program.expect(b"matrix", b"abcd")
    program.expect_failure(b"none", "Error: process returned NULL, not a raw vector")
    program.expect_failure(b"number", "Error: process returned numeric, not a raw vector")
    program.expect_failure(b"text", "Error: process returned character, not a raw vector")
    program.end()
    lines = Program(case, R, "fanfold_serve(function(lines, state) if (length(lines)) 5 else character(), text = TRUE)").ready()
    lines.expect(b"", b"")
    lines.expect_failure(b"x", "process returned numeric, not a character vector")
    lines.end()


def test_an_error_becomes_the_message_and_the_program_lives_on(case):
    program = Program(
        case,
        R,
        """
deep <- function(n) if (n) deep(n - 1) else stop("the bottom")
process <- function(lines, state) {
    if (lines == "deep") deep(3)
    if (lines == "long") stop(strrep("x", 100000))
    if (lines == "recursion") deep(1e6)
    if (lines == "warn") warning("look out")
    log(if (lines == "log") "x" else 1)
    lines
}
fanfold_serve(process, text = TRUE)
""",
    ).ready()
    message = program.expect_failure(b"deep", "Error in deep(n - 1): the bottom\nCalls: process -> deep -> deep")
    assert "serve" not in message, message
    program.expect_failure(b"log", "Error in log(", "non-numeric argument", "Calls: process")
    assert len(program.expect_failure(b"long", "xxx")) <= 4096
    program.expect_failure(b"recursion", "Error")
    program.expect(b"warn\n", b"warn\n")
    assert "look out" in program.process.stderr()
    program.end()


def test_what_is_printed_goes_to_standard_error_and_standard_input_is_empty(case):
    program = Program(
        case,
        R,
        """
cat("before\\n")
process <- function(chunk, state) {
    print("print")
    system("echo child")
    charToRaw(paste(length(readLines(file("stdin"))), length(system("cat", intern = TRUE))))
}
fanfold_serve(process)
""",
    ).ready()
    program.expect(b"x", b"0 0")
    program.expect(b"y", b"0 0")
    program.end()
    said = program.process.stderr().splitlines()
    assert said == ["before"] + ['[1] "print"', "child"] * 2, said


def test_a_program_whose_worker_is_gone_ends_without_a_word(case):
    check_lonely_end(case, R, UPPER)


def test_by_hand_a_program_takes_its_input_as_one_chunk(case):
    body = 'cat("by hand\\n")\nfanfold_serve(function(lines, state) as.character(as.integer(lines) + state), function() 1L, text = TRUE)'
    run = R.by_hand(case, body, b"1\n2\n")
    assert (run.status, run.output(), run.stderr()) == (0, b"2\n3\n", "by hand\n"), (run.output(), run.stderr())
    run = R.by_hand(case, body.replace("as.integer", "log"), b"1\nx\n")
    assert run.status == 1 and run.output() == b"" and "non-numeric argument" in run.stderr(), run.stderr()
    text = case.text(4 << 20)
    run = R.by_hand(case, "fanfold_serve(function(chunk, state) chunk)", text)
    case.assert_same(run.stdout, text)


PREPARED = """
file <- tempfile()
prepare <- function() {
    cat("prepared\\n")
    writeLines("kept", file)
    numeric(1e6)
}
process <- function(lines, state) {
    cat("process", lines, "\\n")
    if (lines == "quit") quit(status = 3)
    paste(Sys.getenv("FANFOLD_SLOT"), fanfold_task()$slot, length(state), readLines(file), Sys.getenv("FANFOLD_FORK"))
}
fanfold_serve(process, prepare, text = TRUE)
cat("the end\\n")
"""
ANSWER = b"%d %d 1000000 kept \n"


def test_a_program_is_forked_to_slots_after_it_has_prepared(case):
    server = ForkServer(case, R, PREPARED).ready()
    check_slots(server, range(1, SLOTS + 1), ANSWER, "process x \n", "prepared\nthe end\n")
    case.assert_no_files_left()


def test_a_slot_that_died_is_forked_again_without_preparing(case):
    """Nor takes it the temporary files of the others with it."""
    check_replacement(ForkServer(case, R, PREPARED).ready(), b"quit", ANSWER)


def test_slots_have_no_descriptor_but_their_own(case):
    server = ForkServer(case, R, 'fanfold_serve(function(lines, state) list.files("/proc/self/fd"), text = TRUE)').ready()
    slots = [server.fork(1), server.fork(2)]
    own = [len(slot.ask(b"x")[1].split()) for slot in slots]
    more = len(os.listdir(f"/proc/{server.process.pid}/fd")) - 4  # R has its script open
    assert own == [6 + more, 6 + more], (own, more)
    for slot in slots:
        slot.end()
    server.end()


def test_a_program_whose_preparation_fails_says_why(case):
    for body, status in (("stop('no model')", 1), ("quit(status = 7)", 7)):
        body = f"fanfold_serve(identity, function() {body})\ncat('never')"
        check_failed_preparation(case, R, body, status)
