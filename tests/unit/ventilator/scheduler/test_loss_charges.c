/* SPDX-License-Identifier: MIT */
/* What a task is charged for the loss of workers. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(loss_charges, .init = set_up, .fini = tear_down);

/* Peers A to C come, run it, and are lost; what is left of each is its uuid. */
static void join_and_lose(uint32_t peer, uint32_t attempt, bool runs)
{
    struct attempt_entry running = {.seq = 0, .attempt = attempt};
    join(peer);
    tick_after(0);
    ping(peer, LINK_OPEN, false, runs ? &running : NULL);
    dispatch_on_unreachable(dispatch, peer, now_us);
}

Test(loss_charges, rule_10_a_loss_counts_for_what_ran_once_the_liveness_time_is_over)
{
    config.losses = 2;
    begin();
    cut(1);
    join_and_lose(A, 1, true);
    join_and_lose(B, 2, true);
    tick_after(9 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
    tick_after(SECOND_US);
    cr_assert_not_null(dispatch_failure(dispatch));
    cr_assert_eq(dispatch_failure(dispatch)->cause, FAILURE_LOST);
}

Test(loss_charges, rule_10_a_loss_counts_nothing_for_what_only_waited)
{
    config.losses = 2;
    begin();
    cut(1);
    join_and_lose(A, 1, false);
    join_and_lose(B, 2, false);
    tick_after(20 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
}

Test(loss_charges, rule_10_a_worker_that_comes_back_in_time_is_not_charged)
{
    config.losses = 1;
    begin();
    cut(1);
    join_and_lose(A, 1, true);
    tick_after(5 * SECOND_US);
    hello_with(A, 2, LINK_OPEN, NULL, 0);
    tick_after(6 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
}

Test(loss_charges,
     rule_10_an_attempt_whose_worker_comes_back_and_is_lost_again_counts_once)
{
    struct ledger_entry kept = {.seq = 0, .attempt = 1, .state = ENTRY_RUNNING};
    config.losses = 2;
    begin();
    cut(1);
    join_and_lose(A, 1, true);
    tick_after(11 * SECOND_US); /* charged */
    hello_with(A, 2, LINK_OPEN, &kept, 1);
    dispatch_on_unreachable(dispatch, A, now_us);
    tick_after(11 * SECOND_US); /* charged again, and it is the same attempt */
    cr_assert_null(dispatch_failure(dispatch));
}

/* The charge comes when the task is with the next worker: so the loss of that one must
 * not send it to a third. */
Test(loss_charges, a_chunk_lost_as_often_as_it_may_is_not_sent_once_more)
{
    config.on_error = ON_ERROR_SKIP;
    config.losses = 1;
    begin();
    cut(1);
    join(A);
    expect_now("WELCOME(A) TASK(A:0)");
    lose(A, 0, 1);
    join(B);
    expect_now("WELCOME(B) TASK(B:0)");
    tick_after(9 * SECOND_US);
    runs(B, 0, 2);
    tick_after(2 * SECOND_US); /* the first loss is charged */
    join(C);
    expect_now("WELCOME(C)");
    dispatch_on_unreachable(dispatch, B, now_us);
    expect_now("SKIP(0)");
}

/* Two losses, 5 s apart; the first is charged, and C has room. */
static void lose_twice(void)
{
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    dispatch_on_cut(dispatch, 100, 4);
    join(A);
    expect_now("WELCOME(A) TASK(A:0)");
    lose(A, 0, 1);
    tick_after(5 * SECOND_US);
    join(B);
    expect_now("WELCOME(B) TASK(B:0)");
    lose(B, 0, 2);
    tick_after(4 * SECOND_US);
    join(C);
    expect_now("WELCOME(C)");
    tick_after(2 * SECOND_US);
    expect_now("");
}

/* Sent again at the first answer, it would be lost again before the second came, and no
 * answer would ever be about the attempt that the bisection waits for. */
Test(loss_charges, a_chunk_waits_until_its_last_charge_is_settled)
{
    lose_twice();
    tick_after(5 * SECOND_US);
    expect_now("ISOLATE(C:0)");
}

Test(loss_charges, a_chunk_waits_until_its_last_charge_is_waived)
{
    lose_twice();
    hello_with(B, 2, LINK_OPEN, NULL, 0);
    expect_now("WELCOME(B) TASK(B:0)");
}

Test(loss_charges,
     rule_10_the_loss_of_a_worker_that_is_excused_afterwards_counts_nothing)
{
    config.losses = 2;
    begin();
    cut(1);
    join_and_lose(A, 1, true);
    join_and_lose(B, 2, true);
    dispatch_on_excused(dispatch, "B");
    tick_after(20 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
}

Test(loss_charges,
     rule_10_one_that_is_charged_already_counts_nothing_once_it_is_excused)
{
    config.losses = 2;
    begin();
    cut(1);
    join_and_lose(A, 1, true);
    tick_after(11 * SECOND_US); /* charged */
    dispatch_on_excused(dispatch, "A");
    join_and_lose(B, 2, true);
    tick_after(20 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
}

Test(loss_charges, rule_10_one_that_is_excused_before_it_is_lost_is_not_charged)
{
    config.losses = 1;
    begin();
    cut(1);
    struct attempt_entry running = {.seq = 0, .attempt = 1};
    join(A);
    tick_after(0);
    ping(A, LINK_OPEN, false, &running);
    dispatch_on_excused(dispatch, "A");
    dispatch_on_unreachable(dispatch, A, now_us);
    tick_after(20 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
}

Test(loss_charges, rule_10_another_place_excuses_nobody)
{
    config.losses = 1;
    begin();
    cut(1);
    join_and_lose(A, 1, true);
    dispatch_on_excused(dispatch, "B");
    tick_after(20 * SECOND_US);
    cr_assert_not_null(dispatch_failure(dispatch));
}
