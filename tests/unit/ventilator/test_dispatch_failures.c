/* SPDX-License-Identifier: MIT */
/* The ventilator's core on what fails, takes workers down or runs too long: what is
 * given up, isolated, searched, copied, and when the run stops for it. */
#include "dispatch_fixture.h"

TestSuite(failures, .init = set_up, .fini = tear_down);

/* The attempt of `seq` at this worker runs, as it says. */
static void runs(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    struct attempt_entry running = {seq, attempt};
    ping(peer, WAY_OPEN, false, &running);
}

static void done_as(uint32_t peer, uint64_t seq, uint32_t attempt, uint64_t run_us)
{
    struct done_entry entry = {.seq = seq, .attempt = attempt, .run_us = run_us};
    hear(peer, (struct message){.type = MESSAGE_DONE,
                                .done = {.session = 1, .entries = &entry, .count = 1}});
}

static void sink_says(uint64_t released, uint64_t failed_tasks)
{
    hear(SINK,
         (struct message){
             .type = MESSAGE_PROGRESS,
             .progress = {.epoch = 1, .released = released, .failed = failed_tasks}});
}

/* The worker is lost with the attempt that runs there, for good: another one joins. */
static void lose(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    runs(peer, seq, attempt);
    dispatch_on_unreachable(dispatch, peer, now_us);
}

static void expect_except(uint64_t seq, bool probe, const char *expected)
{
    char line[400] = "";
    struct isolation isolation = dispatch_isolation(dispatch, seq);
    for (uint32_t i = 0; i < isolation.count; i++)
        snprintf(line + strlen(line), sizeof line - strlen(line), "%s%d+%d",
                 i ? " " : "", (int)isolation.except[i].first,
                 (int)isolation.except[i].count);
    cr_assert_str_eq(line, expected);
    cr_assert_eq(isolation.probe, probe);
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
    const struct dispatch_failure *failure = dispatch_skipped(dispatch, 0);
    cr_assert_eq(failure->attempts, 2);
    cr_assert_eq(failure->code, 7);
    cr_assert_null(dispatch_failure(dispatch));
}

