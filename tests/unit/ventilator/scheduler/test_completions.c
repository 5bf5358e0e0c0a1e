/* SPDX-License-Identifier: MIT */
/* The ventilator's core on what a job log is told: one end for each task. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

static void set_up_completions(void)
{
    set_up();
    config.tells_completions = true;
}

TestSuite(completions, .init = set_up_completions, .fini = tear_down);

/* "0+500@a 1-timeout@b": of task 0, that it ended well at worker "a" after 500 us. */
static void trace_completions(struct trace *trace)
{
    struct completion completion;
    while (dispatch_next_completion(dispatch, &completion)) {
        char cause[20] = "+";
        if (!completion.well)
            snprintf(cause, sizeof cause, "-%d.%d:", (int)completion.cause,
                     (int)completion.code);
        trace_add(trace, "%d%s%d@%s", (int)completion.seq, cause,
                  (int)completion.run_us, completion.host);
        cr_assert_eq(completion.length, 100);
        cr_assert_str_eq(completion.command, *completion.host ? "cat -n" : "");
    }
}

#define expect_completions(expected) expect_trace(trace_completions, expected)

/* The worker of this peer says that it is on host "a", "b" ... */
static void join_named(uint32_t peer)
{
    static const char hosts[] = "abc";
    hear(peer, (struct message){
                   .type = MESSAGE_HELLO_WORKER,
                   .hello_worker = {.version = PROTOCOL_VERSION,
                                    .uuid = {{(uint8_t)peer}},
                                    .nonce = 1,
                                    .host = {(const uint8_t *)hosts + (peer - A), 1},
                                    .command = slice_of_text("cat -n"),
                                    .slots = 1,
                                    .link = LINK_OPEN,
                                    .run = run,
                                    .epoch = 1}});
}

static void begin_with(uint32_t tasks)
{
    begin();
    join_named(A);
    cut(tasks);
    tick_after(0);
}

static void fails(uint32_t peer, uint64_t seq, uint32_t attempt, uint64_t run_us)
{
    hear(peer, (struct message){.type = MESSAGE_FAILED,
                                .failed = {.session = 1,
                                           .seq = seq,
                                           .attempt = attempt,
                                           .run_us = run_us,
                                           .cause = FAILURE_EXIT,
                                           .code = 7}});
}

static void finish(enum outcome outcome)
{
    dispatch_on_input_end(dispatch);
    tick_after(0);
    hear(SINK,
         (struct message){.type = MESSAGE_FINISHED, .finished = {.outcome = outcome}});
}

static void leave(void)
{
    dispatch_on_unreachable(dispatch, A, now_us);
    dispatch_on_unreachable(dispatch, SINK, now_us);
    tick_after(0);
}

Test(completions, a_task_has_ended_when_it_is_done_and_its_result_held)
{
    begin_with(2);
    done(A, 0, 500);
    expect_completions("");
    progress(0, 1, 0, 0);
    expect_completions("0+500@a");
}

Test(completions, a_task_whose_result_is_held_waits_for_its_run_time)
{
    begin_with(2);
    progress(0, 1, 1, 0);
    expect_completions("");
    done(A, 0, 500);
    expect_completions("0+500@a");
}

Test(completions, a_task_that_is_committed_waits_for_its_run_time)
{
    begin_with(2);
    progress(0, 2, 2, 2);
    expect_completions("");
    done(A, 1, 600);
    done(A, 0, 500);
    expect_completions("1+600@a 0+500@a");
}

Test(completions, a_run_time_that_does_not_come_is_not_waited_for_for_ever)
{
    begin_with(2);
    progress(0, 2, 2, 2);
    tick_after(config.liveness_us / 2);
    expect_completions("");
    tick_after(config.liveness_us);
    expect_completions("0+0@a 1+0@a");
    done(A, 0, 500);
    expect_completions("");
}

