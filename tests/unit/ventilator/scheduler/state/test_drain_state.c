/* SPDX-License-Identifier: MIT */
/* Results that only the end of a program proves: before the end, and where a worker is
 * lost. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

#include <string.h>

static void set_up_drains(void)
{
    set_up();
    drains = true;
}

TestSuite(drain_state, .init = set_up_drains, .fini = tear_down);

static void hear_drained(uint32_t peer, uint64_t session)
{
    hear(peer, (struct message){.type = MESSAGE_DRAINED, .drained = {session}});
}

static void done_open(uint32_t peer, uint64_t seq)
{
    struct done_entry entry = {.seq = seq, .attempt = 1, .run_us = 1, .open = true};
    hear(peer, (struct message){.type = MESSAGE_DONE,
                                .done = {.session = 1, .entries = &entry, .count = 1}});
}

/* A and B have a task each; the input has ended. */
static void give_two(void)
{
    begin();
    join(A);
    join(B);
    cut(2);
    dispatch_on_input_end(dispatch);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1)");
}

static bool said_end(void)
{
    struct dispatch_action action;
    bool said = false;
    while (next_action(&action))
        said |= action.kind == DISPATCH_END;
    return said;
}

static void expect_doubt(uint64_t from)
{
    struct verdict verdict = dispatch_verdict(dispatch);
    char said[80];
    snprintf(said, sizeof said, "the output is in doubt from chunk %d on: ", (int)from);
    cr_expect_eq(verdict.status, STATUS_IO);
    cr_expect_eq(verdict.outcome, OUTCOME_DOUBT);
    cr_expect_eq(strncmp(verdict.text, said, strlen(said)), 0, "%s", verdict.text);
}

Test(drain_state, rule_14_end_waits_for_all_results_and_for_all_workers_to_be_drained)
{
    give_two();
    done(A, 0, 1);
    done(B, 1, 1);
    progress(0, 1, 1, 0);
    expect_now("FORGET(A:0)");
    progress(1, 1, 2, 0);
    expect_now("FORGET(B:1) DRAIN(A) DRAIN(B)");
    expect_now(""); /* once */
    hear_drained(A, 1);
    expect_now("");
    hear_drained(B, 7); /* of another session */
    expect_now("");
    hear_drained(B, 1);
    expect_now("END(2)");
}

Test(drain_state, workers_that_need_not_be_drained_are_not)
{
    drains = false;
    begin();
    join(A);
    cut(1);
    dispatch_on_input_end(dispatch);
    expect_now("WELCOME(A) TASK(A:0) END(1)");
}

Test(drain_state, a_run_without_a_worker_has_no_end_yet)
{
    begin();
    cut(1);
    dispatch_on_input_end(dispatch);
    expect_now("");
    join(A);
    expect_now("WELCOME(A) TASK(A:0)");
}

Test(drain_state, a_worker_in_a_new_session_is_asked_again)
{
    give_two();
    done(A, 0, 1);
    done(B, 1, 1);
    progress(0, 2, 2, 0);
    hear_drained(B, 1);
    expect_now("FORGET(A:0) FORGET(B:1) DRAIN(A)");
    hello_with(A, 2, LINK_OPEN, NULL, 0);
    expect_now("WELCOME(A) DRAIN(A)");
    hear_drained(A, 2);
    expect_now("END(2)");
}

