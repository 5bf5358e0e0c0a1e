/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "deploy/local/launcher.h"
#include <criterion/criterion.h>
#include <signal.h>

#define V ROLE_VENTILATOR
#define S ROLE_SINK
#define W ROLE_WORKER

/* A run at `now_us`, and what the launcher asked for since the last look. */
static struct launcher run;
static int64_t now_us;
static int started[ROLE_COUNT];
static int signals[ROLE_COUNT]; /* the last one; 0: none */
static enum launcher_notice notices[ROLE_COUNT];

static void look(void)
{
    struct launcher_action action;

    memset(started, 0, sizeof started);
    memset(signals, 0, sizeof signals);
    memset(notices, 0, sizeof notices);
    launcher_tick(&run, now_us);
    while (launcher_next(&run, &action)) {
        if (action.kind == LAUNCHER_START)
            started[action.role]++;
        else if (action.kind == LAUNCHER_SIGNAL)
            signals[action.role] = action.signal;
        else
            notices[action.role] = action.notice;
    }
}

static const struct launcher_config alone = {.restarts = LAUNCHER_RESTARTS};
static const struct launcher_config isolating = {.restarts = LAUNCHER_RESTARTS_ISOLATE};
static const struct launcher_config with_others = {.restarts = LAUNCHER_RESTARTS,
                                                   .open = true};

static void begin_as(const struct launcher_config *config)
{
    launcher_init(&run, config);
    now_us = 1000;
    look();
}

static void begin(void)
{
    begin_as(&alone);
}

/* In the middle of it: a worker has finished a task. */
static void begin_and_work(void)
{
    begin();
    launcher_on_alive(&run);
}

static void exits(enum role role, int status)
{
    launcher_on_end(&run, role, (struct ending){false, status}, now_us);
    look();
}

static void dies(enum role role, int signal)
{
    launcher_on_end(&run, role, (struct ending){true, signal}, now_us);
    look();
}

/* Whether what runs is waited for. */
static bool gets(int signal)
{
    bool drains = launcher_on_signal(&run, signal, now_us);

    look();
    return drains;
}

/* Sleeps until the next deadline, as a loop would. */
static void sleep_on(void)
{
    int64_t next_us = launcher_tick(&run, now_us);

    cr_assert_neq(next_us, NEVER_US, "nothing would ever happen");
    now_us = next_us;
    look();
}

static void over(int status)
{
    cr_assert(launcher_over(&run));
    cr_assert_eq(launcher_status(&run), status, "status %d, not %d",
                 launcher_status(&run), status);
    cr_assert_eq(launcher_tick(&run, now_us), NEVER_US);
    look();
    for (int i = 0; i < ROLE_COUNT; i++)
        cr_assert(started[i] == 0 && signals[i] == 0);
}

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

Test(launcher, a_sink_counts_before_a_ventilator_and_that_before_a_worker)
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

Test(launcher, a_command_that_cannot_run_counts_before_the_sink)
{
    begin();
    exits(S, 4);
    exits(W, 127);
    exits(V, 0);
    over(127);
}

Test(launcher, a_signal_counts_before_all)
{
    begin();
    gets(SIGINT);
    exits(W, 126);
    exits(S, 4);
    exits(V, 5);
    over(130);
}

Test(launcher, lets_the_ventilator_finish_what_runs_however_long_that_takes)
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

Test(launcher, tells_the_others_if_a_drained_ventilator_did_not)
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

Test(launcher, waits_for_nothing_at_a_second_signal)
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

Test(launcher, kills_a_ventilator_that_does_not_end_at_a_second_signal)
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

Test(launcher, kills_every_role_at_a_third_signal)
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

Test(launcher, a_signal_that_found_nothing_more_to_stop_changes_nothing)
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

