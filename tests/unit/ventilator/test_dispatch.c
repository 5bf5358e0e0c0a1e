/* SPDX-License-Identifier: MIT */
/*
 * The ventilator's core, one sentence a rule; the numbers in front are those of the
 * design's rules.
 */
#include "dispatch_fixture.h"

TestSuite(dispatch, .init = set_up, .fini = tear_down);

/* ---- order of starts ---- */

Test(dispatch, rule_5_no_worker_is_welcome_before_begin)
{
    dispatch = dispatch_new(&config, now_us);
    join(A);
    expect_now("");
    cr_assert_eq(dispatch_wants(dispatch), 0);
    hello_sink(SINK, 1, false);
    expect_now("WELCOME_SINK");
    begin_from(SINK, 0, NULL, 0);
    expect_now("START(0) WELCOME(A)");
    cr_assert_gt(dispatch_wants(dispatch), 0);
}

Test(dispatch, rule_5_a_begin_that_answers_another_ventilator_is_ignored)
{
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    hear(SINK, (struct message){.type = MESSAGE_BEGIN,
                                .begin = {.uid = {{99}}, .run = run, .epoch = 1}});
    expect_now("WELCOME_SINK");
    cr_assert_not(dispatch_begun(dispatch));
}

Test(dispatch, no_worker_is_welcome_before_the_header_is_known)
{
    config.awaits_header = true;
    begin();
    join(A);
    expect_now("");
    cr_assert_gt(dispatch_wants(dispatch), 0, "the input has to be read to know it");
    cut(1);
    dispatch_on_header(dispatch, now_us);
    join(B);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0)");
}

Test(dispatch, a_header_that_is_known_before_begin_welcomes_nobody)
{
    config.awaits_header = true;
    dispatch = dispatch_new(&config, now_us);
    join(A);
    dispatch_on_header(dispatch, now_us);
    expect_now("");
    hello_sink(SINK, 1, false);
    begin_from(SINK, 0, NULL, 0);
    expect_now("WELCOME_SINK START(0) WELCOME(A)");
}

Test(dispatch, who_waits_for_a_header_that_never_comes_is_told_of_the_end)
{
    config.awaits_header = true;
    begin();
    join(A);
    dispatch_on_input_failure(dispatch, STATUS_IO, "gone");
    expect_now("END(0)");
    hear(SINK, (struct message){.type = MESSAGE_FINISHED,
                                .finished = {.epoch = 1,
                                             .outcome = OUTCOME_STOPPED,
                                             .status = STATUS_IO}});
    expect_now("STOP(A) GOODBYE");
    cr_expect_eq(dispatch_verdict(dispatch).status, STATUS_IO);
}

/* ---- an input that fails ---- */

Test(dispatch, what_was_cut_of_an_input_that_failed_is_done_before_the_end)
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

Test(dispatch, a_signal_ends_a_run_whose_input_failed_without_what_was_only_cut)
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

Test(dispatch, nothing_is_sent_before_there_are_as_many_workers_as_asked_for)
{
    config.min_workers = 2;
    begin();
    cut(2);
    join(A);
    expect_now("WELCOME(A)");
    join(B);
    expect_now("WELCOME(B) TASK(A:0) TASK(B:1)");
}

Test(dispatch, another_version_is_rejected)
{
    begin();
    hear(A, (struct message){.type = MESSAGE_HELLO_WORKER,
                             .hello_worker = {.version = 2, .nonce = 1, .slots = 1}});
    expect_now("REJECT(A)");
}

Test(dispatch, rule_6_a_stranger_is_asked_who_it_is)
{
    begin();
    done(A, 0, 1);
    expect_now("WHO(A)");
}

/* ---- places and window ---- */

Test(dispatch, rule_8_a_worker_is_sent_no_more_than_it_has_places)
{
    begin();
    join(A);
    cut(5);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    done(A, 0, 2 * SECOND_US);
    expect_now(""); /* tasks over a second are not queued behind another */
    done(A, 1, 2 * SECOND_US);
    expect_now("TASK(A:2)");
}

Test(dispatch, rule_8_results_that_nobody_holds_take_places)
{
    begin();
    join(A);
    cut(10);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    for (uint64_t seq = 0; seq < 4; seq++) { /* as long as it may */
        done(A, seq, 2 * SECOND_US);
        tick_after(0);
    }
    expect("TASK(A:2) TASK(A:3)");
    progress(0, 1, 0, 0);
    expect_now("FORGET(A:0) TASK(A:4)");
}

