/* SPDX-License-Identifier: MIT */
/* Which worker gets which task: credit, window, order, recalls. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(assign, .init = set_up, .fini = tear_down);

Test(assign, nothing_is_sent_before_there_are_as_many_workers_as_asked_for)
{
    config.min_workers = 2;
    begin();
    cut(2);
    join(A);
    expect_now("WELCOME(A)");
    join(B);
    expect_now("WELCOME(B) TASK(A:0) TASK(B:1)");
}

/* ---- credit and window ---- */

Test(assign, rule_8_a_worker_is_sent_no_more_than_its_credit)
{
    begin();
    join(A);
    cut(5);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    done(A, 0, 2 * SECOND_US);
    expect_now(""); /* tasks over a second are not queued behind another */
    done(A, 1, 2 * SECOND_US);
    expect_now("TASK(A:2)");
}

Test(assign, rule_8_results_that_nobody_holds_take_credit)
{
    begin();
    join(A);
    cut(10);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    for (uint64_t seq = 0; seq < 4; seq++) { /* as long as it may */
        done(A, seq, 2 * SECOND_US);
        tick_after(0);
    }
    expect("TASK(A:2) TASK(A:3)");
    progress(0, 1, 0, 0);
    expect_now("FORGET(A:0) TASK(A:4)");
}

Test(assign, rule_8_idle_slots_come_first)
{
    begin();
    join(A);
    join(B);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
}

Test(assign, rule_8_short_tasks_are_sent_ahead_for_a_round_trip)
{
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    tick_after(40000);
    ping(A, LINK_OPEN, false, NULL); /* the answer to WELCOME */
    tick_after(20000);
    done(A, 0, 10000);
    cut(9); /* 20 ms, 40 of WELCOME, and an eighth of what the task took longer */
    expect_now("TASK(A:1) TASK(A:2) TASK(A:3) TASK(A:4) TASK(A:5) TASK(A:6) TASK(A:7) "
               "TASK(A:8)");
}

Test(assign, rule_8_a_round_trip_that_got_longer_shows_while_a_slot_waits)
{
    begin();
    join(A);
    ping(A, LINK_OPEN, false, NULL);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    tick_after(10000);
    done(A, 0, 10000);
    ping(A, LINK_OPEN, false, NULL); /* 1 is not there yet */
    tick_after(100000);
    done(A, 1, 10000);
    cut(9); /* 20 ms, and an eighth of 100 */
    expect_now("TASK(A:2) TASK(A:3) TASK(A:4) TASK(A:5) TASK(A:6)");
}

Test(assign, rule_7_nothing_is_sent_from_the_windows_end_on)
{
    config.window = 2;
    begin();
    join(A);
    join(B);
    cr_assert_leq(dispatch_wants(dispatch), 2);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1)");
    progress(1, 1, 0, 0); /* held is not released */
    expect_now("FORGET(B:1)");
    progress(0, 1, 2, 0);
    expect_now("FORGET(A:0) TASK(A:2) TASK(B:3)");
}

Test(assign, rule_3_a_worker_whose_link_is_shut_is_sent_nothing)
{
    begin();
    join(A);
    ping(A, LINK_SHUT, false, NULL);
    cut(1);
    expect_now("WELCOME(A)");
    ping(A, LINK_OPEN, false, NULL);
    expect_now("TASK(A:0)");
}

/* ---- retries ---- */

Test(assign, rule_9_retries_go_before_new_tasks)
{
    begin();
    join(A);
    cut(4);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    failed(A, 0, 1);
    expect_now("TASK(A:0)");
}

Test(assign, rule_9_a_retry_goes_to_another_worker_if_one_has_credit)
{
    begin();
    join(A);
    join(B);
    cut(1);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0)");
    failed(A, 0, 1);
    expect_now("TASK(B:0)");
}

Test(assign, rule_9_the_last_try_waits_for_a_worker_that_did_not_fail_it)
{
    begin();
    join(A);
    join(B);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
    failed(A, 0, 1);
    expect_now("TASK(A:0)"); /* B has no credit */
    failed(A, 0, 2);
    expect_now("");
    done(B, 1, 10000);
    expect_now("TASK(B:0)");
}

/* ---- recalls ---- */

Test(assign, rule_9_the_oldest_is_recalled_while_a_slot_elsewhere_is_free)
{
    struct attempt_entry running = {.seq = 1, .attempt = 1};
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    ping(A, LINK_OPEN, false, &running);
    join(B);
    tick_after(SECOND_US);
    expect("WELCOME(B) FORGET(A:0?)"); /* 0 waits behind 1 in its only slot */
    struct attempt_entry back = {.seq = 0, .attempt = 1};
    hear(A, (struct message){.type = MESSAGE_RETURNED,
                             .returned = {.session = 1, .entries = &back, .count = 1}});
    tick_after(0);
    cr_assert_eq(dispatch_counts(dispatch).returned, 1);
    cr_assert_eq(dispatch_counts(dispatch).sent, 3);
    cr_assert_eq(dispatch_counts(dispatch).retried, 0, "a recall costs nothing");
}

Test(assign, rule_9_a_retry_is_not_recalled_for_the_worker_that_failed_it)
{
    struct attempt_entry running = {.seq = 0, .attempt = 1};
    begin();
    join(A);
    join(B);
    cut(2);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1)");
    ping(A, LINK_OPEN, false, &running);
    failed(B, 1, 1);
    tick_after(SECOND_US);
    expect("TASK(A:1)"); /* it would be given to A again */
    join(C);
    tick_after(SECOND_US);
    expect("WELCOME(C) FORGET(A:1?)");
}

Test(assign, rule_9_what_has_not_arrived_is_not_recalled)
{
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    progress(0, 1, 1, 0); /* A has named nothing that runs: 1 may still be on its way */
    join(B);
    tick_after(SECOND_US);
    expect("FORGET(A:0) WELCOME(B)");
}

Test(assign, rule_9_as_much_is_recalled_as_there_are_slots_free)
{
    struct attempt_entry running = {.seq = 5, .attempt = 1};
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    done(A, 0, 4000); /* 20 ms have room for 5 */
    cut(6);
    expect_now("TASK(A:1) TASK(A:2) TASK(A:3) TASK(A:4) TASK(A:5) TASK(A:6)");
    ping(A, LINK_OPEN, false, &running); /* and 5 turns out to be long */
    join(B);
    join(C);
    tick_after(20000);
    expect("WELCOME(B) WELCOME(C) FORGET(A:1?) FORGET(A:2?)");
    tick_after(SECOND_US);
    expect(""); /* they are on their way */
}

Test(assign, rule_9_nothing_is_recalled_for_a_slot_that_gets_a_new_task)
{
    struct attempt_entry running = {.seq = 0, .attempt = 1};
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    ping(A, LINK_OPEN, false, &running);
    join(B);
    cut(1);
    tick_after(SECOND_US);
    expect("WELCOME(B) TASK(B:2)");
}
