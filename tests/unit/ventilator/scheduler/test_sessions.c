/* SPDX-License-Identifier: MIT */
/* How sessions end, and what a heartbeat checks of those that live on. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(sessions, .init = set_up, .fini = tear_down);

Test(sessions, rule_11_the_tasks_of_a_worker_that_is_gone_go_to_another_at_once)
{
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    join(B);
    dispatch_on_unreachable(dispatch, A, now_us);
    expect_now("WELCOME(B) TASK(B:0) TASK(B:1)");
}

Test(sessions, rule_11_silence_for_the_liveness_time_is_death)
{
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    tick_after(9 * SECOND_US);
    join(B);
    expect_now("WELCOME(B)");
    tick_after(SECOND_US + 1);
    expect("TASK(B:0)");
}

Test(sessions, rule_3_a_done_that_nobody_confirms_in_time_is_asked_about)
{
    begin();
    join(A);
    cut(1);
    tick_after(0);
    done(A, 0, 1);
    expect("WELCOME(A) TASK(A:0)");
    for (int second = 0; second < 11; second++) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        ping(A, LINK_OPEN, false, NULL);
        tick_after(SECOND_US);
    }
    expect("WHO(A)");
}