Test(dispatch, rule_8_idle_slots_come_first)
{
    begin();
    join(A);
    join(B);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
}

Test(dispatch, rule_7_nothing_is_sent_from_the_windows_end_on)
{
    config.window = 2;
    begin();
    join(A);
    join(B);
    cr_assert_leq(dispatch_wants(dispatch), 2);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1)");
    progress(1, 1, 0, 0); /* held is not released */
    expect_now("FORGET(B:1)");
    progress(0, 1, 2, 0);
    expect_now("FORGET(A:0) TASK(A:2) TASK(B:3)");
}

Test(dispatch, rule_7_nothing_is_cut_over_the_budget)
{
    config.buffer_bytes = 1000;
    begin();
    join(A);
    uint32_t chunks = 0;
    while (dispatch_wants(dispatch)) {
        cut(1);
        chunks++;
    }
    cr_assert_eq(chunks, 10);
    tick_after(0);
    progress(0, 2, 2, 0);
    cr_assert_eq(dispatch_wants(dispatch), 0); /* released: the bytes are still kept */
    progress(0, 0, 2, 2);
    cr_assert_gt(dispatch_wants(dispatch), 0);
}

Test(dispatch, rule_7_a_chunk_larger_than_the_budget_is_admitted_alone)
{
    config.buffer_bytes = 1000;
    begin();
    cr_assert_gt(dispatch_wants(dispatch), 0);
    dispatch_on_cut(dispatch, 5000, 1, now_us);
    cr_assert_eq(dispatch_wants(dispatch), 0);
}

/* ---- the books ---- */

Test(dispatch, rule_2_forget_follows_progress_and_not_done)
{
    begin();
    join(A);
    cut(1);
    done(A, 0, 1);
    expect_now("WELCOME(A) TASK(A:0)");
    done(A, 0, 1);
    expect_now("");
    progress(0, 1, 0, 0);
    expect_now("FORGET(A:0)");
}

Test(dispatch, rule_1_bytes_are_kept_until_they_are_committed)
{
    begin();
    join(A);
    cut(2);
    tick_after(0);
    progress(0, 2, 2, 0);
    expect("WELCOME(A) TASK(A:0) TASK(A:1) FORGET(A:0) FORGET(A:1)");
    progress(0, 0, 2, 1);
    expect_now("DISCARD(0)");
    progress(0, 0, 2, 2);
    expect_now("DISCARD(1)");
}

Test(dispatch, progress_of_more_than_was_cut_is_ignored)
{
    begin();
    join(A);
    cut(1);
    tick_after(0);
    progress(0, 0, 5, 5);
    expect("WELCOME(A) TASK(A:0)");
    cr_assert_eq(dispatch_counts(dispatch).released, 0);
}

Test(dispatch, rule_4_another_incarnation_holds_no_more_than_it_says)
{
    struct range held = {1, 1};
    begin();
    join(A);
    cut(2);
    tick_after(0);
    progress(0, 2, 2, 0);
    expect("WELCOME(A) TASK(A:0) TASK(A:1) FORGET(A:0) FORGET(A:1)");
    dispatch_on_unreachable(dispatch, SINK, now_us);
    hello_sink(2, 2, false);
    begin_from(2, 0, &held, 1);
    expect_now("WELCOME_SINK WHO(A) TASK(A:0)");
    cr_assert_eq(dispatch_counts(dispatch).released, 0);
}

Test(dispatch, rule_4_a_second_begin_requeues_nothing_that_a_worker_has)
{
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    begin_from(SINK, 0, NULL, 0);
    expect_now("");
}

Test(dispatch, rule_4_a_sink_that_lost_what_was_committed_ends_the_run)
{
    begin();
    join(A);
    cut(2);
    tick_after(0);
    progress(0, 2, 2, 2);
    tick_after(0);
    begin_from(SINK, 0, NULL, 0);
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_PEER);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1) FORGET(A:0) FORGET(A:1) DISCARD(0) "
               "DISCARD(1) STOP(A) GOODBYE");
}

Test(dispatch, a_second_sink_is_rejected_while_the_first_is_alive)
{
    begin();
    hello_sink(2, 2, false);
    for (int second = 0; second < 11; second++) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        tick_after(SECOND_US / 2);
        hear(SINK, (struct message){.type = MESSAGE_PING});
        tick_after(SECOND_US / 2);
    }
    expect("REJECT");
}

