/* SPDX-License-Identifier: MIT */
/* The end of a slot's process: who is charged, what comes back, when the worker gives
 * up. */
#include "common/clock.h"
#include "tests/unit/worker/program/persistent/persistent_fixture.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

Test(persistent_exit, fails_what_a_program_was_at_when_it_ended)
{
    struct program_fixture *fixture = lines(WORDS("sed", "-u", "/quit/Q3"));
    expect_done(run(fixture, "a\n"), "a\n");
    struct note *note = run(fixture, "b\nquit\nc\n");
    expect_failed(note, FAILURE_EXIT, "answered 1 of 3 lines, then: exit status 3");
    cr_assert_eq(note->code, 3);
    expect_done(run(fixture, "d\n"), "d\n");
    fixture_close(&fixture);
}

Test(persistent_exit, says_how_a_program_ended_and_what_it_said_last)
{
    struct program_fixture *fixture =
        lines(SHELL("read -r l; echo $l; echo ouch >&2; kill -SEGV $$"));
    struct note *note = run(fixture, "a\nb\n");
    expect_failed(note, FAILURE_SIGNAL,
                  "answered 1 of 2 lines, then: ended by signal 11");
    expect_failed(note, FAILURE_SIGNAL, "; ouch\n");
    cr_assert_eq(note->code, SIGSEGV);
    fixture_close(&fixture);
    fixture = lines(WORDS("head", "-n1"));
    expect_failed(run(fixture, "a\nb\n"), FAILURE_PROTOCOL, "then: exit status 0");
    fixture_close(&fixture);
}

/* Each may be the answer to another line: its end tells that something went wrong. */
Test(persistent_exit, fails_what_a_program_answered_that_ends_badly_at_once)
{
    for (int i = 0; i < 20; i++) {
        struct program_fixture *fixture =
            lines(SHELL("read -r l; read -r m; echo $l; echo $m; kill -KILL $$"));
        expect_failed(run(fixture, "a\nb\n"), FAILURE_SIGNAL, "ended by signal 9");
        fixture_close(&fixture);
        fixture = lines(SHELL("read -r l; echo $l; exec >&-; sleep 0.05; exit 3"));
        expect_failed(run(fixture, "a\n"), FAILURE_EXIT, "exit status 3");
        fixture_close(&fixture);
    }
}

/* What it does after that is its own affair. */
Test(persistent_exit, believes_a_program_that_closes_its_output_and_lives_on)
{
    struct program_fixture *fixture =
        lines(SHELL("read -r l; echo $l; exec >&-; sleep 1000"));
    expect_done(run(fixture, "a\n"), "a\n");
    fixture_close(&fixture);
}

Test(persistent_exit, starts_no_process_until_the_words_of_the_last_are_read)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_eq(fcntl(ends[1], F_SETFL, 0), 0);
    cr_assert_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    /* More than the queue holds for, and less than the pipes have room for as well. */
    struct program_fixture *fixture =
        lines(SHELL("read -r l; [ $l = good ] && echo $l && exec cat; seq 60000 >&2; "
                    "exit 1"));
    uint32_t ready = fixture->ready;
    expect_failed(run(fixture, "bad\n"), FAILURE_EXIT, "; ");
    fixture_start(fixture, 0, 1, "good\n", 5);
    (void)fixture_turn(fixture, 0);
    cr_assert_eq(fixture->ready, ready);
    uint32_t count = fixture->count, lines_read = 0;
    char data[65536];
    while (lines_read < 60000) {
        ssize_t got = read(ends[0], data, sizeof data);
        for (ssize_t i = 0; i < got; i++)
            lines_read += data[i] == '\n';
        (void)fixture_turn(fixture, 1);
    }
    cr_assert(fixture_await(fixture, count + 1));
    cr_assert_eq(fixture->ready, ready + 1);
    expect_done(&fixture->notes[count], "good\n");
    fixture_close(&fixture);
}

Test(persistent_exit, takes_the_answer_of_a_program_that_ends_after_it)
{
    struct program_fixture *fixture = lines(WORDS("head", "-n2"));
    for (int done = 0; done < 20;) {
        struct note *note = run(fixture, "a\nb\n");
        if (note->kind == NOTE_UNSTARTED) /* it had gone, and nobody knew yet */
            continue;
        expect_done(note, "a\nb\n");
        done++;
    }
    cr_assert_eq(fixture->broken, 0);
    fixture_close(&fixture);
}