static void mute(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    hear(peer, (struct message){.type = MESSAGE_FAILED,
                                .failed = {.session = 1,
                                           .seq = seq,
                                           .attempt = attempt,
                                           .how = FAILURE_PROTOCOL,
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
    cr_assert_eq(dispatch_skipped(dispatch, 0)->attempts, 1);
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

/* HELLO bears no status: the run would end as one without dead letters. */
Test(failures, a_sink_that_finished_and_connects_anew_says_how_before_it_may_go)
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
    expect_now("WELCOME(A) TASK(A:0) END(1) SKIP(0) DISCARD(0)");
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

/* ---- draining ---- */

Test(failures, draining_sends_retries_and_nothing_new)
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

Test(failures, draining_an_input_that_was_given_out_to_its_end_completes_it)
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

Test(failures, a_stop_after_a_drain_is_at_once)
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

/* ---- resume ---- */

Test(failures, a_sink_that_stands_further_needs_resume)
{
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    begin_from(SINK, 5, NULL, 0);
    join(A);
    expect_now("WELCOME_SINK OVER"); /* and tells nobody that the run is over */
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_PEER);
}

Test(failures, with_resume_the_seqs_go_on_where_the_sink_stands)
{
    config.resume = true;
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    begin_from(SINK, 5, NULL, 0);
    join(A);
    cut(1);
    expect_now("WELCOME_SINK START(5) WELCOME(A) TASK(A:5)");
}

/* ---- limits and copies ---- */

Test(failures, a_limit_in_percent_reaches_what_was_sent_before_there_was_a_median)
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

Test(failures, a_limit_that_travelled_is_the_workers_affair)
{
    struct ledger_entry entry = {.seq = 0, .attempt = 1, .state = ENTRY_RUNNING};
    config.limit_ms = 1000;
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    hello_with(A, 2, WAY_OPEN, &entry,
               1); /* from here on nothing says how it was sent */
    tick_after(5 * SECOND_US);
    expect("WELCOME(A)");
    cr_assert_eq(dispatch_counts(dispatch).failed, 0);
}

Test(failures, a_copy_of_a_straggler_goes_to_an_idle_slot)
{
    config.speculate = true;
    begin();
    join(A);
    join(B);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
    runs(A, 0, 1);
    done(B, 1, SECOND_US);
    done(B, 3, SECOND_US);
    done(A, 2, SECOND_US);
    progress(1, 3, 0, 0);
    expect_now("FORGET(B:1) FORGET(A:2) FORGET(B:3)");
    tick_after(2 * SECOND_US);
    runs(A, 0, 1);
    expect_now("");
    tick_after(2 * SECOND_US);
    expect("TASK(B:0)");
    runs(A, 0, 1);
    tick_after(2 * SECOND_US);
    expect(""); /* one copy is enough */
    progress(0, 1, 4, 0);
    expect_now("FORGET(B:0) FORGET(A:0)");
}

/* A copy of task 0 runs at B while A has it, too; both are idle but for that. */
static void copy_a_straggler(void)
{
    config.speculate = true;
    begin();
    join(A);
    join(B);
    cut(4);
    tick_after(0);
    runs(A, 0, 1);
    done(B, 1, SECOND_US);
    done(B, 3, SECOND_US);
    done(A, 2, SECOND_US);
    progress(1, 3, 0, 0);
    tick_after(4 * SECOND_US);
    expect("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3) FORGET(B:1) "
           "FORGET(A:2) FORGET(B:3) TASK(B:0)");
    runs(B, 0, 2);
}

/* Copies of copies would keep a chunk that hangs in good hands for ever. */
Test(failures, a_chunk_that_failed_as_often_as_it_may_is_not_copied_again)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 1;
    copy_a_straggler();
    failed(A, 0, 1);
    tick_after(4 * SECOND_US);
    ping(A, WAY_OPEN, false, NULL); /* it has nothing to do */
    runs(B, 0, 2);
    tick_after(4 * SECOND_US);
    expect("");
    failed(B, 0, 2);
    expect_now("SKIP(0)");
}

/* A sink that comes back without what it had not committed moves the window back,
 * behind what runs already. */
Test(failures, what_runs_beyond_the_window_is_not_copied)
{
    static const struct range held[] = {{0, 4}, {5, 1}};
    config.speculate = true;
    config.window = 4;
    begin();
    join(A);
    join(B);
    cut(6);
    tick_after(0);
    for (uint64_t seq = 0; seq < 4; seq++)
        done(seq % 2 ? B : A, seq, SECOND_US);
    progress(0, 4, 4, 0);
    tick_after(0);
    expect("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3) FORGET(A:0) "
           "FORGET(B:1) FORGET(A:2) FORGET(B:3) TASK(A:4) TASK(B:5)");
    runs(A, 4, 1);
    done(B, 5, SECOND_US);
    dispatch_on_unreachable(dispatch, SINK, now_us);
    hello_sink(2, 2, false);
    begin_from(2, 0, held, 2);
    tick_after(4 * SECOND_US);
    expect("WELCOME_SINK FORGET(B:5) WHO(A) WHO(B)");
    hear(2, (struct message){.type = MESSAGE_PROGRESS,
                             .progress = {.epoch = 1, .released = 1}});
    tick_after(SECOND_US);
    expect("TASK(B:4)");
}

/* The charge comes when the task is with the next worker: so the loss of that one must
 * not send it to a third. */
Test(failures, a_chunk_lost_as_often_as_it_may_is_not_sent_once_more)
{
    config.on_error = ON_ERROR_SKIP;
    config.losses = 1;
    begin();
    cut(1);
    join(A);
    expect_now("WELCOME(A) TASK(A:0)");
    lose(A, 0, 1);
    join(B);
    expect_now("WELCOME(B) TASK(B:0)");
    tick_after(9 * SECOND_US);
    runs(B, 0, 2);
    tick_after(2 * SECOND_US); /* the first loss is charged */
    join(C);
    expect_now("WELCOME(C)");
    dispatch_on_unreachable(dispatch, B, now_us);
    expect_now("SKIP(0)");
}

/* ---- a second sink ---- */

/* What a sink that was killed had said may arrive late. */
Test(failures, a_second_sink_is_rejected_only_while_the_first_talks)
{
    begin();
    hello_sink(2, 2, false);
    tick_after(3 * SECOND_US);
    hear(SINK, (struct message){.type = MESSAGE_PING});
    for (int second = 3; second < 13; second++)
        tick_after(SECOND_US);
    expect("");
    tick_after(SECOND_US);
    expect("WELCOME_SINK");
}

/* ---- isolation ---- */

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
    cr_assert_eq(dispatch_isolation(dispatch, 0).tries, 3);
    expect_except(0, false, "");
    failed(A, 0, 3);
    expect_now("SKIP(0)");
}

/* Four records, the third of which takes every worker down. */
Test(failures, a_record_that_takes_workers_down_is_searched_and_condemned)
{
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    dispatch_on_cut(dispatch, 100, 4, now_us);
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
        while (action.kind != DISPATCH_ISOLATE && dispatch_next(dispatch, &action))
            ;
        cr_assert_eq(action.kind, DISPATCH_ISOLATE, "step %zu", i);
        cr_assert_eq(action.attempt, ++attempt, "step %zu", i);
        expect_except(0, steps[i].probe, steps[i].except);
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
    dispatch_on_cut(dispatch, 100, 4, now_us);
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
    dispatch_on_cut(dispatch, 100, 4, now_us);
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
    hello_with(C, 2, WAY_OPEN, NULL, 0); /* it was not lost after all */
    expect_now("WELCOME(C) ISOLATE(C:0)");
    expect_except(0, true, "2+2");
}

Test(failures, a_probe_that_is_done_is_forgotten_and_not_waited_for)
{
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    dispatch_on_cut(dispatch, 100, 4, now_us);
    for (uint32_t i = 0; i < 2; i++) {
        join(A + i);
        tick_after(0);
        lose(A + i, 0, i + 1);
    }
    tick_after(11 * SECOND_US);
    join(C);
    expect_now("WELCOME(A) TASK(A:0) WELCOME(B) TASK(B:0) WELCOME(C) ISOLATE(C:0)");
    struct ledger_entry entry = {.seq = 0, .attempt = 3, .state = ENTRY_DONE};
    hello_with(C, 2, WAY_OPEN, &entry, 1); /* its DONE was lost */
    expect_now("WELCOME(C) FORGET(C:0) ISOLATE(C:0)");
    expect_except(0, true, "0+2 3+1");
}