Test(dispatch, a_connection_that_the_sink_has_left_is_not_listened_to)
{
    enum { LEFT = 2, NOW = 3 };
    begin();
    join(A);
    cut(2);
    tick_after(0);
    progress(0, 2, 2, 2);
    hello_sink_nonce(NOW, 1, 3, false);
    begin_from(NOW, 2, NULL, 0);
    tick_after(0);
    expect("WELCOME(A) TASK(A:0) TASK(A:1) FORGET(A:0) FORGET(A:1) DISCARD(0) "
           "DISCARD(1) WELCOME_SINK");
    hello_sink_nonce(LEFT, 1, 2, false);
    begin_from(LEFT, 0, NULL, 0);
    tick_after(0);
    expect("WHO");
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

/* ---- sessions ---- */

Test(dispatch, rule_6_an_older_hello_is_ignored)
{
    begin();
    hello_with(A, 5, WAY_OPEN, NULL, 0);
    hello_with(B, 1, WAY_OPEN, NULL, 0);
    expect_now("WELCOME(A) WELCOME(B)");
    hello_with(A, 5, WAY_OPEN, NULL, 0);
    hello_with(A, 4, WAY_OPEN, NULL, 0);
    expect_now("");
}

Test(dispatch, rule_6_what_the_ledger_names_moves_over_and_the_rest_is_sent_again)
{
    struct ledger_entry ledger[] = {{1, 1, ENTRY_RUNNING}};
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    hello_with(A, 2, WAY_OPEN, ledger, 1);
    expect_now("WELCOME(A) TASK(A:0)");
    cr_assert_eq(dispatch_counts(dispatch).adopted, 1);
}

Test(dispatch, rule_6_what_is_not_wanted_any_more_is_forgotten)
{
    struct ledger_entry ledger[] = {{0, 1, ENTRY_DONE}, {77, 1, ENTRY_DONE}};
    begin();
    join(A);
    cut(1);
    tick_after(0);
    progress(0, 1, 1, 0);
    expect("WELCOME(A) TASK(A:0) FORGET(A:0)");
    hello_with(A, 2, WAY_OPEN, ledger, 2);
    expect_now("WELCOME(A) FORGET(A:0) FORGET(A:77)");
}

Test(dispatch, rule_6_what_bears_another_session_is_ignored)
{
    begin();
    join(A);
    cut(1);
    tick_after(0);
    hello_with(A, 2, WAY_OPEN, NULL, 0); /* session 2 from here on */
    expect_now("WELCOME(A) TASK(A:0) WELCOME(A) TASK(A:0)");
    failed(A, 0, 2); /* of session 1 */
    expect_now("");
    cr_assert_eq(dispatch_counts(dispatch).failed, 0);
}

Test(dispatch, rule_11_the_tasks_of_a_worker_that_is_gone_go_to_another_at_once)
{
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    join(B);
    dispatch_on_unreachable(dispatch, A, now_us);
    expect_now("WELCOME(B) TASK(B:0) TASK(B:1)");
}

Test(dispatch, rule_11_silence_for_the_liveness_time_is_death)
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

Test(dispatch, a_worker_that_leaves_is_sent_no_more)
{
    begin();
    join(A);
    expect_now("WELCOME(A)");
    ping(A, WAY_OPEN, true, NULL);
    cut(1);
    expect_now("");
    hear(A, (struct message){.type = MESSAGE_GOODBYE, .goodbye = {.session = 1}});
    expect_now("FAREWELL(A)");
}

Test(dispatch, rule_3_a_worker_whose_way_is_shut_is_sent_nothing)
{
    begin();
    join(A);
    ping(A, WAY_SHUT, false, NULL);
    cut(1);
    expect_now("WELCOME(A)");
    ping(A, WAY_OPEN, false, NULL);
    expect_now("TASK(A:0)");
}

Test(dispatch, rule_3_a_done_that_nobody_confirms_in_time_is_asked_about)
{
    begin();
    join(A);
    cut(1);
    tick_after(0);
    done(A, 0, 1);
    expect("WELCOME(A) TASK(A:0)");
    for (int second = 0; second < 11; second++) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        ping(A, WAY_OPEN, false, NULL);
        tick_after(SECOND_US);
    }
    expect("WHO(A)");
}

