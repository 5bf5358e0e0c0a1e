/* SPDX-License-Identifier: MIT */
/* Answers that break the rules of their mode. */
#include "tests/unit/worker/program/persistent/persistent_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- lines ---- */

Test(persistent_answers, fails_a_chunk_that_is_answered_with_too_few_lines)
{
    struct program_fixture *fixture =
        opened(PROGRAM_LINES, 1, 300000, WORDS("sed", "-u", "/drop/d"));
    expect_done(run(fixture, "a\n"), "a\n");
    struct note *note = run(fixture, "a\ndrop\nb\n");
    expect_failed(note, FAILURE_PROTOCOL, "answered 2 of 3 lines");
    expect_failed(note, FAILURE_PROTOCOL, "wrote nothing for 0.3 s (--silence)");
    expect_failed(note, FAILURE_PROTOCOL, "python -u");
    expect_done(run(fixture, "c\n"), "c\n");
    fixture_close(&fixture);
}

Test(persistent_answers, fails_a_chunk_that_is_answered_with_too_many_lines)
{
    static const char *const programs[] = {
        "for l in sys.stdin: print(l, end=''); print(l, end='')",
        "for l in sys.stdin: print(l + l, end='')",
        "for l in sys.stdin: print(l)",
        "sys.stdin.readline()\nwhile True: print(1)",
    };
    for (size_t i = 0; i < 4; i++) {
        char script[128];
        snprintf(script, sizeof script, "import sys\n%s", programs[i]);
        struct program_fixture *fixture = lines(PYTHON(script));
        for (int round = 0; round < 2; round++)
            expect_failed(run(fixture, "a\nb\n"), FAILURE_PROTOCOL, "more lines");
        fixture_close(&fixture);
    }
}

Test(persistent_answers, fails_the_next_chunk_for_lines_that_come_between_two)
{
    struct program_fixture *fixture =
        lines(SHELL("while read -r l; do echo $l; "
                    "(setsid sh -c 'sleep 0.3; echo late' &); done"));
    expect_done(run(fixture, "a\n"), "a\n");
    cr_assert(fixture_await_ready(fixture, 1)); /* the process was replaced */
    expect_failed(run(fixture, "b\n"), FAILURE_PROTOCOL, "not asked for");
    expect_done(run(fixture, "c\n"), "c\n");
    fixture_close(&fixture);
}

Test(persistent_answers, refuses_a_result_above_the_limit)
{
    char *text = many_lines(20000);
    struct program_fixture *fixture = lines(WORDS("cat"));
    program_set_results(fixture->program, 100000, false);
    expect_failed(run(fixture, text), FAILURE_TOO_LARGE, "larger than 100000 bytes");
    expect_done(run(fixture, "a\n"), "a\n");
    fixture_close(&fixture);
    fixture = lines(PYTHON("import sys; sys.stdin.readline()\n"
                           "while True: print('x' * 10000, end='')"));
    program_set_results(fixture->program, 100000, false);
    expect_failed(run(fixture, "a\n"), FAILURE_TOO_LARGE, "larger than 100000 bytes");
    fixture_close(&fixture);
    fixture = frames("");
    program_set_results(fixture->program, 100000, false);
    expect_failed(run(fixture, text), FAILURE_TOO_LARGE, "at most 100000");
    expect_done(run(fixture, "a\n"), "A\n");
    fixture_close(&fixture);
    free(text);
}

/* ---- frames ---- */

Test(persistent_answers, fails_a_chunk_with_whose_answer_a_program_breaks_the_rules)
{
    static const struct {
        const char *chunk, *words;
        enum failure cause;
    } cases[] = {
        {"!print", "wrote \"hello\\n", FAILURE_PROTOCOL},
        {"!half", "did not finish its response, then: ended by signal 6",
         FAILURE_SIGNAL},
        {"!exit", "exit status 7; last words", FAILURE_EXIT},
        {"!long", "9223372036854775808 bytes", FAILURE_TOO_LARGE},
        {"!close", "closed its standard output", FAILURE_PROTOCOL},
        {"!mute",
         "answered request 0 instead of request 11: a response must carry "
         "the number of its request",
         FAILURE_PROTOCOL},
    };
    struct program_fixture *fixture = frames("ready");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        program_set_results(fixture->program, 1 << 20, false);
        expect_failed(run(fixture, cases[i].chunk), cases[i].cause, cases[i].words);
        expect_done(run(fixture, "a"), "A");
    }
    fixture_close(&fixture);
}

Test(persistent_answers, fails_the_next_chunk_for_a_stray_print_between_two)
{
    static const char *const words[] = {"!after", "!twice"};
    for (size_t i = 0; i < 2; i++) {
        struct program_fixture *fixture = frames("");
        cr_assert_eq(run(fixture, words[i])->kind, NOTE_DONE);
        cr_assert(fixture_await_ready(fixture, 1));
        cr_assert_eq(run(fixture, "a")->cause, FAILURE_PROTOCOL);
        expect_done(run(fixture, "b"), "B");
        fixture_close(&fixture);
    }
}

Test(persistent_answers, shifts_no_answer_for_a_program_that_answers_twice)
{
    struct program_fixture *fixture = frames("ready");
    start_all(fixture, WORDS("!twice", "a", "b"));
    cr_assert(fixture_await(fixture, 3));
    expect_done(&fixture->notes[0], "!twice");
    expect_failed(&fixture->notes[1], FAILURE_PROTOCOL,
                  "answered request 1 instead of request 2: it must answer each "
                  "request once");
    cr_assert_eq(fixture->notes[2].kind, NOTE_UNSTARTED);
    expect_done(run(fixture, "a"), "A");
    fixture_close(&fixture);
}

Test(persistent_answers, swaps_no_answers_of_a_program_that_answers_out_of_order)
{
    struct program_fixture *fixture = frames("ready");
    start_all(fixture, WORDS("!late", "a", "b"));
    cr_assert(fixture_await(fixture, 3));
    expect_failed(&fixture->notes[0], FAILURE_PROTOCOL,
                  "answered request 2 instead of request 1: it must answer requests "
                  "in their order");
    cr_assert_eq(fixture->notes[1].kind, NOTE_UNSTARTED);
    cr_assert_eq(fixture->notes[2].kind, NOTE_UNSTARTED);
    expect_done(run(fixture, "a"), "A");
    fixture_close(&fixture);
}
