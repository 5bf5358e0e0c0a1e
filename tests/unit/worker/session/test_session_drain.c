/* SPDX-License-Identifier: MIT */
/* Results that only the end of the programs proves. */
#include "session_fixture.h"

static void set_up(void)
{
    drains = true;
}

TestSuite(session_drain, .init = set_up, .fini = end);

static void hear_drain(uint64_t session)
{
    hear((struct message){.type = MESSAGE_DRAIN, .drain = {session}});
}

/* Task 0 is done, and the sink holds its result. */
static void serve_one(void)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    expect("START(0)");
    finish(0);
    forget(1, 0, false);
    expect("RESULT(0) DONE(0)");
}

Test(session_drain, drained_is_said_when_the_programs_have_ended)
{
    serve_one();
    hear_drain(1);
    expect("DRAIN");
    hear_drain(1); /* asked again before that */
    expect("");
    session_on_drained(worker);
    expect("DRAINED");
    hear_drain(1);
    expect("DRAIN");
}

Test(session_drain, a_drain_of_another_session_is_ignored)
{
    serve_one();
    hear_drain(7);
    expect("");
}

Test(session_drain, a_worker_that_leaves_compares_first)
{
    serve_one();
    session_leave(worker, now_us);
    tick_after(0);
    expect("PING DRAIN");
    tick_after(0);
    expect("");
    session_on_drained(worker);
    tick_after(0);
    expect("DRAINED GOODBYE");
}

Test(session_drain, a_worker_that_has_given_nothing_leaves_at_once)
{
    begin_in_session_1(1);
    session_leave(worker, now_us);
    tick_after(0);
    expect("PING GOODBYE");
}

Test(session_drain, what_came_after_the_last_time_is_compared_as_well)
{
    serve_one();
    hear_drain(1);
    session_on_drained(worker);
    expect("DRAIN DRAINED");
    take(1);
    tick_after(0);
    finish(1);
    forget(1, 1, false);
    expect("START(1) RESULT(1) DONE(1)");
    session_leave(worker, now_us);
    tick_after(0);
    expect("PING DRAIN");
}

Test(session_drain, a_doubt_is_said_and_in_each_later_session_again)
{
    uint64_t from;
    const char *text;
    serve_one();
    session_on_doubt(worker, 5, "one line too many");
    expect("DOUBT");
    session_on_doubt(worker, 3, "another");
    expect("DOUBT");
    cr_assert(session_doubt(worker, &from, &text));
    cr_assert_eq(from, 3);
    cr_assert_str_eq(text, "another");
    hear((struct message){.type = MESSAGE_WHO});
    session_on_doubt(worker, 2, "a third"); /* outside of a session */
    expect("HELLO");
    welcome(2, 1);
    expect("OPEN_LINK DOUBT PING");
    cr_assert(session_doubt(worker, &from, &text));
    cr_assert_eq(from, 2);
}

Test(session_drain, a_worker_that_stays_compares_before_the_next_run)
{
    uint64_t from;
    const char *text;
    begin(1, true, true);
    tick_after(0);
    welcome(1, 1);
    session_on_link(worker, true, now_us);
    take(0);
    tick_after(0);
    finish(0);
    expect("CONNECT HELLO PING OPEN_LINK PING PING START(0) RESULT(0) DONE(0)");
    hear((struct message){.type = MESSAGE_STOP});
    expect("GOODBYE CLOSE_LINK DRAIN");
    tick_after(5 * SECOND_US);
    expect(""); /* not before that is through */
    session_on_doubt(worker, 0, "it concerns the run that is over");
    session_on_drained(worker);
    cr_assert_not(session_doubt(worker, &from, &text));
    tick_after(0);
    expect("CONNECT HELLO PING");
}
