/* SPDX-License-Identifier: MIT */
/* Time limits in per cent of the median run time. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(limits, .init = set_up, .fini = tear_down);

Test(limits, a_limit_in_percent_reaches_what_was_sent_before_there_was_a_median)
{
    config.limit_percent = 200;
    begin();
    join(A);
    join(B);
    cut(9);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
    runs(A, 0, 1);
    for (uint64_t seq = 1; seq < 4; seq += 2)
        done(B, seq, SECOND_US);
    tick_after(0);
    done(B, 4, SECOND_US);
    tick_after(SECOND_US);
    runs(A, 0, 1);
    runs(B, 5, 1);
    cr_assert_eq(dispatch_counts(dispatch).failed, 0);
    tick_after(SECOND_US + SECOND_US / 2); /* it has not said that it still runs */
    cr_assert_eq(dispatch_counts(dispatch).failed, 0);
    runs(A, 0, 1);
    tick_after(SECOND_US);
    cr_assert_eq(dispatch_counts(dispatch).failed, 1);
}

Test(limits, a_limit_that_travelled_is_the_workers_affair)
{
    struct ledger_entry entry = {.seq = 0, .attempt = 1, .state = ENTRY_RUNNING};
    config.limit_ms = 1000;
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    hello_with(A, 2, LINK_OPEN, &entry,
               1); /* from here on nothing says how it was sent */
    tick_after(5 * SECOND_US);
    expect("WELCOME(A)");
    cr_assert_eq(dispatch_counts(dispatch).failed, 0);
}

Test(limits, a_slow_worker_is_not_taken_for_a_sick_one)
{
    struct dispatch_action action;
    uint32_t limit_ms = 0;
    config.limit_percent = 200;
    begin();
    join(A);
    join(B);
    cut(9);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
    for (uint64_t seq = 1; seq < 4; seq += 2)
        done(B, seq, SECOND_US);
    tick_after(0);
    done(B, 4, SECOND_US);
    done(A, 0, 5 * SECOND_US);
    done(A, 2, 5 * SECOND_US);
    tick_after(0);
    while (next_action(&action))
        if (action.kind == DISPATCH_TASK && action.peer == A)
            limit_ms = action.limit_ms;
    cr_assert_eq(limit_ms, 2 * 5000);
}
