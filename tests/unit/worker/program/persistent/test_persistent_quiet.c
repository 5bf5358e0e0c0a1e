/* SPDX-License-Identifier: MIT */
/* When a program of mode lines is given a chunk, and when its answer is believed. */
#include "tests/unit/worker/program/persistent/persistent_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

/* A program that was not given anything has nothing to answer. */
Test(persistent_quiet, takes_no_greeting_for_an_answer)
{
    static const char *const programs[] = {
        "echo hello; while read -r l; do sleep 0.1; echo $l; done",
        "sleep 0.3; echo hello; while read -r l; do sleep 0.1; echo $l; done",
        "printf 'hello> '; while read -r l; do sleep 0.1; echo $l; done",
        "cat | (sleep 0.3; echo hello; while read -r l; do sleep 0.1; echo $l; done)",
        "(sleep 0.3; echo hello) & exec cat",
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct program_fixture *fixture = lines(SHELL(programs[i]));
        expect_failed(run(fixture, "a\n"), FAILURE_PROTOCOL, "hello");
        expect_failed(run(fixture, "b\nc\n"), FAILURE_PROTOCOL, "not asked for");
        cr_assert_eq(fixture->doubts, 0);
        fixture_close(&fixture);
    }
}

Test(persistent_quiet, waits_for_a_program_that_is_at_something_after_its_answer)
{
    static const char *const programs[] = {
        "while read -r l; do echo $l; sleep 0.3; echo more; done",
        "while read -r l; do echo $l; (sleep 0.3; echo more) & done",
        "while read -r l; do echo $l; done | (read -r l; echo $l; sleep 0.3; echo $l)",
    };
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct program_fixture *fixture = lines(SHELL(programs[i]));
        expect_failed(run(fixture, "a\n"), FAILURE_PROTOCOL, "more lines");
        cr_assert_eq(fixture->doubts, 0);
        fixture_close(&fixture);
    }
}

Test(persistent_quiet, finds_an_answer_to_a_line_that_was_not_read)
{
    struct program_fixture *fixture =
        lines(SHELL("while read -r l; do echo $l; echo $l; sleep 0.3; done"));
    expect_failed(run(fixture, "a\nb\nc\nd\n"), FAILURE_PROTOCOL,
                  "(2 lines, when it had read 1)");
    fixture_close(&fixture);
}

Test(persistent_quiet, believes_no_last_answer_of_a_program_that_ends_badly)
{
    struct program_fixture *fixture = lines(SHELL("read -r l; echo $l; exit 3"));
    struct note *note = run(fixture, "a\n");
    cr_assert(note->kind == NOTE_FAILED || note->kind == NOTE_DONE);
    if (note->kind == NOTE_FAILED)
        expect_failed(note, FAILURE_EXIT, "answered 1 of 1 line, then: exit status 3");
    fixture_close(&fixture);
}
