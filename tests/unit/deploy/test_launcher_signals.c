/* SPDX-License-Identifier: MIT */
/* The launcher gets one signal, a second and a third. */
#include "common/process/repeated_signal.h"
#include "tests/unit/deploy/launcher_fixture.h"

static const struct launcher_config with_others = {.restarts = LAUNCHER_RESTARTS,
                                                   .open = true};

Test(launcher_signals, takes_the_same_signal_in_the_same_moment_for_one)
{
    struct repeated_signal last = {0};
    cr_assert_not(repeated_signal_take(&last, SIGTERM, SECOND_US));
    cr_assert(repeated_signal_take(&last, SIGTERM, SECOND_US));
    cr_assert(repeated_signal_take(&last, SIGTERM, SECOND_US + REPEATED_SIGNAL_US - 1));
    cr_assert_not(repeated_signal_take(&last, SIGTERM, SECOND_US + REPEATED_SIGNAL_US));
    cr_assert_not(repeated_signal_take(&last, SIGINT, SECOND_US + REPEATED_SIGNAL_US));
}

Test(launcher_signals, lets_the_ventilator_finish_running_tasks_without_limit)
{
    begin_and_work();
    cr_assert(gets(SIGINT));
    cr_assert(signals[V] == SIGTERM && signals[S] == 0 && signals[W] == 0);
    cr_assert_eq(launcher_tick(&run, now_us), NEVER_US, "there is a time limit");
    exits(S, 130);
    exits(W, 130);
    dies(V, SIGTERM);
    cr_assert(notices[V] == NOTICE_NONE && notices[W] == NOTICE_NONE);
    over(130);
}

Test(launcher_signals, tells_the_others_if_a_drained_ventilator_did_not)
{
    begin_and_work();
    gets(SIGHUP);
    dies(V, SIGTERM);
    cr_assert(signals[S] == 0 && signals[W] == 0);
    sleep_on();
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGTERM);
    exits(S, 143);
    exits(W, 143);
    over(129);
}

Test(launcher_signals, stops_waiting_at_a_second_signal)
{
    begin_and_work();
    gets(SIGTERM);
    now_us += 3600 * SECOND_US;
    cr_assert_not(gets(SIGINT));
    cr_assert(signals[V] == SIGTERM && signals[S] == 0 && signals[W] == 0);
    sleep_on();
    cr_assert(signals[V] == 0 && signals[S] == SIGTERM && signals[W] == SIGTERM);
    dies(V, SIGTERM);
    exits(S, 143);
    exits(W, 143);
    over(143);
}

Test(launcher_signals, kills_a_ventilator_that_does_not_end_at_a_second_signal)
{
    begin_and_work();
    gets(SIGINT);
    gets(SIGINT);
    int64_t told_us = now_us;
    exits(S, 143);
    exits(W, 143);
    sleep_on();
    cr_assert(signals[V] == SIGKILL && notices[V] == NOTICE_STUCK);
    cr_assert_geq(now_us - told_us, SECOND_US);
    dies(V, SIGKILL);
    over(130);
}

Test(launcher_signals, kills_every_role_at_a_third_signal)
{
    begin_and_work();
    gets(SIGINT);
    gets(SIGINT);
    gets(SIGINT);
    for (int i = 0; i < ROLE_COUNT; i++)
        cr_assert_eq(signals[i], SIGKILL);
    for (int i = 0; i < ROLE_COUNT; i++) {
        dies((enum role)i, SIGKILL);
        cr_assert_eq(notices[i], NOTICE_NONE);
    }
    over(130);
}

Test(launcher_signals, a_signal_that_found_nothing_more_to_stop_changes_nothing)
{
    begin_and_work();
    gets(SIGTERM);
    exits(S, 0);
    exits(V, 0);
    dies(W, SIGTERM);
    over(0);

    begin_and_work();
    gets(SIGTERM);
    exits(S, 1);
    exits(V, 0);
    exits(W, 0);
    over(1);
}

Test(launcher_signals, drains_nothing_without_its_worker)
{
    begin_and_work();
    gets(SIGINT);
    dies(W, SIGKILL);
    cr_assert(started[W] == 0 && notices[W] == NOTICE_KILLED);
    cr_assert_eq(signals[V], SIGTERM, "it would wait for a worker");
    sleep_on();
    cr_assert_eq(signals[S], SIGTERM);
    exits(S, 143);
    dies(V, SIGTERM);
    over(130);
}

Test(launcher_signals, drains_tasks_on_other_hosts_without_its_worker)
{
    begin_as(&with_others);
    launcher_on_alive(&run);
    gets(SIGINT);
    dies(W, SIGKILL);
    cr_assert(signals[V] == 0 && signals[S] == 0);
    cr_assert_eq(launcher_tick(&run, now_us), NEVER_US);
}