/* ---- oldest first, retries, charges ---- */

Test(dispatch, rule_9_retries_go_before_new_tasks)
{
    begin();
    join(A);
    cut(4);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    failed(A, 0, 1);
    expect_now("TASK(A:0)");
}

Test(dispatch, rule_8_short_tasks_are_sent_for_the_way_there_and_back)
{
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    tick_after(40000);
    ping(A, WAY_OPEN, false, NULL); /* the answer to WELCOME */
    tick_after(20000);
    done(A, 0, 10000);
    cut(9); /* 20 ms, 40 of WELCOME, and an eighth of what the task took longer */
    expect_now("TASK(A:1) TASK(A:2) TASK(A:3) TASK(A:4) TASK(A:5) TASK(A:6) TASK(A:7) "
               "TASK(A:8)");
}

Test(dispatch, rule_8_a_way_that_got_longer_shows_while_a_slot_waits)
{
    begin();
    join(A);
    ping(A, WAY_OPEN, false, NULL);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    tick_after(10000);
    done(A, 0, 10000);
    ping(A, WAY_OPEN, false, NULL); /* 1 is not there yet */
    tick_after(100000);
    done(A, 1, 10000);
    cut(9); /* 20 ms, and an eighth of 100 */
    expect_now("TASK(A:2) TASK(A:3) TASK(A:4) TASK(A:5) TASK(A:6)");
}

Test(dispatch, rule_9_a_retry_goes_to_another_worker_if_one_has_a_place)
{
    begin();
    join(A);
    join(B);
    cut(1);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0)");
    failed(A, 0, 1);
    expect_now("TASK(B:0)");
}

Test(dispatch, rule_9_the_last_try_waits_for_a_worker_that_did_not_fail_it)
{
    begin();
    join(A);
    join(B);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
    failed(A, 0, 1);
    expect_now("TASK(A:0)"); /* B has no place */
    failed(A, 0, 2);
    expect_now("");
    done(B, 1, 10000);
    expect_now("TASK(B:0)");
}

Test(dispatch, rule_9_the_oldest_is_called_back_while_a_slot_elsewhere_is_free)
{
    struct attempt_entry runs = {.seq = 1, .attempt = 1};
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    ping(A, WAY_OPEN, false, &runs);
    join(B);
    tick_after(SECOND_US);
    expect("WELCOME(B) FORGET(A:0?)"); /* 0 waits behind 1 in its only slot */
    struct attempt_entry back = {.seq = 0, .attempt = 1};
    hear(A, (struct message){.type = MESSAGE_RETURNED,
                             .returned = {.session = 1, .entries = &back, .count = 1}});
    tick_after(0);
    cr_assert_eq(dispatch_counts(dispatch).returned, 1);
    cr_assert_eq(dispatch_counts(dispatch).sent, 3);
    cr_assert_eq(dispatch_counts(dispatch).retried, 0,
                 "to be called back costs nothing");
}

Test(dispatch, rule_9_a_retry_is_not_called_back_for_the_worker_that_failed_it)
{
    struct attempt_entry runs = {.seq = 0, .attempt = 1};
    begin();
    join(A);
    join(B);
    cut(2);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1)");
    ping(A, WAY_OPEN, false, &runs);
    failed(B, 1, 1);
    tick_after(SECOND_US);
    expect("TASK(A:1)"); /* it would be given to A again */
    join(C);
    tick_after(SECOND_US);
    expect("WELCOME(C) FORGET(A:1?)");
}

Test(dispatch, rule_9_what_has_not_arrived_is_not_called_back)
{
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    progress(0, 1, 1, 0); /* A has named nothing that runs: 1 may still be on its way */
    join(B);
    tick_after(SECOND_US);
    expect("FORGET(A:0) WELCOME(B)");
}

Test(dispatch, rule_9_as_much_is_called_back_as_there_are_slots_free)
{
    struct attempt_entry runs = {.seq = 5, .attempt = 1};
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    done(A, 0, 4000); /* 20 ms have room for 5 */
    cut(6);
    expect_now("TASK(A:1) TASK(A:2) TASK(A:3) TASK(A:4) TASK(A:5) TASK(A:6)");
    ping(A, WAY_OPEN, false, &runs); /* and 5 turns out to be long */
    join(B);
    join(C);
    tick_after(20000);
    expect("WELCOME(B) WELCOME(C) FORGET(A:1?) FORGET(A:2?)");
    tick_after(SECOND_US);
    expect(""); /* they are on their way */
}

