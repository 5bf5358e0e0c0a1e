/* SPDX-License-Identifier: MIT */
#include "tests/unit/deploy/launcher_fixture.h"

static const struct launcher_config isolating = {.restarts = LAUNCHER_RESTARTS_ISOLATE};

Test(launcher, starts_each_role_once)
{
    begin();
    launcher_init(&run, &alone);
    look();
    cr_assert(started[V] == 1 && started[S] == 1 && started[W] == 1);
    look();
    cr_assert(started[V] == 0 && started[S] == 0 && started[W] == 0);
    cr_assert_eq(launcher_tick(&run, now_us), NEVER_US);
}

Test(launcher, is_over_when_all_have_ended_by_themselves)
{
    begin();
    launcher_on_alive(&run);
    exits(S, 0);
    exits(V, 0);
    cr_assert_not(launcher_over(&run));
    cr_assert(signals[W] == 0);
    exits(W, 0);
    over(0);
}

Test(launcher,
     the_sinks_status_counts_before_the_ventilators_and_that_before_the_workers)
{
    begin();
    exits(V, 5);
    exits(S, 4);
    exits(W, 3);
    over(4);

    begin();
    exits(V, 5);
    exits(S, 0);
    exits(W, 3);
    over(5);

    begin();
    exits(V, 0);
    exits(S, 0);
    exits(W, 3);
    over(3);
}

Test(launcher, a_command_that_cannot_run_counts_before_the_sinks_status)
{
    begin();
    exits(S, 4);
    exits(W, 127);
    exits(V, 0);
    over(127);
}

Test(launcher, a_signal_counts_before_every_status)
{
    begin();
    gets(SIGINT);
    exits(W, 126);
    exits(S, 4);
    exits(V, 5);
    over(130);
}

Test(launcher, a_run_with_dead_letters_is_done_and_its_end_is_not_hurried)
{
    begin_and_work();
    exits(S, 1);
    cr_assert_geq(launcher_tick(&run, now_us) - now_us, 10 * SECOND_US);
    exits(V, 0);
    dies(W, SIGKILL);
    over(1);
}

Test(launcher, a_sink_that_ends_in_good_order_is_not_lost)
{
    begin_and_work();
    dies(V, SIGKILL);
    exits(S, 143);
    exits(W, 143);
    over(137);
    cr_assert_not(launcher_sink_was_lost(&run));

    begin_and_work();
    dies(S, SIGTERM);
    cr_assert_not(launcher_sink_was_lost(&run));
    dies(V, SIGTERM);
    exits(W, 143);
    over(143);
}

Test(launcher, kills_all_at_once_and_silently_at_a_usage_error)
{
    begin();
    exits(V, 2);
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGKILL);
    exits(S, 143);
    dies(W, SIGKILL);
    cr_assert(notices[S] == NOTICE_NONE && notices[W] == NOTICE_NONE);
    over(2);
}

Test(launcher, never_starts_again_a_worker_whose_command_cannot_run)
{
    int final[] = {2, 4, 126, 127};

    for (int i = 0; i < 4; i++) {
        begin();
        exits(W, final[i]);
        cr_assert(started[W] == 0 && signals[V] == SIGKILL && signals[S] == SIGTERM);
        dies(V, SIGKILL);
        exits(S, 143);
        over(final[i]);
    }
}

Test(launcher, starts_a_dead_worker_again_three_times_in_a_row)
{
    begin();
    for (int i = 0; i < LAUNCHER_RESTARTS; i++) {
        dies(W, SIGSEGV);
        cr_assert(started[W] == 1 && notices[W] == NOTICE_RESTARTED);
    }
    dies(W, SIGSEGV);
    cr_assert(started[W] == 0 && notices[W] == NOTICE_GAVE_UP);
    cr_assert(signals[V] == SIGTERM && signals[S] == SIGTERM);
    exits(V, 143);
    exits(S, 143);
    over(139);
}

Test(launcher, starts_a_worker_again_as_often_as_the_search_for_a_bad_record_needs)
{
    begin_as(&isolating);
    for (int i = 0; i < LAUNCHER_RESTARTS_ISOLATE; i++) {
        dies(W, SIGKILL);
        cr_assert_eq(started[W], 1);
        cr_assert_eq(notices[W],
                     i < LAUNCHER_RESTARTS ? NOTICE_RESTARTED : NOTICE_NONE);
    }
    dies(W, SIGKILL);
    cr_assert(started[W] == 0 && notices[W] == NOTICE_GAVE_UP);
}

