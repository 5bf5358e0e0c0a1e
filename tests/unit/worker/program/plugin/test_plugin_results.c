/* SPDX-License-Identifier: MIT */
/* What comes out of a slot's shared memory. */
#include "tests/unit/worker/program/plugin/plugin_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(plugin_results, reports_results_in_the_order_of_the_tasks)
{
    struct program_fixture *fixture = opened(1, ECHO_PLUGIN);
    for (uint64_t seq = 0; seq < 200; seq++)
        start_text(fixture, 0, seq, "line\n");
    cr_assert(fixture_await(fixture, 200));
    for (uint32_t i = 0; i < 200; i++)
        cr_assert_eq(fixture->notes[i].seq, i);
    fixture_close(&fixture);
}

Test(plugin_results, does_not_hold_back_results_before_a_task_that_takes_long)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    start_text(fixture, 0, 0, "one");
    start_text(fixture, 0, 1, "two");
    start_text(fixture, 0, 2, "pause");
    start_text(fixture, 0, 3, "four");
    cr_assert(fixture_await(fixture, 2));
    cr_assert_eq(fixture->done, 2);
    cr_assert(!fixture_turn(fixture, 20) || !fixture_turn(fixture, 20) ||
                  !fixture_turn(fixture, 20),
              "it goes on looking");
    program_kill(fixture->program, 0, 2, 1);
    cr_assert(fixture_await_ready(fixture, 1));
    cr_assert_eq(fixture->count, 3);
    cr_assert_eq(note_of(fixture, 3)->kind, NOTE_UNSTARTED);
    fixture_close(&fixture);
}

Test(plugin_results, reports_the_message_and_code_of_process)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    struct note *note = fixture_run(fixture, "fail at line 3", 14);
    cr_assert_eq(note->kind, NOTE_FAILED);
    cr_assert_eq(note->cause, FAILURE_REPORTED);
    cr_assert_eq(note->code, 42);
    cr_assert_str_eq(note->text, "bad record: at line 3");
    cr_assert_eq(fixture_run(fixture, "next", 4)->kind, NOTE_DONE);
    cr_assert_eq(fixture->ready, 0, "the slot was replaced for it");
    fixture_close(&fixture);
}

Test(plugin_results, ends_a_message_that_fills_its_room_without_an_end)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    struct note *note = fixture_run(fixture, "full", 4);
    cr_assert_eq(note->cause, FAILURE_REPORTED);
    cr_assert_gt(note->text_size, 1000);
    for (size_t i = 0; i < note->text_size; i++)
        cr_assert_eq(note->text[i], 'f');
    cr_assert_eq(note->code, 1, "-1 was reported as %u", (unsigned)note->code);
    fixture_close(&fixture);
}

Test(plugin_results, grows_the_output_as_far_as_it_is_needed)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    struct note *note = fixture_run(fixture, "big 50000000", 12);
    cr_assert_eq(note->size, 50000000);
    cr_assert(note->data[0] == 'b' && note->data[49999999] == 'b');
    fixture_close(&fixture);
}

Test(plugin_results, gives_memory_back_after_a_batch_of_long_results)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    for (uint64_t seq = 0; seq < 100; seq++)
        start_text(fixture, 0, seq, "big 10000000");
    cr_assert(fixture_await(fixture, 100));
    cr_assert_eq(fixture->bytes, 1000000000);
    for (int i = 0; i < 200; i++)
        fixture_run(fixture, "x", 1);
    char line[256];
    size_t kib = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, status))
        (void)sscanf(line, "RssShmem: %zu", &kib);
    fclose(status);
    cr_assert_lt(kib, 40 << 10);
    fixture_close(&fixture);
}

Test(plugin_results, refuses_a_result_above_the_limit)
{
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    program_set_results(fixture->program, 1000000, false);
    cr_assert_eq(fixture_run(fixture, "big 1000000", 11)->kind, NOTE_DONE);
    cr_assert_eq(fixture_run(fixture, "big 1000001", 11)->cause, FAILURE_TOO_LARGE);
    program_set_results(fixture->program, 3, false);
    cr_assert_eq(fixture_run(fixture, "1234", 4)->cause, FAILURE_TOO_LARGE);
    cr_assert_eq(fixture_run(fixture, "123", 3)->kind, NOTE_DONE);
    fixture_close(&fixture);
}

Test(plugin_results, survives_whatever_a_plugin_writes_over_the_shared_memory)
{
    static const char *const ways[] = {"counts", "all", "result"};
    struct program_fixture *fixture = opened(1, MISBEHAVING_PLUGIN);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char text[64];
        snprintf(text, sizeof text, "scribble %s", ways[i]);
        /* The limit makes the worker look again, should the slot be slow to write. */
        fixture_start_limited(fixture, 0, 100 + i, text, 2000);
        start_text(fixture, 0, 200 + i, "innocent");
        cr_assert(fixture_await_ready(fixture, (uint32_t)i + 1));
        cr_assert_eq(note_of(fixture, 100 + i)->kind, NOTE_FAILED);
        cr_assert_eq(note_of(fixture, 100 + i)->cause, FAILURE_PROTOCOL, "%s: %d",
                     ways[i], note_of(fixture, 100 + i)->cause);
        cr_assert_eq(note_of(fixture, 200 + i)->kind, NOTE_UNSTARTED);
    }
    struct note *note = fixture_run(fixture, "scribble shrink", 15);
    cr_assert_eq(note->kind, NOTE_DONE);
    note = fixture_run(fixture, "overrun", 7);
    cr_assert_eq(note->cause, FAILURE_PROTOCOL);
    cr_assert_eq(fixture_run(fixture, "fine", 4)->kind, NOTE_DONE);
    fixture_close(&fixture);
}
