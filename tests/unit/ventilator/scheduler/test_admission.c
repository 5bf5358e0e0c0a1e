/* SPDX-License-Identifier: MIT */
/* How workers come. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(admission, .init = set_up, .fini = tear_down);

Test(admission, rule_5_no_worker_is_welcome_before_begin)
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

Test(admission, no_worker_is_welcome_before_the_header_is_known)
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

Test(admission, a_header_that_is_known_before_begin_welcomes_nobody)
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

Test(admission, who_waits_for_a_header_that_never_comes_is_told_of_the_end)
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

/* What the next action of this kind says of compressions. */
static unsigned compressions_of(enum dispatch_action_kind kind)
{
    struct dispatch_action action;
    while (dispatch_next(dispatch, &action))
        if (action.kind == kind)
            return kind == DISPATCH_WELCOME ? action.welcome->compressions
                                            : action.compressions;
    cr_assert(false, "no action of kind %d", kind);
    return 0;
}

static void hello_again(uint64_t nonce, const struct capability *said, uint32_t count)
{
    hear(A, (struct message){.type = MESSAGE_HELLO_WORKER,
                             .hello_worker = {.version = PROTOCOL_VERSION,
                                              .uuid = {{A}},
                                              .nonce = nonce,
                                              .slots = 1,
                                              .link = LINK_OPEN,
                                              .run = run,
                                              .epoch = 1,
                                              .capabilities = said,
                                              .capability_count = count}});
}

Test(admission, tasks_are_compressed_as_the_last_hello_of_the_worker_says)
{
    const struct capability said[] = {{slice_of_text("compress-zstd")}};
    begin();
    hello_again(1, said, 1);
    cut(1);
    dispatch_tick(dispatch, now_us);
    cr_assert_eq(compressions_of(DISPATCH_TASK), 1u << PAYLOAD_ZSTD);
    hello_again(2, NULL, 0);
    dispatch_tick(dispatch, now_us);
    cr_assert_eq(compressions_of(DISPATCH_TASK), 0);
}

Test(admission, results_are_compressed_as_the_hello_of_the_sink_says)
{
    struct capability said[] = {{slice_of_text("compress-lz4")}};
    static const struct endpoint_entry endpoint = {.endpoint = {(uint8_t *)"r", 1}};
    struct message hello = {.type = MESSAGE_HELLO_SINK,
                            .hello_sink = {.version = PROTOCOL_VERSION,
                                           .incarnation = {{1}},
                                           .nonce = 1,
                                           .endpoints = &endpoint,
                                           .endpoint_count = 1,
                                           .max_result = 1000,
                                           .capabilities = said,
                                           .capability_count = 1}};
    dispatch = dispatch_new(&config, now_us);
    hear(SINK, hello);
    begin_from(SINK, 0, NULL, 0);
    join(A);
    cr_assert_eq(compressions_of(DISPATCH_WELCOME), 1u << PAYLOAD_LZ4);
    hello.hello_sink.nonce = 2;
    hello.hello_sink.capability_count = 0;
    hear(SINK, hello);
    begin_from(SINK, 0, NULL, 0);
    join(B);
    cr_assert_eq(compressions_of(DISPATCH_WELCOME), 0);
}

Test(admission, another_version_is_rejected)
{
    begin();
    hear(A, (struct message){.type = MESSAGE_HELLO_WORKER,
                             .hello_worker = {.version = 1, .nonce = 1, .slots = 1}});
    expect_now("REJECT(A)");
}

Test(admission, rule_6_an_older_hello_is_ignored)
{
    begin();
    hello_with(A, 5, LINK_OPEN, NULL, 0);
    hello_with(B, 1, LINK_OPEN, NULL, 0);
    expect_now("WELCOME(A) WELCOME(B)");
    hello_with(A, 5, LINK_OPEN, NULL, 0);
    hello_with(A, 4, LINK_OPEN, NULL, 0);
    expect_now("");
}

Test(admission, rule_6_what_the_ledger_names_moves_over_and_the_rest_is_sent_again)
{
    struct ledger_entry ledger[] = {{1, 1, ENTRY_RUNNING}};
    begin();
    join(A);
    cut(2);
    expect_now("WELCOME(A) TASK(A:0) TASK(A:1)");
    hello_with(A, 2, LINK_OPEN, ledger, 1);
    expect_now("WELCOME(A) TASK(A:0)");
    cr_assert_eq(dispatch_counts(dispatch).adopted, 1);
}

/* A HELLO opens no link: it may answer a WHO that came just before FORGET. */
Test(admission, rule_3_what_a_worker_has_whose_link_stays_shut_does_not_move_over)
{
    struct ledger_entry ledger[] = {{0, 1, ENTRY_DONE}};
    begin();
    join(A);
    cut(1);
    tick_after(0);
    expect("WELCOME(A) TASK(A:0)");
    ping(A, LINK_SHUT, false, NULL);
    for (int second = 0; second < 11; second++) {
        hear(SINK, (struct message){.type = MESSAGE_PING});
        ping(A, LINK_SHUT, false, NULL);
        tick_after(SECOND_US);
    }
    expect("FORGET(A:0)");
    join(B);
    hello_with(A, 2, LINK_SHUT, ledger, 1);
    expect_now("WELCOME(B) WELCOME(A) FORGET(A:0) TASK(B:0)");
}

Test(admission, rule_6_what_is_not_wanted_any_more_is_forgotten)
{
    struct ledger_entry ledger[] = {{0, 1, ENTRY_DONE}, {77, 1, ENTRY_DONE}};
    begin();
    join(A);
    cut(1);
    tick_after(0);
    progress(0, 1, 1, 0);
    expect("WELCOME(A) TASK(A:0) FORGET(A:0)");
    hello_with(A, 2, LINK_OPEN, ledger, 2);
    expect_now("WELCOME(A) FORGET(A:0) FORGET(A:77)");
}

Test(admission, rule_14_a_hello_after_the_end_is_answered_with_stop)
{
    begin();
    dispatch_on_input_end(dispatch);
    tick_after(0);
    hear(SINK, (struct message){.type = MESSAGE_FINISHED, .finished = {.epoch = 1}});
    join(A);
    expect("END(0) GOODBYE STOP(A)");
}

Test(admission, a_worker_is_told_to_be_heard_several_times_in_the_liveness_time)
{
    enum { WORKERS = 5000 };
    struct dispatch_action action;
    uint32_t heartbeat_ms = 0;
    config.liveness_us = 2 * SECOND_US;
    begin();
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct id uuid = {{0}};
        memcpy(&uuid, &i, sizeof i);
        uuid.bytes[15] = 1;
        hear(1000 + i, (struct message){.type = MESSAGE_HELLO_WORKER,
                                        .hello_worker = {.version = PROTOCOL_VERSION,
                                                         .uuid = uuid,
                                                         .nonce = 1,
                                                         .slots = 1,
                                                         .link = LINK_OPEN}});
    }
    while (dispatch_next(dispatch, &action))
        if (action.kind == DISPATCH_WELCOME)
            heartbeat_ms = action.welcome->heartbeat_ms;
    cr_assert_gt(heartbeat_ms, 250, "so many workers are told to speak less often");
    cr_assert_leq(4 * heartbeat_ms, config.liveness_us / 1000);
}