Test(persistent_exit, finds_the_one_of_many_that_makes_trouble)
{
    struct program_fixture *fixture = lines(WORDS("sed", "-u", "/bad/Q9"));
    static const char *const texts[] = {"a\n", "b\n", "bad\n", "c\n", NULL};
    uint32_t read = 0, failed = 0;
    expect_done(run(fixture, "x\n"), "x\n"); /* the first ones are given alone */
    expect_done(run(fixture, "y\n"), "y\n");
    read = fixture->count;
    start_all(fixture, texts);
    while (failed < 1) {
        cr_assert(fixture_await(fixture, read + 1));
        struct note *note = &fixture->notes[read++];
        const char *text = texts[note->seq];
        if (note->kind == NOTE_UNSTARTED) /* it was in the burst */
            fixture_start(fixture, 0, note->seq, text, strlen(text));
        else if (note->kind == NOTE_DONE)
            cr_assert_str_eq((char *)note->data, text);
        else
            failed += note->seq == 2 && note->code == 9;
    }
    cr_assert_eq(fixture->failed, 1);
    fixture_close(&fixture);
}

Test(persistent_exit, charges_nothing_to_a_chunk_that_was_not_taken)
{
    struct program_fixture *fixture = frames("leave");
    fixture_start(fixture, 0, 0, "a", 1);
    program_flush(fixture->program);
    cr_assert(fixture_await_broken(fixture));
    cr_assert_eq(fixture->failed, 0);
    cr_assert_eq(fixture->unstarted, 1);
    cr_assert(strstr(fixture->error, "exit status 5"), "%s", fixture->error);
    fixture_close(&fixture);
}

/* ---- giving up ---- */

Test(persistent_exit, gives_up_on_a_program_that_never_takes_a_chunk)
{
    static const enum program_mode modes[] = {PROGRAM_LINES, PROGRAM_FRAMES};
    for (size_t i = 0; i < 2; i++) {
        struct program_fixture *fixture =
            opened(modes[i], 1, 0, SHELL("echo no license >&2; exit 6"));
        fixture_start(fixture, 0, 0, "x\n", 2);
        program_flush(fixture->program);
        cr_assert(fixture_await_broken(fixture));
        cr_assert_eq(fixture->broken, 4);
        cr_assert(strstr(fixture->error, "again and again"), "%s", fixture->error);
        cr_assert(strstr(fixture->error, "exit status 6"), "%s", fixture->error);
        cr_assert(strstr(fixture->error, "no license"), "%s", fixture->error);
        cr_assert_eq(fixture->failed, 0);
        fixture_close(&fixture);
    }
}

Test(persistent_exit, gives_up_on_a_program_that_never_waits_for_a_chunk)
{
    struct program_fixture *fixture = lines(WORDS("yes"));
    cr_assert(fixture_await_broken(fixture));
    cr_assert(strstr(fixture->error, "slot 1 keeps failing: the program wrote lines"),
              "%s", fixture->error);
    fixture_close(&fixture);
}

/* ---- the end of the run ---- */

Test(persistent_exit, lets_programs_end_in_their_own_way)
{
    int ends[2];
    char said[8] = "";
    cr_assert_eq(pipe(ends), 0);
    char script[128];
    snprintf(script, sizeof script, "cat; echo bye >/dev/fd/%d", ends[1]);
    struct program_fixture *fixture = lines(SHELL(script));
    expect_done(run(fixture, "a\n"), "a\n");
    fixture_close(&fixture);
    close(ends[1]);
    cr_assert_eq(read(ends[0], said, sizeof said), 4);
    cr_assert_str_eq(said, "bye\n");
}

Test(persistent_exit, leaves_nothing_of_a_program_that_does_not_end)
{
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    struct program_fixture *fixture =
        opened(PROGRAM_LINES, 2, 0, SHELL("trap '' TERM; sleep 1000 & sleep 1000"));
    int64_t from_us = clock_now_us();
    fixture_close(&fixture);
    cr_assert_geq(clock_now_us() - from_us, 4 * SECOND_US);
    close(ends[1]);
    struct pollfd polled = {.fd = ends[0], .events = POLLIN};
    cr_assert_eq(poll(&polled, 1, 20000), 1);
    cr_assert_eq(read(ends[0], &byte, 1), 0);
}