Test(completions, it_is_told_once_however_often_it_is_done_and_held)
{
    begin_with(2);
    done(A, 0, 500);
    progress(0, 1, 0, 0);
    expect_completions("0+500@a");
    done(A, 0, 500);
    progress(0, 1, 1, 0);
    progress(0, 0, 1, 1);
    done(A, 0, 500);
    tick_after(2 * config.liveness_us);
    expect_completions("");
}

Test(completions, a_result_that_a_sink_has_lost_is_no_second_end)
{
    begin_with(1);
    done(A, 0, 500);
    progress(0, 1, 0, 0);
    expect_completions("0+500@a");
    begin_from(SINK, 0, NULL, 0);
    tick_after(0);
    done(A, 0, 700);
    progress(0, 1, 1, 1);
    expect_completions("");
}

Test(completions, an_attempt_that_is_tried_again_is_no_end)
{
    begin_with(1);
    fails(A, 0, 1, 300);
    tick_after(0);
    expect_completions("");
    struct done_entry entry = {.seq = 0, .attempt = 2, .run_us = 500};
    hear(A, (struct message){.type = MESSAGE_DONE,
                             .done = {.session = 1, .entries = &entry, .count = 1}});
    progress(0, 1, 1, 1);
    expect_completions("0+500@a");
}

Test(completions, a_task_that_failed_for_good_ends_as_its_last_attempt)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 2;
    begin_with(1);
    fails(A, 0, 1, 300);
    tick_after(0);
    fails(A, 0, 2, 400);
    expect_completions("0-0.7:400@a");
    progress(0, 1, 1, 1); /* the sink knows of it */
    expect_completions("");
}

Test(completions, the_failure_that_stops_the_run_is_told)
{
    config.retries = 1;
    begin_with(1);
    fails(A, 0, 1, 300);
    expect_completions("0-0.7:300@a");
}

Test(completions, a_task_that_is_lost_once_too_often_ran_at_the_worker_that_was_lost)
{
    config.on_error = ON_ERROR_SKIP;
    config.losses = 1;
    begin_with(1);
    runs(A, 0, 1);
    tick_after(200);
    dispatch_on_unreachable(dispatch, A, now_us);
    tick_after(config.liveness_us);
    expect_completions("0-8.0:200@a");
}

Test(completions, another_worker_that_takes_over_is_named)
{
    begin_with(1);
    join_named(B);
    runs(A, 0, 1);
    dispatch_on_unreachable(dispatch, A, now_us);
    tick_after(0);
    struct done_entry entry = {.seq = 0, .attempt = 2, .run_us = 500};
    hear(B, (struct message){.type = MESSAGE_DONE,
                             .done = {.session = 1, .entries = &entry, .count = 1}});
    progress(0, 1, 1, 1);
    expect_completions("0+500@b");
}

Test(completions, what_is_held_at_the_end_is_told_without_a_run_time)
{
    begin_with(2);
    done(A, 0, 500);
    progress(0, 2, 2, 1);
    expect_completions("0+500@a");
    finish(OUTCOME_COMPLETE);
    leave();
    expect_completions("1+0@a");
}

Test(completions, a_sink_that_has_finished_holds_all_whether_it_said_so_or_not)
{
    begin_with(2);
    done(A, 0, 500);
    finish(OUTCOME_COMPLETE);
    expect_completions("0+500@a");
    done(A, 1, 600);
    expect_completions("1+600@a");
    leave();
    expect_completions("");
}

Test(completions, what_was_done_when_the_run_stopped_is_told_and_nothing_else)
{
    begin_with(2);
    done(A, 0, 500);
    finish(OUTCOME_STOPPED);
    expect_completions("");
    leave();
    expect_completions("0+500@a");
}

Test(completions, nothing_is_told_where_nobody_asked)
{
    config.tells_completions = false;
    begin_with(2);
    done(A, 0, 500);
    progress(0, 2, 2, 2);
    tick_after(2 * config.liveness_us);
    expect_completions("");
}
