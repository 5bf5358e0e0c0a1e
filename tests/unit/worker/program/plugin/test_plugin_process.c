/* SPDX-License-Identifier: MIT */
/* A slot's process is ended: by a task's time limit, by the session. */
#include "tests/unit/worker/program/plugin/plugin_fixture.h"

#include <criterion/criterion.h>

static void expect_timeout(struct program_fixture *fixture, uint64_t seq,
                           const char *text)
{
    const struct note *note = note_of(fixture, seq);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->cause, FAILURE_TIMEOUT);
    cr_assert_str_eq(note->text, text);
}

Test(plugin_process, ends_a_task_that_runs_for_too_long_and_gives_the_others_back)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    fixture_start_limited(fixture, 0, 0, "one", 200);
    fixture_start_limited(fixture, 0, 1, "pause", 200);
    fixture_start_limited(fixture, 0, 2, "three", 200);
    cr_assert(fixture_await(fixture, 3));
    cr_assert_eq(note_of(fixture, 0)->kind, NOTE_DONE);
    expect_timeout(fixture, 1, "ran longer than 0.2 s");
    cr_assert_geq(note_of(fixture, 1)->run_us, 200000);
    cr_assert_eq(note_of(fixture, 2)->kind, NOTE_UNSTARTED);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture_run(fixture, "more", 4)->kind, NOTE_DONE);
    fixture_close(&fixture);
}

Test(plugin_process, kills_after_a_while_a_slot_that_is_deaf_to_its_end)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    fixture_start_limited(fixture, 0, 0, "stubborn", 100);
    cr_assert(fixture_await(fixture, 1));
    expect_timeout(fixture, 0, "ran longer than 0.1 s");
    cr_assert_geq(note_of(fixture, 0)->run_us, 1100000);
    fixture_close(&fixture);
}

Test(plugin_process, calls_it_a_timeout_where_process_returns_because_of_sigterm)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    fixture_start_limited(fixture, 0, 0, "late", 100);
    fixture_start_limited(fixture, 0, 1, "pause", 0);
    cr_assert(fixture_await(fixture, 2));
    expect_timeout(fixture, 0, "ran longer than 0.1 s");
    cr_assert_eq(note_of(fixture, 1)->kind, NOTE_UNSTARTED);
    cr_assert(fixture_await_ready(fixture, 1));
    fixture_close(&fixture);
}

Test(plugin_process, counts_only_the_time_from_when_the_slot_began_a_task)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    for (uint64_t seq = 0; seq < 8; seq++)
        fixture_start_limited(fixture, 0, seq, "sleep 200", 1000);
    cr_assert(fixture_await(fixture, 8));
    cr_assert_eq(fixture->done, 8, "1.6 s in all");
    fixture_start_limited(fixture, 0, 8, "sleep 500", 0);
    fixture_start_limited(fixture, 0, 9, "pause", 100);
    cr_assert(fixture_await(fixture, 10));
    cr_assert_eq(note_of(fixture, 8)->kind, NOTE_DONE);
    expect_timeout(fixture, 9, "ran longer than 0.1 s");
    fixture_close(&fixture);
}

Test(plugin_process, reports_a_timeout_with_what_this_attempt_has_said)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    fixture_start_limited(fixture, 0, 0, "say hello", 300);
    cr_assert(fixture_await(fixture, 1));
    expect_timeout(fixture, 0, "hello\n");
    cr_assert(fixture_await_ready(fixture, 1));
    fixture_start_limited(fixture, 0, 0, "pause", 100); /* another attempt, say */
    cr_assert(fixture_await(fixture, 2));
    cr_assert_str_eq(fixture->notes[1].text, "ran longer than 0.1 s");
    fixture_close(&fixture);
}

Test(plugin_process, says_nothing_of_a_task_that_was_killed_and_gives_the_others_back)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    start_text(fixture, 0, 0, "done");
    cr_assert(fixture_await(fixture, 1));
    start_text(fixture, 0, 1, "pause");
    start_text(fixture, 0, 2, "waits");
    start_text(fixture, 0, 3, "waits, too");
    program_flush(fixture->program);
    program_kill(fixture->program, 0, 1, 1);
    program_kill(fixture->program, 0, 3, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 2);
    cr_assert_eq(note_of(fixture, 2)->kind, NOTE_UNSTARTED);
    program_kill(fixture->program, 0, 99, 1);
    cr_assert(fixture_await_ready(fixture, 2));
    cr_assert_eq(fixture_run(fixture, "fine", 4)->kind, NOTE_DONE);
    fixture_close(&fixture);
}
