/* SPDX-License-Identifier: MIT */
/* What is given up, when the run stops for it, and how bad records are found. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

#include <signal.h>

TestSuite(failures, .init = set_up, .fini = tear_down);

Test(failures, rule_10_a_chunk_that_fails_too_often_stops_the_run)
{
    begin();
    join(A);
    cut(1);
    for (uint32_t attempt = 1; attempt <= 3; attempt++) {
        tick_after(0);
        cr_assert_null(dispatch_failure(dispatch));
        failed(A, 0, attempt);
    }
    const struct dispatch_failure *failure = dispatch_failure(dispatch);
    cr_assert_not_null(failure);
    cr_assert_eq(failure->seq, 0);
    cr_assert_eq(failure->attempts, 3);
    cr_assert_eq(failure->code, 7);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_CHUNK_FAILED);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:0) TASK(A:0) END(1)");
}

/* What else fails until the workers have heard of it is not why. */
Test(failures, the_chunk_that_stopped_the_run_is_named_whatever_fails_after_it)
{
    config.retries = 1;
    begin();
    join(A);
    cut(2);
    tick_after(0);
    failed(A, 1, 1);
    tick_after(0);
    failed(A, 0, 1);
    cr_assert_eq(dispatch_failure(dispatch)->seq, 1);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1) END(2)");
}

/* ---- skip ---- */

Test(failures, a_chunk_that_failed_as_often_as_it_may_is_told_to_the_sink)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 2;
    begin();
    join(A);
    cut(2);
    failed(A, 0, 1);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    failed(A, 0, 1);
    expect_now("TASK(A:0)");
    failed(A, 0, 2);
    expect_now("SKIP(0)");
    cr_assert_eq(skipped.seq, 0);
    cr_assert_eq(skipped.attempts, 2);
    cr_assert_eq(skipped.code, 7);
    cr_assert_null(dispatch_failure(dispatch));
}

static void mute(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    hear(peer, (struct message){.type = MESSAGE_FAILED,
                                .failed = {.session = 1,
                                           .seq = seq,
                                           .attempt = attempt,
                                           .cause = FAILURE_PROTOCOL,
                                           .code = FAILURE_PROTOCOL_MUTE}});
}

Test(failures, a_chunk_of_a_program_that_never_answers_is_not_tried_again)
{
    config.on_error = ON_ERROR_SKIP;
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    mute(A, 0, 1);
    expect_now("SKIP(0)");
    cr_assert_eq(skipped.attempts, 1);
}

/* Its terminal is no other one in the next attempt. */
Test(failures, a_chunk_whose_program_asks_at_the_terminal_is_not_tried_again)
{
    config.on_error = ON_ERROR_SKIP;
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    hear(A, (struct message){.type = MESSAGE_FAILED,
                             .failed = {.session = 1,
                                        .seq = 0,
                                        .attempt = 1,
                                        .cause = FAILURE_SIGNAL,
                                        .code = SIGTTIN}});
    expect_now("SKIP(0)");
    cr_assert_eq(skipped.attempts, 1);
}

/* As when its host cannot read what it needs. */
Test(failures, one_worker_whose_program_never_answers_ends_no_run_that_others_serve)
{
    begin();
    join(A);
    join(B);
    cut(2);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1)");
    done(A, 0, 1000);
    mute(B, 1, 1);
    expect_now("TASK(A:1)");
}

Test(failures, a_program_that_never_answers_may_be_tried_without_limit)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 0;
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    mute(A, 0, 1);
    expect_now("TASK(A:0)");
}

Test(failures, a_skip_is_said_again_to_a_sink_that_does_not_hold_it)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 1;
    begin();
    join(A);
    cut(1);
    tick_after(0);
    failed(A, 0, 1);
    expect_now("WELCOME(A) TASK(A:0) SKIP(0)");
    begin_from(SINK, 0, NULL, 0);
    expect_now("SKIP(0)");
    progress(0, 1, 1, 0);
    begin_from(SINK, 1, NULL, 0);
    expect_now("");
    dispatch_on_unreachable(dispatch, SINK, now_us); /* and the next one has lost it */
    hello_sink(2, 2, false);
    begin_from(2, 0, NULL, 0);
    expect_now("WELCOME_SINK SKIP(0) WHO(A)");
}