Test(drain_state, a_worker_that_gave_results_after_it_was_drained_is_asked_again)
{
    begin();
    join(A);
    cut(1);
    dispatch_on_input_end(dispatch);
    tick_after(0);
    done(A, 0, 1);
    progress(0, 1, 0, 0);
    expect_now("WELCOME(A) TASK(A:0) FORGET(A:0) DRAIN(A)");
    dispatch_on_unreachable(dispatch, SINK, now_us); /* and with it what it held */
    hello_sink(2, 2, false);
    expect_now("WELCOME_SINK");
    hear_drained(A, 1);
    begin_from(2, 0, NULL, 0);
    expect_now("WHO(A) TASK(A:0)");
    struct done_entry entry = {.seq = 0, .attempt = 2, .run_us = 1};
    hear(A, (struct message){.type = MESSAGE_DONE,
                             .done = {.session = 1, .entries = &entry, .count = 1}});
    static const struct range held = {0, 1};
    hear(2, (struct message){
                .type = MESSAGE_PROGRESS,
                .progress = {.epoch = 1, .held = &held, .count = 1, .released = 1}});
    expect_now("FORGET(A:0) DRAIN(A)");
}

Test(drain_state, a_doubt_ends_the_run_with_its_chunk)
{
    give_two();
    hear(B, (struct message){
                .type = MESSAGE_DOUBT,
                .doubt = {.session = 1, .from = 1, .text = slice_of_text("a\nline")}});
    expect_now("END(2)");
    expect_doubt(1);
    cr_expect(!strchr(dispatch_verdict(dispatch).text, '\n'));
}

static void lose_after(uint32_t peer)
{
    dispatch_on_unreachable(dispatch, peer, now_us);
    for (int second = 0; second < 12; second++) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        ping(A, LINK_OPEN, false, NULL);
        tick_after(SECOND_US);
    }
}

Test(drain_state, a_worker_that_is_lost_with_open_results_ends_the_run_if_it_stays_away)
{
    give_two();
    done_open(B, 1);
    progress(1, 1, 0, 0);
    expect_now("FORGET(B:1)");
    dispatch_on_unreachable(dispatch, B, now_us);
    tick_after(SECOND_US);
    cr_expect_eq(dispatch_verdict(dispatch).status, STATUS_OK);
    lose_after(B);
    expect_doubt(1);
}

Test(drain_state, a_worker_that_comes_back_has_lost_nothing)
{
    give_two();
    done_open(B, 1);
    progress(1, 1, 0, 0);
    dispatch_on_unreachable(dispatch, B, now_us);
    hello_with(B, 2, LINK_OPEN, NULL, 0);
    for (int second = 0; second < 12; second++) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        ping(A, LINK_OPEN, false, NULL);
        tick_after(SECOND_US);
    }
    cr_expect_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

