/* SPDX-License-Identifier: MIT */
/* The end of a run: stopped, drained, of an input that failed, and who hears of it. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(ending, .init = set_up, .fini = tear_down);

Test(ending, rule_14_end_carries_the_total)
{
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    dispatch_on_input_end(dispatch);
    expect_now("END(2)");
    expect_now("");
}

Test(ending, rule_14_after_finished_everybody_is_told_and_awaited)
{
    begin();
    join(A);
    cut(1);
    dispatch_on_input_end(dispatch);
    tick_after(0);
    progress(0, 1, 1, 1);
    expect("WELCOME(A) TASK(A:0) END(1) FORGET(A:0) DISCARD(0)");
    hear(SINK, (struct message){.type = MESSAGE_FINISHED, .finished = {.epoch = 1}});
    expect_now("STOP(A) GOODBYE");
    hear(A, (struct message){.type = MESSAGE_GOODBYE, .goodbye = {.session = 1}});
    expect_now("FAREWELL(A)");
    hear(SINK, (struct message){.type = MESSAGE_GOODBYE});
    expect_now("OVER");
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

/* HELLO bears no status: the run would end as one without dead letters. */
Test(ending, a_sink_that_finished_and_connects_again_says_how_before_it_may_go)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 1;
    begin();
    join(A);
    cut(1);
    dispatch_on_input_end(dispatch);
    tick_after(0);
    failed(A, 0, 1);
    progress(0, 1, 1, 1);
    expect_now("WELCOME(A) TASK(A:0) END(1) DISCARD(0)"); /* SKIP(0) is settled */
    dispatch_on_unreachable(dispatch, SINK, now_us);
    hello_sink(2, 1, true);
    expect_now("WELCOME_SINK");
    hear(2, (struct message){.type = MESSAGE_FINISHED,
                             .finished = {.epoch = 1,
                                          .outcome = OUTCOME_COMPLETE,
                                          .status = STATUS_DEAD_LETTERS}});
    expect_now("STOP(A) GOODBYE");
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_DEAD_LETTERS);
}

Test(ending, patience_ends_when_nobody_comes_back)
{
    begin();
    join(A);
    tick_after(SECOND_US);
    dispatch_on_unreachable(dispatch, A, now_us);
    for (int second = 0; second < 305; second++) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        tick_after(SECOND_US);
    }
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_PEER);
    cr_assert_str_eq(dispatch_verdict(dispatch).text, "no worker came for 300 s");
}

static void wait_alone(int seconds)
{
    while (seconds--) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        tick_after(SECOND_US);
    }
}

Test(ending, patience_has_no_end_while_workers_may_be_placed)
{
    begin();
    join(A);
    cut(1);
    tick_after(SECOND_US);
    dispatch_on_unreachable(dispatch, A, now_us);
    dispatch_on_awaited(dispatch, true);
    wait_alone(1000);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
    dispatch_on_awaited(dispatch, false);
    wait_alone(305);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_PEER);
}

Test(ending, a_person_says_how_long_work_waits_for_workers_that_may_be_placed)
{
    config.patience_us = 20 * SECOND_US;
    begin();
    join(A);
    tick_after(SECOND_US);
    dispatch_on_unreachable(dispatch, A, now_us);
    dispatch_on_awaited(dispatch, true);
    wait_alone(100);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK, "there is no work");
    cut(1);
    wait_alone(25);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_PEER);
}

/* A says all the while that its link is shut; so long the sink says nothing, or, where
 * it is there, that it lives. */
static void wait_unlinked(uint32_t sink, int seconds)
{
    while (seconds--) {
        ping(A, LINK_SHUT, false, NULL);
        if (sink)
            hear(sink, (struct message){.type = MESSAGE_PING});
        tick_after(SECOND_US);
    }
}

/* Without a sink no worker can connect to it. */
Test(ending, workers_have_all_the_time_to_connect_to_a_sink_that_came_late)
{
    enum { SECOND_SINK = SINK + 1 };
    config.patience_us = 20 * SECOND_US;
    begin();
    join(A);
    tick_after(SECOND_US);
    dispatch_on_unreachable(dispatch, SINK, now_us);
    wait_unlinked(0, 15);
    hello_sink(SECOND_SINK, 2, false);
    begin_from(SECOND_SINK, 0, NULL, 0);
    wait_unlinked(SECOND_SINK, 15);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
    wait_unlinked(SECOND_SINK, 10);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_PEER);
    cr_assert_str_eq(dispatch_verdict(dispatch).text,
                     "no worker could connect to the sink at r for 20 s: its "
                     "--advertise says where workers reach it");
}

