/* SPDX-License-Identifier: MIT */
/* What workers say in a session. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(on_worker, .init = set_up, .fini = tear_down);

Test(on_worker, rule_6_what_bears_another_session_is_ignored)
{
    begin();
    join(A);
    cut(1);
    tick_after(0);
    hello_with(A, 2, LINK_OPEN, NULL, 0); /* session 2 from here on */
    expect_now("WELCOME(A) TASK(A:0) WELCOME(A) TASK(A:0)");
    failed(A, 0, 2); /* of session 1 */
    expect_now("");
    cr_assert_eq(dispatch_counts(dispatch).failed, 0);
}

Test(on_worker, a_worker_that_leaves_is_sent_no_more)
{
    begin();
    join(A);
    expect_now("WELCOME(A)");
    ping(A, LINK_OPEN, true, NULL);
    cut(1);
    expect_now("");
    hear(A, (struct message){.type = MESSAGE_GOODBYE, .goodbye = {.session = 1}});
    expect_now("FAREWELL(A)");
}
