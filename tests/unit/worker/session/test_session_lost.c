/* SPDX-License-Identifier: MIT */
/* What a worker does when its ventilator is lost: --on-lost. */
#include "session_fixture.h"

static void end_lost(void)
{
    end();
    on_lost = ON_LOST_WAIT;
}

TestSuite(session_lost, .fini = end_lost);

/* Runs task 0, has task 1 queued, and hears nothing any more. */
static void begin_running(enum on_lost what)
{
    on_lost = what;
    begin_in_session_1(1);
    session_on_slot(worker, 0, true);
    take(0);
    take(1);
    tick_after(0);
    expect("START(0)");
}

static void grow_doubtful(void)
{
    tick_after(10 * SECOND_US + 1);
    expect("CONNECT HELLO PING");
    tick_after(10 * SECOND_US);
    expect("PING");
}

Test(session_lost, one_that_waits_works_on)
{
    begin_running(ON_LOST_WAIT);
    grow_doubtful();
    finish(0);
    tick_after(1);
    expect("RESULT(0) HELLO START(1)");
    expect_ledger(2);
}

Test(session_lost, one_that_stops_breaks_off_what_runs_once_two_connections_are_silent)
{
    begin_running(ON_LOST_STOP);
    grow_doubtful();
    tick_after(1);
    expect("HELLO KILL(0) LEAVE");
    cr_assert_str_eq(session_exit_reason(worker),
                     "the ventilator is lost, and --on-lost stop says not to wait for "
                     "another");
}

Test(session_lost, one_that_finishes_begins_nothing_and_leaves_when_nothing_runs)
{
    begin_running(ON_LOST_FINISH);
    grow_doubtful();
    tick_after(1);
    expect("HELLO");
    expect_ledger(2);
    finish(0);
    tick_after(1);
    expect("RESULT(0) LEAVE");
}

Test(session_lost, one_that_finishes_goes_on_when_a_ventilator_answers_meanwhile)
{
    begin_running(ON_LOST_FINISH);
    grow_doubtful();
    tick_after(1);
    expect("HELLO");
    welcome(3, 1);
    finish(0);
    tick_after(1);
    expect("OPEN_LINK PING DONE(0) START(1)");
}

/* It waits for PONGs, which do not come: no program has it. */
Test(session_lost, a_task_that_is_only_announced_is_not_waited_for)
{
    on_lost = ON_LOST_FINISH;
    begin_in_session_1(1);
    session_on_slot(worker, 0, true);
    cr_assert(take_attempt(1, 0, 2));
    tick_after(0);
    expect("PING PING");
    grow_doubtful();
    tick_after(1);
    expect("HELLO KILL(0) LEAVE");
}

Test(session_lost, who_never_met_a_ventilator_waits_whatever_is_said)
{
    on_lost = ON_LOST_STOP;
    begin(1, true, false);
    tick_after(0);
    expect("CONNECT HELLO PING");
    tick_after(100 * SECOND_US);
    expect("CONNECT HELLO PING");
    tick_after(9 * SECOND_US);
    expect("PING");
}