Test(launcher, counts_restarts_from_zero_after_a_finished_task)
{
    begin();
    for (int i = 0; i < 3 * LAUNCHER_RESTARTS; i++) {
        if (i % 3 == 0)
            launcher_on_alive(&run);
        exits(W, 1);
        cr_assert_eq(started[W], 1);
    }
}

Test(launcher, a_worker_started_again_may_end_well)
{
    begin();
    dies(W, SIGKILL);
    exits(V, 0);
    exits(S, 0);
    exits(W, 0);
    over(0);
}

Test(launcher, starts_no_worker_once_ventilator_or_sink_has_ended)
{
    begin();
    exits(S, 4);
    dies(W, SIGSEGV);
    cr_assert(started[W] == 0 && notices[W] == NOTICE_KILLED);
    exits(V, 4);
    over(4);
}

Test(launcher, leaves_a_worker_that_ended_well_alone)
{
    begin();
    exits(W, 0);
    cr_assert(started[W] == 0 && signals[V] == 0 && signals[S] == 0);
    exits(S, 0);
    exits(V, 0);
    over(0);
}

Test(launcher, gives_time_after_a_failure_and_none_after_a_death)
{
    begin();
    launcher_on_alive(&run);
    exits(V, 4);
    cr_assert(signals[S] == 0 && signals[W] == 0);
    sleep_on();
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGTERM);
    exits(S, 143);
    exits(W, 143);
    over(4);

    begin();
    dies(V, SIGKILL);
    cr_assert(notices[V] == NOTICE_KILLED);
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGTERM);
    exits(S, 143);
    exits(W, 0);
    over(137);
}

Test(launcher, kills_silently_roles_that_had_no_task_when_ventilator_or_sink_fails)
{
    begin();
    exits(V, 4);
    cr_assert(signals[S] == 0 && signals[W] == 0);
    sleep_on();
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGKILL);
    cr_assert(notices[S] == NOTICE_NONE && notices[W] == NOTICE_NONE);
    sleep_on();
    cr_assert_eq(signals[S], SIGKILL, "it had time to take its file away");
    dies(S, SIGKILL);
    dies(W, SIGKILL);
    cr_assert(notices[S] == NOTICE_NONE && notices[W] == NOTICE_NONE);
    over(4);
}

Test(launcher, a_role_that_is_told_to_end_may_still_fail)
{
    begin();
    dies(V, SIGKILL);
    exits(W, 143);
    exits(S, 4);
    over(4);
}

Test(launcher, soon_tells_a_worker_that_came_too_late_to_hear_of_the_end)
{
    begin();
    exits(V, 0);
    exits(S, 0);
    int64_t ended_us = now_us;
    sleep_on();
    cr_assert_eq(signals[W], SIGTERM);
    cr_assert_leq(now_us - ended_us, SECOND_US / 4);
    exits(W, 143);
    over(0);
}

Test(launcher, does_not_hurry_a_ventilator_and_its_workers_when_the_sink_has_ended)
{
    begin();
    launcher_on_alive(&run);
    exits(S, 0);
    cr_assert_geq(launcher_tick(&run, now_us) - now_us, 10 * SECOND_US);
    cr_assert(signals[V] == 0 && signals[W] == 0);
}

Test(launcher, a_role_that_had_to_be_told_after_a_good_end_makes_the_run_fail)
{
    begin();
    launcher_on_alive(&run);
    exits(V, 0);
    exits(W, 0);
    sleep_on();
    cr_assert_eq(signals[S], SIGTERM);
    exits(S, 143);
    over(5);
}

Test(launcher, a_worker_that_is_killed_after_a_good_end_changes_nothing)
{
    begin();
    launcher_on_alive(&run);
    exits(V, 0);
    exits(S, 0);
    dies(W, SIGKILL);
    cr_assert_eq(notices[W], NOTICE_KILLED);
    over(0);
}

Test(launcher, says_which_role_was_terminated_and_gives_the_others_time)
{
    begin();
    launcher_on_alive(&run);
    int64_t ended_us = now_us;
    dies(S, SIGTERM);
    cr_assert_eq(notices[S], NOTICE_TERMINATED);
    exits(V, 143);
    cr_assert_eq(notices[V], NOTICE_NONE);
    sleep_on();
    cr_assert_gt(now_us, ended_us);
    exits(W, 0);
    over(143);
}

Test(launcher, a_closed_output_is_silent)
{
    begin();
    exits(S, 141);
    exits(V, 141);
    exits(W, 0);
    cr_assert(notices[S] == NOTICE_NONE && notices[V] == NOTICE_NONE);
    over(141);
}