Test(drain_state, a_worker_that_was_drained_may_go)
{
    give_two();
    done_open(B, 1);
    progress(1, 1, 0, 0);
    hear_drained(B, 1);
    hear(B, (struct message){.type = MESSAGE_GOODBYE, .goodbye = {.session = 1}});
    tick_after(0);
    cr_expect_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

Test(drain_state, a_worker_that_says_goodbye_with_open_results_ends_the_run)
{
    give_two();
    done_open(B, 1);
    progress(1, 1, 0, 0);
    hear(B, (struct message){.type = MESSAGE_GOODBYE, .goodbye = {.session = 1}});
    tick_after(0);
    expect_doubt(1);
}

/* Whether the result was open, its DONE would have said. */
Test(drain_state, a_worker_lost_before_it_said_done_is_in_doubt_unless_it_never_is)
{
    give_two();
    progress(1, 1, 0, 0);
    lose_after(B);
    expect_doubt(1);
}

Test(drain_state, a_worker_that_never_had_open_results_is_believed)
{
    begin();
    join(A);
    join(B);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
    done(B, 1, 1);
    progress(1, 1, 0, 0);
    progress(3, 1, 0, 0);
    lose_after(B);
    cr_expect_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

/* B comes back with the result of chunk 1, its DONE is not heard, and it is lost. */
static void come_back_and_be_lost(void)
{
    static const struct ledger_entry entry = {1, 1, ENTRY_DONE};
    hello_with(B, 2, LINK_OPEN, &entry, 1);
    lose_after(B);
}

Test(drain_state, a_worker_lost_after_its_ledger_alone_said_done_is_in_doubt)
{
    give_two();
    dispatch_on_unreachable(dispatch, B, now_us);
    come_back_and_be_lost();
    expect_doubt(1);
}

Test(drain_state, so_it_is_if_the_sink_told_of_the_result_while_it_was_lost)
{
    give_two();
    dispatch_on_unreachable(dispatch, B, now_us);
    progress(1, 1, 0, 0);
    come_back_and_be_lost();
    expect_doubt(1);
}

Test(drain_state, a_ledger_of_results_that_are_never_open_is_believed)
{
    give_two();
    done(B, 1, 1);
    dispatch_on_unreachable(dispatch, B, now_us);
    come_back_and_be_lost();
    cr_expect_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

Test(drain_state, a_ledger_that_calls_nothing_done_leaves_no_doubt)
{
    static const struct ledger_entry entry = {1, 1, ENTRY_RUNNING};
    give_two();
    dispatch_on_unreachable(dispatch, B, now_us);
    hello_with(B, 2, LINK_OPEN, &entry, 1);
    lose_after(B);
    cr_expect_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

/* The second DONE is of what the first HELLO named: no more is unsaid. */
Test(drain_state, a_done_settles_what_the_ledger_named)
{
    static const struct ledger_entry entry = {0, 1, ENTRY_DONE};
    struct done_entry named = {.seq = 0, .attempt = 1, .run_us = 1};
    struct done_entry open = {.seq = 1, .attempt = 1, .run_us = 1, .open = true};
    begin();
    join(B);
    cut(2);
    dispatch_on_input_end(dispatch);
    expect_now("WELCOME(B) TASK(B:0) TASK(B:1)");
    hello_with(B, 2, LINK_OPEN, &entry, 1);
    hear(B, (struct message){.type = MESSAGE_DONE,
                             .done = {.session = 2, .entries = &named, .count = 1}});
    expect_now("WELCOME(B) TASK(B:1)");
    open.attempt = 2;
    hear(B, (struct message){.type = MESSAGE_DONE,
                             .done = {.session = 2, .entries = &open, .count = 1}});
    hear(B, (struct message){.type = MESSAGE_GOODBYE, .goodbye = {.session = 2}});
    tick_after(0);
    expect_doubt(1);
}

Test(drain_state, an_interrupted_run_waits_for_them_as_well)
{
    begin();
    join(A);
    cut(2);
    tick_after(0);
    expect("WELCOME(A) TASK(A:0) TASK(A:1)");
    dispatch_drain(dispatch, OUTCOME_INTERRUPTED, 130, "interrupted");
    done(A, 0, 1);
    done(A, 1, 1);
    progress(0, 2, 2, 0);
    expect_now("FORGET(A:0) FORGET(A:1) DRAIN(A)");
    hear_drained(A, 1);
    expect_now("END(2)");
}

/* One that served the ventilator before may look for it still. */
Test(drain_state,
     a_resumed_run_whose_chunks_are_all_held_waits_for_workers_to_come_back)
{
    config.resume = config.strangers = true;
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    begin_from(SINK, 3, NULL, 0);
    dispatch_on_input_end(dispatch);
    tick_after(SECOND_US);
    cr_expect_not(said_end());
    hello_with(A, 1, LINK_OPEN, NULL, 0);
    tick_after(SECOND_US);
    hear_drained(A, 1);
    tick_after(SECOND_US);
    cr_expect_not(said_end(), "another one may come");
    for (int second = 0; second < 9; second++) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        ping(A, LINK_OPEN, false, NULL);
        tick_after(SECOND_US);
    }
    cr_expect(said_end());
}

/* The others have none of it: they are of another mode. */
Test(drain_state, a_worker_that_would_have_to_be_drained_does_not_come_behind_the_end)
{
    drains = false;
    begin();
    join(A);
    cut(1);
    dispatch_on_input_end(dispatch);
    expect_now("WELCOME(A) TASK(A:0) END(1)");
    drains = true;
    join(B);
    expect_now("REJECT(B)");
}
