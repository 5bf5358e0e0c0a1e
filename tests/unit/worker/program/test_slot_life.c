/* SPDX-License-Identifier: MIT */
/* worker/program/slot_life.h, without processes: the test says what becomes of them. */
#include "worker/program/slot_life.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

static struct runner_context context;
static struct slot_life lives[2];
static uint32_t ready[2], unready[2];

static void on_slot(void *nothing, uint32_t slot, bool is_ready)
{
    (void)nothing;
    (is_ready ? ready : unready)[slot]++;
}

static void begin(void)
{
    struct program_events events = {.slot = on_slot};
    runner_context_init(&context, &events, 2, 0);
    cr_assert_eq(runner_context_open(&context, 0), 0);
    for (uint32_t slot = 0; slot < 2; slot++)
        slot_life_init(&lives[slot], &context, slot);
}

static void end(void)
{
    runner_context_deinit(&context);
}

TestSuite(slot_life, .init = begin, .fini = end);

static void expect(uint32_t slot, uint32_t times_ready, uint32_t times_unready)
{
    cr_assert_eq(ready[slot], times_ready, "%u", ready[slot]);
    cr_assert_eq(unready[slot], times_unready, "%u", unready[slot]);
}

Test(slot_life, counts_the_slots_that_have_processes)
{
    slot_life_start(&lives[0], false);
    slot_life_start(&lives[1], false);
    cr_assert_eq(context.occupied, 2);
    slot_life_on_end(&lives[0]);
    slot_life_on_unstartable(&lives[1], EAGAIN);
    cr_assert_eq(context.occupied, 0);
}

Test(slot_life, is_not_ready_from_a_failed_start_to_the_next)
{
    slot_life_start(&lives[0], false);
    cr_assert_not(slot_life_on_unstartable(&lives[0], EMFILE));
    cr_assert(slot_life_is_backing_off(&lives[0]));
    expect(0, 0, 1);
    slot_life_on_retry(&lives[0]);
    cr_assert_not(slot_life_is_backing_off(&lives[0]));
    expect(0, 1, 1);
}

Test(slot_life, is_ready_when_a_retry_has_given_a_sign)
{
    slot_life_start(&lives[0], true);
    slot_life_on_sign(&lives[0]);
    expect(0, 0, 0);
    slot_life_on_unstartable(&lives[0], EMFILE);
    slot_life_start(&lives[0], true);
    expect(0, 0, 1);
    slot_life_owe_ready(&lives[0]);
    slot_life_pay_ready(&lives[0], true);
    expect(0, 0, 1);
    slot_life_on_sign(&lives[0]);
    slot_life_on_sign(&lives[0]);
    expect(0, 1, 1);
}

Test(slot_life, is_given_up_at_once_for_what_waiting_does_not_mend)
{
    slot_life_start(&lives[0], false);
    slot_life_start(&lives[1], false);
    cr_assert_not(slot_life_on_unstartable(&lives[0], ENOMEM));
    cr_assert(slot_life_on_unstartable(&lives[1], ENOENT));
}

/* As if 31 s had gone since nothing could be started. */
static void fail_for_long(uint32_t slot)
{
    slot_life_on_unstartable(&lives[slot], EAGAIN);
    context.backoff.lacking_since_us -= 31000000;
}

Test(slot_life, is_given_up_after_long_where_no_other_slot_has_a_process)
{
    slot_life_start(&lives[1], false);
    fail_for_long(0);
    cr_assert_not(slot_life_on_unstartable(&lives[0], EAGAIN));
    slot_life_on_end(&lives[1]);
    cr_assert(slot_life_on_unstartable(&lives[0], EAGAIN));
}

Test(slot_life, has_hope_again_when_something_was_started)
{
    fail_for_long(0);
    slot_life_on_sign(&lives[1]);
    cr_assert_not(slot_life_on_unstartable(&lives[0], EAGAIN));
}

Test(slot_life, is_hopeless_after_ten_barren_processes_in_a_row)
{
    for (int i = 0; i < 9; i++)
        slot_life_set_barren(&lives[0]);
    slot_life_set_fruitful(&lives[0]);
    for (int i = 0; i < 9; i++)
        slot_life_set_barren(&lives[0]);
    cr_assert_not(slot_life_is_hopeless(&lives[0]));
    slot_life_set_barren(&lives[0]);
    cr_assert(slot_life_is_hopeless(&lives[0]));
}

Test(slot_life, reports_once_that_it_is_ready_when_it_owes_that)
{
    slot_life_owe_ready(&lives[0]);
    slot_life_owe_ready(&lives[0]);
    slot_life_pay_ready(&lives[0], true);
    slot_life_pay_ready(&lives[0], true);
    expect(0, 1, 0);
    slot_life_owe_ready(&lives[0]);
    slot_life_pay_ready(&lives[0], false); /* its process is killed: reported later */
    slot_life_pay_ready(&lives[0], true);
    expect(0, 1, 0);
}

Test(slot_life, reports_nothing_while_all_ends)
{
    slot_life_start(&lives[0], false);
    context.ending = true;
    cr_assert_not(slot_life_on_unstartable(&lives[0], ENOENT));
    slot_life_report_ready(&lives[0]);
    expect(0, 0, 0);
}

Test(slot_life, never_has_two_processes, .signal = SIGABRT)
{
    slot_life_start(&lives[0], false);
    slot_life_start(&lives[0], false);
}
