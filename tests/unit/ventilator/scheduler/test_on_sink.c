/* SPDX-License-Identifier: MIT */
/* What the sink says, and which sink is listened to. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(on_sink, .init = set_up, .fini = tear_down);

Test(on_sink, rule_5_a_begin_that_answers_another_ventilator_is_ignored)
{
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    hear(SINK, (struct message){.type = MESSAGE_BEGIN,
                                .begin = {.uid = {{99}}, .run = run, .epoch = 1}});
    expect_now("WELCOME_SINK");
    cr_assert_not(dispatch_begun(dispatch));
}

Test(on_sink, a_sink_that_stands_further_needs_resume)
{
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    begin_from(SINK, 5, NULL, 0);
    join(A);
    expect_now("WELCOME_SINK OVER"); /* and tells nobody that the run is over */
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_PEER);
}

Test(on_sink, with_resume_the_seqs_continue_where_the_sink_stands)
{
    config.resume = true;
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    begin_from(SINK, 5, NULL, 0);
    join(A);
    cut(1);
    expect_now("WELCOME_SINK START(5) WELCOME(A) TASK(A:5)");
}

Test(on_sink, rule_2_forget_follows_progress_and_not_done)
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

Test(on_sink, rule_1_bytes_are_kept_until_they_are_committed)
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

Test(on_sink, progress_of_more_than_was_cut_is_ignored)
{
    begin();
    join(A);
    cut(1);
    tick_after(0);
    progress(0, 0, 5, 5);
    expect("WELCOME(A) TASK(A:0)");
    cr_assert_eq(dispatch_counts(dispatch).released, 0);
}

static void refuse_what_nobody_gave(uint32_t peer)
{
    hear(SINK, (struct message){.type = MESSAGE_REFUSED,
                                .refused = {.epoch = 1,
                                            .uuid = {{(uint8_t)peer}},
                                            .seq = 77,
                                            .marked = 77,
                                            .attempt = 1}});
}

static void refuse_a_loan(uint32_t peer, uint64_t seq)
{
    hear(SINK, (struct message){.type = MESSAGE_REFUSED,
                                .refused = {.epoch = 1,
                                            .uuid = {{(uint8_t)peer}},
                                            .seq = seq,
                                            .marked = seq,
                                            .attempt = 1,
                                            .cause = FAILURE_REFERENCE}});
}

static struct dispatch_welcome welcome_of(uint32_t peer)
{
    static uint64_t nonce;
    struct dispatch_action action;
    hello_with(peer, ++nonce, LINK_OPEN, NULL, 0);
    cr_assert(dispatch_next(dispatch, &action));
    cr_assert_eq(action.kind, DISPATCH_WELCOME);
    return *action.welcome;
}

static bool may_lend(uint32_t peer)
{
    return welcome_of(peer).borrows;
}

Test(on_sink, a_worker_writes_parts_until_the_sink_cannot_find_one)
{
    sink_takes_parts = true;
    begin();
    cr_assert(welcome_of(A).takes_parts);
    cr_assert_not(welcome_of(A).borrows);
    cr_assert(welcome_of(B).takes_parts);
    cut(2);
    expect_now("TASK(A:0) TASK(B:1)");
    done(A, 0, 1);
    refuse_a_loan(A, 0);
    expect("WHO(A)");
    cr_assert_not(welcome_of(A).takes_parts);
    expect_now("TASK(A:0)");
    cr_assert(welcome_of(B).takes_parts);
}

Test(on_sink, a_worker_lends_results_until_the_sink_cannot_borrow_one)
{
    sink_borrows = true;
    config.retries = 1;
    begin();
    cr_assert(may_lend(A));
    cr_assert(may_lend(B));
    cut(2);
    expect_now("TASK(A:0) TASK(B:1)");
    done(A, 0, 1);
    refuse_a_loan(A, 0);
    refuse_a_loan(A, 0);
    expect("WHO(A)");
    cr_assert_eq(dispatch_counts(dispatch).failed, 0);
    cr_assert_not(may_lend(A));
    expect_now("TASK(A:0)");
    cr_assert(may_lend(B));
}