/* ---- halt ---- */

static void sink_says(uint64_t released, uint64_t failed_tasks)
{
    hear(SINK,
         (struct message){
             .type = MESSAGE_PROGRESS,
             .progress = {.epoch = 1, .released = released, .failed = failed_tasks}});
}

Test(failures, halt_now_stops_the_run_at_once)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 1;
    config.halt = (struct halt){.when = HALT_NOW, .tasks = 2};
    begin();
    join(A);
    cut(4);
    tick_after(0);
    failed(A, 0, 1);
    failed(A, 1, 1);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1) SKIP(0) SKIP(1) END(4)");
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_CHUNK_FAILED);
}

Test(failures, halt_soon_lets_what_was_given_out_be_finished)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 1;
    config.halt = (struct halt){.when = HALT_SOON, .tasks = 1};
    begin();
    join(A);
    cut(4);
    tick_after(0);
    failed(A, 0, 1);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1) SKIP(0)");
    cr_assert_eq(dispatch_wants(dispatch), 0);
    progress(0, 2, 2, 0);
    expect_now("FORGET(A:1) END(4)");
    cr_assert_eq(dispatch_verdict(dispatch).outcome, OUTCOME_STOPPED);
}

Test(failures, halt_by_percent_waits_for_three_and_forgets_an_earlier_run)
{
    config.on_error = ON_ERROR_ISOLATE;
    config.halt = (struct halt){.when = HALT_NOW, .percent = 50};
    begin();
    join(A);
    cut(6);
    tick_after(0);
    sink_says(0, 10); /* as a journal has it */
    sink_says(2, 12);
    tick_after(0);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
    sink_says(5, 13);
    tick_after(0);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_CHUNK_FAILED);
}

/* ---- isolation ---- */

static void done_as(uint32_t peer, uint64_t seq, uint32_t attempt, uint64_t run_us)
{
    struct done_entry entry = {.seq = seq, .attempt = attempt, .run_us = run_us};
    hear(peer, (struct message){.type = MESSAGE_DONE,
                                .done = {.session = 1, .entries = &entry, .count = 1}});
}

/* One attempt a chunk says enough, as long as nothing goes well. */
Test(failures, where_no_record_goes_well_chunks_are_tried_once_until_one_is_done)
{
    config.on_error = ON_ERROR_ISOLATE;
    config.retries = 2;
    begin();
    join(A);
    cut(4);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    failed(A, 0, 1);
    expect_now("ISOLATE(A:0)");
    failed(A, 0, 2);
    expect_now("SKIP(0) TASK(A:2)");
    cr_assert(skipped.none_good && skipped.attempts == 2);
    failed(A, 1, 1);
    expect_now("SKIP(1) TASK(A:3)");
    cr_assert(skipped.none_good && skipped.attempts == 1);
    done(A, 2, 1000);
    failed(A, 3, 1);
    expect_now("ISOLATE(A:3)");
}

/* The last ISOLATE is a probe or not, and leaves these records out. */
static void expect_except(bool probe, const char *expected)
{
    cr_assert_str_eq(except, expected);
    cr_assert_eq(probes, probe);
}

Test(failures, the_last_attempt_is_to_find_the_bad_records)
{
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    join(A);
    cut(1);
    tick_after(0);
    failed(A, 0, 1);
    tick_after(0);
    failed(A, 0, 2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:0) ISOLATE(A:0)");
    cr_assert_eq(tries, 3);
    expect_except(false, "");
    failed(A, 0, 3);
    expect_now("SKIP(0)");
}

