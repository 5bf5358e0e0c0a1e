/* SPDX-License-Identifier: MIT */
/* worker/program/program.h in the modes lines and frames, with real programs. */
#include "tests/unit/worker/program/persistent/persistent_fixture.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lines ---- */

Test(persistent, answers_chunk_after_chunk_from_one_process)
{
    struct program_fixture *fixture =
        lines(SHELL("while read -r line; do echo \"$$ $line\"; done"));
    char first[64];
    struct note *note = run(fixture, "a\nb\n");
    cr_assert_eq(note->kind, NOTE_DONE, "%s", note->text);
    int pid = atoi((char *)note->data);
    snprintf(first, sizeof first, "%d a\n%d b\n", pid, pid);
    expect_done(note, first);
    snprintf(first, sizeof first, "%d c\n", pid);
    expect_done(run(fixture, "c\n"), first);
    fixture_close(&fixture);
}

Test(persistent, gives_a_last_line_an_end_and_takes_it_off_again)
{
    struct program_fixture *fixture = lines(WORDS("sed", "-u", "s/$/!/"));
    expect_done(run(fixture, "a\nb"), "a!\nb!");
    expect_done(run(fixture, "a\nb\n"), "a!\nb!\n");
    expect_done(run(fixture, "\n"), "!\n");
    fixture_close(&fixture);
}

Test(persistent, answers_a_chunk_without_lines_by_itself)
{
    struct program_fixture *fixture = lines(WORDS("cat"));
    expect_done(run(fixture, ""), "");
    expect_done(run(fixture, "a\n"), "a\n");
    fixture_close(&fixture);
}

Test(persistent, gives_the_header_first_and_counts_its_lines)
{
    struct program_fixture *fixture = lines(WORDS("cat"));
    struct program_task task = {.seq = 0,
                                .attempt = 1,
                                .records = 1,
                                .header = slice_of_text("h1\nh2\n"),
                                .input = slice_of_text("a\n")};
    program_start(fixture->program, 0, &task);
    cr_assert(fixture_await(fixture, 1));
    expect_done(&fixture->notes[0], "h1\nh2\na\n");
    fixture_close(&fixture);
    fixture = frames("");
    program_start(fixture->program, 0, &task);
    cr_assert(fixture_await(fixture, 1));
    expect_done(&fixture->notes[0], "H1\nH2\nA\n");
    fixture_close(&fixture);
}

Test(persistent, divides_what_was_given_at_once)
{
    struct program_fixture *fixture = lines(WORDS("cat"));
    char texts[200][16];
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(texts[i], sizeof *texts, "%s%u%s", i % 3 ? "" : "x\n", i,
                 i % 5 ? "\n" : "");
        fixture_start(fixture, 0, i, texts[i], strlen(texts[i]));
    }
    cr_assert(fixture_await(fixture, 200));
    for (uint32_t i = 0; i < 200; i++) {
        cr_assert_eq(fixture->notes[i].seq, i);
        expect_done(&fixture->notes[i], texts[i]);
    }
    fixture_close(&fixture);
}

/* Neither side may wait for the other to read. */
Test(persistent, reads_while_it_writes)
{
    char *text = many_lines(1 << 19);
    struct program_fixture *fixture = lines(WORDS("cat"));
    for (int i = 0; i < 3; i++)
        expect_done(run(fixture, text), text);
    fixture_close(&fixture);
    fixture =
        lines(PYTHON("import sys\nfor l in sys.stdin.buffer: "
                     "sys.stdout.buffer.write(l[:-1] + b' twice as long' + l[-1:])"));
    struct note *note = run(fixture, text);
    cr_assert_eq(note->kind, NOTE_DONE);
    cr_assert_gt(note->size, 2 * strlen(text));
    fixture_close(&fixture);
    fixture = frames("");
    for (int i = 0; i < 3; i++)
        expect_done(run(fixture, text), text);
    fixture_close(&fixture);
    free(text);
}

Test(persistent, knows_its_slot_and_no_chunk)
{
    struct program_fixture *fixture =
        opened(PROGRAM_LINES, 2, 0,
               SHELL("while read -r _; do echo $FANFOLD_SLOT ${FANFOLD_SEQ-none} "
                     "${FANFOLD_ATTEMPT-none} ${FANFOLD_FRAMES-none} $FANFOLD_WORKER; "
                     "done"));
    fixture_start(fixture, 1, 9, "x\n", 2);
    cr_assert(fixture_await(fixture, 1));
    expect_done(&fixture->notes[0], "2 none none none 0123456789abcdef\n");
    fixture_close(&fixture);
}

/* ---- frames ---- */

Test(persistent, speaks_frames_with_a_program_that_is_ready_or_does_not_say_so)
{
    static const char *const ways[] = {"", "ready"};
    for (size_t i = 0; i < 2; i++) {
        struct program_fixture *fixture = frames(ways[i]);
        expect_done(run(fixture, "abc\n"), "ABC\n");
        expect_done(run(fixture, ""), "");
        for (uint32_t seq = 2; seq < 202; seq++)
            fixture_start(fixture, 0, seq, "x\n", 2);
        cr_assert(fixture_await(fixture, 202));
        for (uint32_t seq = 2; seq < 202; seq++) {
            cr_assert_eq(fixture->notes[seq].seq, seq);
            expect_done(&fixture->notes[seq], "X\n");
        }
        fixture_close(&fixture);
    }
}

Test(persistent, passes_on_the_error_of_a_program_and_lets_it_live)
{
    struct program_fixture *fixture = frames("ready");
    struct note *note = run(fixture, "!error no such gene");
    expect_failed(note, FAILURE_REPORTED, " no such gene");
    cr_assert_eq(note->code, 1);
    expect_failed(run(fixture, "!error"), FAILURE_REPORTED, "did not say why");
    expect_done(run(fixture, "a"), "A");
    cr_assert_eq(fixture->ready, 0); /* it was not replaced */
    fixture_close(&fixture);
}

Test(persistent, writes_all_of_a_request_whose_response_comes_before)
{
    char *text = many_lines(1 << 17);
    struct program_fixture *fixture = frames("eager");
    for (int i = 0; i < 3; i++)
        expect_done(run(fixture, text), "early");
    fixture_close(&fixture);
    free(text);
}

/* ---- kill ---- */

Test(persistent, says_nothing_of_a_task_that_was_killed_and_brings_the_others_back)
{
    struct program_fixture *fixture = frames("");
    static const char *const texts[] = {"!hang", "a", "b", NULL};
    start_all(fixture, texts);
    program_flush(fixture->program);
    program_kill(fixture->program, 0, 0, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 2);
    cr_assert_eq(fixture->unstarted, 2);
    expect_done(run(fixture, "c"), "C");
    fixture_close(&fixture);
}

Test(persistent, needs_no_new_process_to_forget_a_task_that_it_was_not_given)
{
    struct program_fixture *fixture = lines(SHELL("while read -r l; do echo $$; done"));
    struct note *note = run(fixture, "a\n");
    int pid = atoi((char *)note->data);
    fixture_start(fixture, 0, 7, "b\n", 2);
    program_kill(fixture->program, 0, 7, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 1);
    note = run(fixture, "c\n");
    cr_assert_eq(atoi((char *)note->data), pid);
    fixture_close(&fixture);
}