/* Until it has begun nobody tells them where it is. */
Test(ending,
     workers_need_not_connect_to_a_sink_that_waits_for_a_file_system_before_begin)
{
    enum { SECOND_SINK = SINK + 1, SPEAKER };
    struct message stalled = {.type = MESSAGE_STALLED,
                              .stalled = {.incarnation = {{2}}, .waited_ms = 1000}};
    config.patience_us = 20 * SECOND_US;
    begin();
    join(A);
    tick_after(SECOND_US);
    dispatch_on_unreachable(dispatch, SINK, now_us);
    hello_sink(SECOND_SINK, 2, false);
    for (int second = 0; second < 60; second++) {
        hear(SPEAKER, stalled);
        wait_unlinked(0, 1);
    }
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

Test(ending, workers_that_do_not_come_are_not_waited_for_anew_when_a_sink_comes)
{
    config.patience_us = 20 * SECOND_US;
    dispatch = dispatch_new(&config, now_us);
    tick_after(15 * SECOND_US);
    hello_sink(SINK, 1, false);
    begin_from(SINK, 0, NULL, 0);
    wait_alone(4);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
    wait_alone(3);
    cr_assert_str_eq(dispatch_verdict(dispatch).text, "no worker came for 20 s");
}

/* ---- an input that fails ---- */

Test(ending, what_was_cut_of_an_input_that_failed_is_done_before_the_end)
{
    begin();
    join(A);
    cut(3);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    dispatch_on_input_failure(dispatch, STATUS_IO, "damaged");
    cr_expect_eq(dispatch_wants(dispatch), 0);
    expect_now("");
    done(A, 0, 1);
    progress(0, 2, 0, 0);
    expect_now("FORGET(A:0) FORGET(A:1) TASK(A:2)");
    progress(2, 1, 3, 3);
    expect_now("FORGET(A:2) DISCARD(0) DISCARD(1) DISCARD(2) END(3)");
    struct verdict verdict = dispatch_verdict(dispatch);
    cr_expect_eq(verdict.status, STATUS_IO);
    cr_expect_eq(verdict.outcome, OUTCOME_STOPPED);
    cr_expect_str_eq(verdict.text, "damaged");
}

Test(ending, a_signal_ends_a_run_whose_input_failed_without_what_was_only_cut)
{
    begin();
    join(A);
    cut(3);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    dispatch_on_input_failure(dispatch, STATUS_IO, "damaged");
    dispatch_drain(dispatch, OUTCOME_INTERRUPTED, STATUS_INTERRUPTED, "");
    progress(0, 2, 2, 2);
    expect_now("FORGET(A:0) FORGET(A:1) DISCARD(0) DISCARD(1) END(3)");
    cr_expect_eq(dispatch_verdict(dispatch).status, STATUS_INTERRUPTED);
}

/* ---- stop ---- */

Test(ending, a_run_that_is_stopped_sends_nothing_more)
{
    begin();
    join(A);
    cut(3);
    dispatch_stop(dispatch, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    dispatch_stop(dispatch, OUTCOME_STOPPED, STATUS_IO, "another reason", now_us);
    expect_now("WELCOME(A) END(3)");
    cr_assert_eq(dispatch_wants(dispatch), 0);
    cr_assert_eq(dispatch_verdict(dispatch).status, 130);
    cr_assert_str_eq(dispatch_verdict(dispatch).text, "interrupted");
}

Test(ending, a_run_that_is_stopped_waits_for_a_sink_whose_connection_broke)
{
    begin();
    cut(1);
    tick_after(SECOND_US);
    dispatch_on_unreachable(dispatch, SINK, now_us);
    dispatch_stop(dispatch, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    expect_now("");
    hello_sink_nonce(3, 1, 2, false);
    begin_from(3, 0, NULL, 0);
    expect_now("WELCOME_SINK END(1)");
}

Test(ending, a_sink_that_was_silent_while_the_run_was_stopped_hears_how_it_ended)
{
    begin();
    cut(1);
    dispatch_stop(dispatch, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    tick_after(20 * SECOND_US);
    expect("END(1) GOODBYE");
    hello_sink_nonce(3, 1, 2, false);
    expect_now("WELCOME_SINK END(1) GOODBYE");
}

/* ---- draining ---- */

Test(ending, draining_sends_retries_and_nothing_new)
{
    begin();
    join(A);
    cut(4);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    dispatch_drain(dispatch, OUTCOME_INTERRUPTED, STATUS_INTERRUPTED, "");
    failed(A, 0, 1);
    expect_now("TASK(A:0)");
    progress(0, 2, 2, 0);
    expect_now("FORGET(A:0) FORGET(A:1) END(4)");
    cr_assert_eq(dispatch_verdict(dispatch).outcome, OUTCOME_INTERRUPTED);
}

Test(ending, draining_an_input_that_was_given_out_to_its_end_completes_it)
{
    begin();
    join(A);
    cut(2);
    dispatch_on_input_end(dispatch);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1) END(2)");
    dispatch_drain(dispatch, OUTCOME_INTERRUPTED, STATUS_INTERRUPTED, "");
    progress(0, 2, 2, 0);
    expect_now("FORGET(A:0) FORGET(A:1)");
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

Test(ending, a_stop_after_a_drain_is_at_once)
{
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    dispatch_drain(dispatch, OUTCOME_INTERRUPTED, STATUS_INTERRUPTED, "");
    expect_now("");
    dispatch_stop(dispatch, OUTCOME_INTERRUPTED, STATUS_INTERRUPTED, "", now_us);
    expect_now("END(1)");
}
