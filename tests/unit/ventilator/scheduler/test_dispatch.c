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