/* Four records, the third of which takes every worker down. */
Test(failures, a_record_that_takes_workers_down_is_searched_and_condemned)
{
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    dispatch_on_cut(dispatch, 100, 4);
    uint32_t peer = A;
    static const struct {
        bool lost, probe;
        const char *except;
    } steps[] = {
        {true, true, "2+2"},      /* after the second loss of the whole: a half. It is
                                     innocent in fact, but its worker is lost, too */
        {false, true, "1+3"},     /* so its half is probed, */
        {false, true, "0+1 2+2"}, /* and the other one, alone: nobody */
        {true, false, ""},        /* the whole again */
        {false, true, "2+2"},     /* half of it: survives */
        {true, true, "0+2 3+1"},  /* the third: lost alone, */
        {true, true, "0+2 3+1"},  /* and once more */
        {false, false, "2+1"},    /* all but the condemned */
    };
    join(peer);
    expect_now("WELCOME(A) TASK(A:0)");
    lose(peer, 0, 1);
    join(++peer);
    expect_now("WELCOME(B) TASK(B:0)");
    lose(peer, 0, 2);
    join(++peer);
    expect_now("WELCOME(C)");   /* not a third, before these are known to be losses */
    tick_after(11 * SECOND_US); /* C has been silent for so long, too */
    uint32_t attempt = 2;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct dispatch_action action = {.kind = DISPATCH_OVER};
        peer++;
        join(peer);
        tick_after(0);
        while (action.kind != DISPATCH_ISOLATE && next_action(&action))
            ;
        cr_assert_eq(action.kind, DISPATCH_ISOLATE, "step %zu", i);
        cr_assert_eq(action.attempt, ++attempt, "step %zu", i);
        expect_except(steps[i].probe, steps[i].except);
        if (steps[i].lost) {
            lose(peer, 0, attempt);
            tick_after(11 * SECOND_US);
        } else {
            done_as(peer, 0, attempt, 1);
            dispatch_on_unreachable(dispatch, peer, now_us);
        }
    }
    cr_assert_null(dispatch_failure(dispatch));
}

/* Else it would take down what is not guilty, again and again, and that be charged. */
Test(failures, what_may_take_workers_down_runs_with_nothing_beside_it)
{
    enum { D = C + 1 };
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    dispatch_on_cut(dispatch, 100, 4);
    join(A);
    expect_now("WELCOME(A) TASK(A:0)");
    lose(A, 0, 1);
    join(B);
    expect_now("WELCOME(B) TASK(B:0)");
    lose(B, 0, 2);
    tick_after(11 * SECOND_US);
    cut(2);
    join(C);
    expect_now("WELCOME(C) ISOLATE(C:0)");
    join(D);
    expect_now("WELCOME(D) TASK(D:1) TASK(D:2)");
    done_as(C, 0, 3, 1);
    cut(1);
    expect_now("FORGET(C:0) ISOLATE(C:0)");
    done_as(C, 0, 4, 1);
    done_as(D, 1, 1, 1);
    done_as(D, 2, 1, 1);
    expect_now("FORGET(C:0) ISOLATE(C:0) TASK(D:3)");
}

Test(failures, a_probe_that_was_lost_waits_for_the_charge)
{
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    dispatch_on_cut(dispatch, 100, 4);
    for (uint32_t i = 0; i < 2; i++) {
        join(A + i);
        tick_after(0);
        lose(A + i, 0, i + 1);
    }
    tick_after(11 * SECOND_US);
    join(C);
    tick_after(0);
    expect("WELCOME(A) TASK(A:0) WELCOME(B) TASK(B:0) WELCOME(C) ISOLATE(C:0)");
    lose(C, 0, 3);
    join(C + 1);
    expect_now("WELCOME(D)");
    hello_with(C, 2, LINK_OPEN, NULL, 0); /* it was not lost after all */
    expect_now("WELCOME(C) ISOLATE(C:0)");
    expect_except(true, "2+2");
}

Test(failures, a_probe_that_is_done_is_forgotten_and_not_waited_for)
{
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    dispatch_on_cut(dispatch, 100, 4);
    for (uint32_t i = 0; i < 2; i++) {
        join(A + i);
        tick_after(0);
        lose(A + i, 0, i + 1);
    }
    tick_after(11 * SECOND_US);
    join(C);
    expect_now("WELCOME(A) TASK(A:0) WELCOME(B) TASK(B:0) WELCOME(C) ISOLATE(C:0)");
    struct ledger_entry entry = {.seq = 0, .attempt = 3, .state = ENTRY_DONE};
    hello_with(C, 2, LINK_OPEN, &entry, 1); /* its DONE was lost */
    expect_now("WELCOME(C) FORGET(C:0) ISOLATE(C:0)");
    expect_except(true, "0+2 3+1");
}