Test(on_sink, a_worker_lends_nothing_to_a_sink_that_does_not_borrow)
{
    begin();
    cr_assert_not(may_lend(A));
}

/* A, which is not trusted, still has what B failed for good: it has not outdone B, and
 * none of its results has arrived. */
Test(on_sink, a_chunk_that_the_sink_holds_as_a_dead_letter_was_done_by_nobody)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 1;
    begin();
    join(A);
    cut(3);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    done(A, 0, 1);
    expect_now("TASK(A:2)");
    refuse_what_nobody_gave(A);
    join(B);
    expect_now("NOTICE(A) WELCOME(B) TASK(B:0) TASK(B:1)");
    failed(B, 0, 2);
    failed(B, 1, 2);
    expect_now("SKIP(0) SKIP(1) TASK(B:2)");
    failed(B, 2, 2);
    expect_now("SKIP(2)");
    progress(0, 3, 3, 0);
    cut(1);
    expect_now("FORGET(A:0) FORGET(A:1) FORGET(A:2) TASK(B:3)");
}

Test(on_sink, rule_4_another_incarnation_holds_no_more_than_it_says)
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

Test(on_sink, rule_4_a_second_begin_requeues_nothing_that_a_worker_has)
{
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    begin_from(SINK, 0, NULL, 0);
    expect_now("");
}

Test(on_sink, rule_4_a_sink_that_lost_what_was_committed_ends_the_run)
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

Test(on_sink, a_second_sink_is_rejected_while_the_first_is_alive)
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

/* What a sink that was killed had said may arrive late. */
Test(on_sink, a_second_sink_is_rejected_only_while_the_first_talks)
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

Test(on_sink, a_connection_that_the_sink_has_left_is_not_listened_to)
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

/* ---- a sink that waits for a file system ---- */

static void stalled(uint32_t peer, uint8_t incarnation)
{
    hear(peer, (struct message){
                   .type = MESSAGE_STALLED,
                   .stalled = {.incarnation = {{incarnation}}, .waited_ms = 1000}});
}

Test(on_sink, a_sink_that_something_speaks_for_is_waited_for)
{
    config.patience_us = 20 * SECOND_US;
    begin();
    join(A);
    for (int i = 0; i < 120; i++) {
        ping(A, LINK_OPEN, false, NULL);
        stalled(B, 1);
        tick_after(SECOND_US);
    }
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

Test(on_sink, one_whose_own_connection_breaks_meanwhile_is_waited_for_as_well)
{
    config.patience_us = 20 * SECOND_US;
    begin();
    join(A);
    dispatch_on_unreachable(dispatch, SINK, now_us);
    for (int i = 0; i < 120; i++) {
        ping(A, LINK_OPEN, false, NULL);
        stalled(B, 1);
        tick_after(SECOND_US);
    }
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

Test(on_sink, a_sink_that_only_another_speaks_for_is_missed)
{
    config.patience_us = 20 * SECOND_US;
    begin();
    join(A);
    for (int i = 0; i < 120; i++) {
        ping(A, LINK_OPEN, false, NULL);
        stalled(B, 2);
        tick_after(SECOND_US);
    }
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_PEER);
}

Test(on_sink, what_a_sink_that_waits_does_not_confirm_is_not_held_against_the_worker)
{
    begin();
    join(A);
    cut(1);
    expect_now("WELCOME(A) TASK(A:0)");
    done(A, 0, 1);
    for (int i = 0; i < 60; i++) {
        ping(A, LINK_OPEN, false, NULL);
        stalled(B, 1);
        tick_after(SECOND_US);
    }
    hear(SINK, (struct message){.type = MESSAGE_PING});
    tick_after(SECOND_US);
    expect("");
}
