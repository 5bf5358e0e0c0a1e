/* SPDX-License-Identifier: MIT */
/* Whom a message belongs to. The numbers in the names of tests are those of the rules
 * in PROTOCOL.md, here and in the files of the other modules. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(dispatch, .init = set_up, .fini = tear_down);

Test(dispatch, rule_6_a_stranger_is_asked_who_it_is)
{
    begin();
    done(A, 0, 1);
    expect_now("WHO(A)");
}

Test(dispatch, what_no_ventilator_is_sent_is_rejected)
{
    begin();
    hear(A, (struct message){.type = MESSAGE_WELCOME});
    expect_now("REJECT(A)");
}

static void expect_wait(enum dispatch_wait_kind kind, uint64_t seq)
{
    struct dispatch_wait wait = dispatch_wait(dispatch);
    cr_assert_eq(wait.kind, kind, "%d", (int)wait.kind);
    cr_assert_eq(wait.seq, seq);
}

Test(dispatch, waits_for_what_keeps_the_first_chunk_that_is_not_released)
{
    begin();
    expect_wait(DISPATCH_WAITS_INPUT, 0);
    cut(2);
    expect_wait(DISPATCH_WAITS_WORKER, 0);
    join(A);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    expect_wait(DISPATCH_WAITS_RESULT, 0);
    done(A, 1, SECOND_US);
    expect_wait(DISPATCH_WAITS_RESULT, 0);
    done(A, 0, 2 * SECOND_US);
    expect_wait(DISPATCH_WAITS_HELD, 0);
    progress(0, 2, 0, 0);
    expect_wait(DISPATCH_WAITS_SINK, 0);
    progress(0, 0, 1, 0);
    expect_wait(DISPATCH_WAITS_SINK, 1);
    progress(0, 0, 2, 2);
    expect_wait(DISPATCH_WAITS_INPUT, 2);
    cr_assert_eq(dispatch_wait(dispatch).longest_us, 2 * SECOND_US);
    expect_now("FORGET(A:0) FORGET(A:1) DISCARD(0) DISCARD(1)");
}

Test(dispatch, names_the_attempt_and_since_when_it_runs)
{
    begin();
    cut(1);
    join(A);
    expect_now("WELCOME(A) TASK(A:0)");
    cr_assert_eq(dispatch_wait(dispatch).since_us, now_us);
    cr_assert_eq(dispatch_wait(dispatch).attempt, 1);
    tick_after(SECOND_US);
    runs(A, 0, 1);
    cr_assert_eq(dispatch_wait(dispatch).since_us, now_us);
    failed(A, 0, 1);
    expect_now("TASK(A:0)");
    cr_assert_eq(dispatch_wait(dispatch).attempt, 2);
    cr_assert_eq(dispatch_wait(dispatch).longest_us, 0);
}