Test(launcher, a_run_with_dead_letters_is_done_and_its_end_is_not_hurried)
{
    begin_and_work();
    exits(S, 1);
    cr_assert_geq(launcher_tick(&run, now_us) - now_us, 10 * SECOND_US);
    exits(V, 0);
    dies(W, SIGKILL);
    over(1);
}

Test(launcher, finishes_nothing_without_its_worker)
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

Test(launcher, finishes_what_runs_on_other_hosts_without_its_worker)
{
    begin_as(&with_others);
    launcher_on_alive(&run);
    gets(SIGINT);
    dies(W, SIGKILL);
    cr_assert(signals[V] == 0 && signals[S] == 0);
    cr_assert_eq(launcher_tick(&run, now_us), NEVER_US);
}

Test(launcher, finishes_nothing_without_its_sink)
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

Test(launcher, tells_of_a_ventilator_that_was_killed_while_it_drained)
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

Test(launcher, a_ventilator_that_waits_for_a_task_is_told_twice_without_a_signal_too)
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

Test(launcher, drains_nothing_once_an_end_has_ended)
{
    begin_and_work();
    exits(S, 4);
    cr_assert_not(gets(SIGINT));
    cr_assert_eq(signals[V], SIGTERM);
    sleep_on();
    cr_assert_eq(signals[W], SIGTERM);
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

Test(launcher, asks_the_others_at_once_when_the_ventilator_has_ended_before_a_signal)
{
    begin();
    launcher_on_alive(&run);
    exits(V, 4);
    gets(SIGINT);
    cr_assert(signals[S] == SIGTERM && signals[W] == SIGTERM);
}

Test(launcher, kills_silently_what_has_not_begun_and_is_not_told_of_a_signal)
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

Test(launcher, kills_at_a_second_signal_what_had_nothing_to_finish)
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

Test(launcher, tells_a_ventilator_twice_that_waits_for_a_first_task)
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

Test(launcher, presses_a_draining_worker_and_kills_what_does_not_end)
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

Test(launcher, starts_a_worker_that_dies_again_three_times_in_a_row)
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

Test(launcher, starts_a_worker_again_as_often_as_a_search_for_a_bad_record_needs)
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

Test(launcher, counts_anew_after_a_finished_task)
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

Test(launcher, does_not_start_a_worker_once_an_end_has_ended)
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

Test(launcher, kills_silently_what_has_not_begun_when_an_end_fails)
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

Test(launcher, soon_tells_a_worker_that_came_too_late_to_be_told)
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

Test(launcher, an_end_that_had_to_be_told_after_a_good_one_is_no_good_end)
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

Test(launcher, a_worker_that_is_killed_after_a_good_end_takes_nothing_away)
{
    begin();
    launcher_on_alive(&run);
    exits(V, 0);
    exits(S, 0);
    dies(W, SIGKILL);
    cr_assert_eq(notices[W], NOTICE_KILLED);
    over(0);
}

Test(launcher, tells_who_was_terminated_and_gives_the_others_time)
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

Test(launcher, says_nothing_of_roles_that_got_the_signal_that_it_got_too)
{
    begin();
    launcher_on_signal(&run, SIGTERM, now_us);
    dies(V, SIGTERM);
    dies(S, SIGTERM);
    cr_assert(notices[V] == NOTICE_NONE && notices[S] == NOTICE_NONE);
    exits(W, 143);
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

Test(launcher, a_signal_before_the_start_starts_nothing)
{
    launcher_init(&run, &alone);
    now_us = 1000;
    gets(SIGTERM);
    cr_assert(started[V] == 0 && started[S] == 0 && started[W] == 0);
    over(143);
}

Test(launcher, sends_no_signal_to_a_role_that_ended_meanwhile)
{
    begin();
    launcher_on_signal(&run, SIGTERM, now_us);
    launcher_tick(&run, now_us);
    launcher_on_end(&run, V, (struct ending){false, 0}, now_us);
    look();
    cr_assert_eq(signals[V], 0);
}