Test(launcher_signals, drains_nothing_without_its_sink)
{
    begin_and_work();
    gets(SIGINT);
    dies(S, SIGKILL);
    cr_assert_eq(notices[S], NOTICE_KILLED);
    cr_assert(signals[V] == SIGTERM && signals[W] == SIGTERM);
    dies(V, SIGTERM);
    exits(W, 143);
    over(130);
    cr_assert(launcher_sink_was_lost(&run));
}

Test(launcher_signals, reports_a_ventilator_that_was_killed_while_it_drained)
{
    begin_and_work();
    gets(SIGINT);
    dies(V, SIGKILL);
    cr_assert_eq(notices[V], NOTICE_KILLED);
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGTERM);
    exits(S, 143);
    exits(W, 143);
    over(130);
}

Test(launcher_signals,
     a_ventilator_that_waits_for_a_task_is_told_twice_without_a_signal_too)
{
    begin_and_work();
    dies(S, SIGKILL);
    cr_assert_eq(signals[V], SIGTERM);
    exits(W, 143);
    sleep_on();
    cr_assert(signals[V] == SIGTERM && notices[V] == NOTICE_NONE);
    dies(V, SIGTERM);
    over(137);
}

Test(launcher_signals, drains_nothing_once_ventilator_or_sink_has_ended)
{
    begin_and_work();
    exits(S, 4);
    cr_assert_not(gets(SIGINT));
    cr_assert_eq(signals[V], SIGTERM);
    sleep_on();
    cr_assert_eq(signals[W], SIGTERM);
}

Test(launcher_signals,
     asks_the_others_at_once_when_the_ventilator_has_ended_before_a_signal)
{
    begin();
    launcher_on_alive(&run);
    exits(V, 4);
    gets(SIGINT);
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGTERM);
}

Test(launcher_signals, kills_silently_roles_that_had_no_task_and_no_signal)
{
    begin();
    gets(SIGINT);
    cr_assert(signals[V] == SIGTERM && signals[S] == 0 && signals[W] == 0);
    exits(V, 143);
    sleep_on();
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGKILL);
    cr_assert(notices[S] == NOTICE_NONE && notices[W] == NOTICE_NONE);
    exits(S, 143);
    dies(W, SIGKILL);
    over(130);
}

Test(launcher_signals, kills_roles_without_tasks_at_a_second_signal)
{
    begin();
    cr_assert_not(gets(SIGINT));
    exits(V, 0);
    gets(SIGINT);
    cr_assert(signals[V] == 0 && signals[S] == SIGKILL && signals[W] == SIGKILL);
    dies(S, SIGKILL);
    dies(W, SIGKILL);
    cr_assert(notices[S] == NOTICE_NONE && notices[W] == NOTICE_NONE);
    over(130);
}

Test(launcher_signals, tells_a_ventilator_twice_that_waits_for_a_first_task)
{
    begin();
    gets(SIGINT);
    sleep_on();
    cr_assert_eq(signals[W], SIGKILL);
    dies(W, SIGKILL);
    exits(S, 143);
    sleep_on();
    cr_assert(signals[V] == SIGTERM && notices[V] == NOTICE_NONE);
    dies(V, SIGTERM);
    over(130);
}

Test(launcher_signals, asks_a_draining_worker_again_and_kills_roles_that_do_not_end)
{
    begin_and_work();
    gets(SIGTERM);
    dies(V, SIGTERM);
    sleep_on();
    cr_assert(signals[W] == SIGTERM && signals[S] == SIGTERM);
    sleep_on();
    cr_assert(signals[W] == SIGTERM && signals[S] == 0);
    sleep_on();
    cr_assert(signals[W] == SIGKILL && signals[S] == SIGKILL);
    cr_assert(notices[W] == NOTICE_STUCK && notices[S] == NOTICE_STUCK);
    dies(S, SIGKILL);
    dies(W, SIGKILL);
    over(143);
    cr_assert(launcher_sink_was_lost(&run));
}

Test(launcher_signals, says_nothing_of_roles_that_got_the_same_signal)
{
    begin();
    launcher_on_signal(&run, SIGTERM, now_us);
    dies(V, SIGTERM);
    dies(S, SIGTERM);
    cr_assert(notices[V] == NOTICE_NONE && notices[S] == NOTICE_NONE);
    exits(W, 143);
    over(143);
}

Test(launcher_signals, a_signal_before_the_start_starts_nothing)
{
    launcher_init(&run, &alone);
    now_us = 1000;
    gets(SIGTERM);
    cr_assert(started[V] == 0 && started[S] == 0 && started[W] == 0);
    over(143);
}

Test(launcher_signals, sends_no_signal_to_a_role_that_ended_meanwhile)
{
    begin();
    launcher_on_signal(&run, SIGTERM, now_us);
    launcher_tick(&run, now_us);
    launcher_on_end(&run, V, (struct ending){false, 0}, now_us);
    look();
    cr_assert_eq(signals[V], 0);
}