Test(dispatch, rule_9_nothing_is_called_back_for_a_slot_that_gets_a_new_task)
{
    struct attempt_entry runs = {.seq = 0, .attempt = 1};
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    ping(A, WAY_OPEN, false, &runs);
    join(B);
    cut(1);
    tick_after(SECOND_US);
    expect("WELCOME(B) TASK(B:2)");
}

Test(dispatch, rule_10_a_chunk_that_fails_too_often_stops_the_run)
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

/* Peers A to C come, run it, and are lost; what is left of each is its uuid. */
static void lose(uint32_t peer, uint32_t attempt, bool runs)
{
    struct attempt_entry running = {.seq = 0, .attempt = attempt};
    join(peer);
    tick_after(0);
    ping(peer, WAY_OPEN, false, runs ? &running : NULL);
    dispatch_on_unreachable(dispatch, peer, now_us);
}

Test(dispatch, rule_10_a_loss_counts_for_what_ran_once_the_liveness_time_is_over)
{
    config.losses = 2;
    begin();
    cut(1);
    lose(A, 1, true);
    lose(B, 2, true);
    tick_after(9 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
    tick_after(SECOND_US);
    cr_assert_not_null(dispatch_failure(dispatch));
    cr_assert_eq(dispatch_failure(dispatch)->how, FAILURE_LOST);
}

Test(dispatch, rule_10_a_loss_counts_nothing_for_what_only_waited)
{
    config.losses = 2;
    begin();
    cut(1);
    lose(A, 1, false);
    lose(B, 2, false);
    tick_after(20 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
}

Test(dispatch, rule_10_a_worker_that_comes_back_in_time_is_not_charged)
{
    config.losses = 1;
    begin();
    cut(1);
    lose(A, 1, true);
    tick_after(5 * SECOND_US);
    hello_with(A, 2, WAY_OPEN, NULL, 0);
    tick_after(6 * SECOND_US);
    cr_assert_null(dispatch_failure(dispatch));
}

Test(dispatch, rule_10_an_attempt_whose_worker_comes_back_and_is_lost_again_counts_once)
{
    struct ledger_entry kept = {.seq = 0, .attempt = 1, .state = ENTRY_RUNNING};
    config.losses = 2;
    begin();
    cut(1);
    lose(A, 1, true);
    tick_after(11 * SECOND_US); /* charged */
    hello_with(A, 2, WAY_OPEN, &kept, 1);
    dispatch_on_unreachable(dispatch, A, now_us);
    tick_after(11 * SECOND_US); /* charged again, and it is the same attempt */
    cr_assert_null(dispatch_failure(dispatch));
}

/* ---- the end ---- */

Test(dispatch, rule_14_end_carries_the_total)
{
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    dispatch_on_input_end(dispatch);
    expect_now("END(2)");
    expect_now("");
}

Test(dispatch, rule_14_after_finished_everybody_is_told_and_awaited)
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

Test(dispatch, rule_14_a_hello_after_the_end_is_answered_with_stop)
{
    begin();
    dispatch_on_input_end(dispatch);
    tick_after(0);
    hear(SINK, (struct message){.type = MESSAGE_FINISHED, .finished = {.epoch = 1}});
    join(A);
    expect("END(0) GOODBYE STOP(A)");
}

Test(dispatch, a_run_that_is_stopped_sends_nothing_more)
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

Test(dispatch, a_run_that_is_stopped_waits_for_a_sink_whose_connection_broke)
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

Test(dispatch, a_sink_that_was_silent_while_the_run_was_stopped_hears_how_it_ended)
{
    begin();
    cut(1);
    dispatch_stop(dispatch, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    tick_after(20 * SECOND_US);
    expect("END(1) GOODBYE");
    hello_sink_nonce(3, 1, 2, false);
    expect_now("WELCOME_SINK END(1) GOODBYE");
}

Test(dispatch, patience_ends_when_nobody_comes_back)
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

Test(dispatch, what_no_ventilator_is_sent_is_rejected)
{
    begin();
    hear(A, (struct message){.type = MESSAGE_WELCOME});
    expect_now("REJECT(A)");
}
