/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/worker_health.h"

#include <criterion/criterion.h>

static struct worker_health health;

static void set_up(void)
{
    health = (struct worker_health){0};
}

TestSuite(worker_health, .init = set_up);

static void fail(int chunks)
{
    for (int i = 0; i < chunks; i++)
        worker_health_on_failed(&health, true, false, 0);
}

Test(worker_health, one_chunk_that_fails_again_and_again_says_nothing)
{
    fail(1);
    for (int i = 0; i < 10; i++)
        worker_health_on_failed(&health, false, false, 0);
    cr_assert_not(worker_health_in_doubt(&health));
    cr_assert_not(worker_health_rests(&health));
}

Test(worker_health, chunks_in_a_row_put_it_in_doubt_and_then_to_rest)
{
    fail(2);
    cr_assert(worker_health_in_doubt(&health));
    cr_assert_not(worker_health_rests(&health));
    fail(1);
    cr_assert(worker_health_rests(&health));
    cr_assert_gt(health.trial_us, 0);
}

Test(worker_health, a_task_that_it_does_ends_the_row)
{
    fail(5);
    cr_assert_not(worker_health_on_done(&health));
    cr_assert_not(worker_health_in_doubt(&health));
    fail(1);
    cr_assert_not(worker_health_in_doubt(&health));
    cr_assert_eq(health.round, 1);
}

Test(worker_health,
     it_is_set_aside_for_two_chunks_if_it_never_did_any_and_else_for_three)
{
    fail(2);
    cr_assert_not(worker_health_on_outdone(&health));
    cr_assert(worker_health_on_outdone(&health));
    worker_health_on_done(&health);
    fail(3);
    cr_assert_not(worker_health_on_outdone(&health));
    cr_assert_not(worker_health_on_outdone(&health));
    cr_assert(worker_health_on_outdone(&health));
}

Test(worker_health, it_is_back_when_it_has_done_a_task)
{
    fail(2);
    worker_health_set_aside(&health, 0);
    cr_assert_gt(health.trial_us, 0);
    cr_assert(worker_health_rests(&health));
    cr_assert(worker_health_on_done(&health));
    cr_assert_not(worker_health_rests(&health));
}

/* What it was given before it rested may fail in any number. */
Test(worker_health, only_trials_that_fail_double_its_rest_up_to_half_a_minute)
{
    fail(3);
    int64_t first_us = health.trial_us;
    fail(60);
    cr_assert_eq(health.trial_us, first_us);
    worker_health_on_failed(&health, true, true, 0);
    cr_assert_eq(health.trial_us, 2 * first_us);
    for (int i = 0; i < 20; i++)
        worker_health_on_failed(&health, true, true, 0);
    cr_assert_eq(health.trial_us, 32000000);
}

Test(worker_health, one_whose_program_never_answers_rests_until_it_has_done_a_task)
{
    worker_health_on_mute(&health, false, 0);
    cr_assert(worker_health_in_doubt(&health));
    cr_assert(worker_health_rests(&health));
    cr_assert_not(worker_health_on_started(&health));
    cr_assert(worker_health_rests(&health));
    cr_assert_not(worker_health_on_done(&health));
    cr_assert_not(worker_health_rests(&health));
}

static void get_stuck(void)
{
    worker_health_on_stuck(&health, false, 0);
    worker_health_set_aside(&health, 0);
}

Test(worker_health, one_that_starts_nothing_rests_until_it_starts_something)
{
    get_stuck();
    cr_assert(worker_health_in_doubt(&health));
    cr_assert(worker_health_rests(&health));
    cr_assert(worker_health_on_started(&health));
    cr_assert_not(worker_health_in_doubt(&health));
    cr_assert_not(worker_health_rests(&health));
    cr_assert_not(worker_health_on_started(&health));
}

Test(worker_health, that_it_starts_something_says_nothing_of_what_it_fails)
{
    fail(2);
    get_stuck();
    worker_health_on_outdone(&health);
    worker_health_on_outdone(&health);
    cr_assert_not(worker_health_on_started(&health));
    cr_assert(health.aside);
    cr_assert(worker_health_on_done(&health));
}
