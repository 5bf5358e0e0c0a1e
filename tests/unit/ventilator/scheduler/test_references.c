/* SPDX-License-Identifier: MIT */
/* Chunks by reference: who is sent one, and what follows where it is refused. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(references, .init = set_up, .fini = tear_down);

static const struct capability extents[] = {
    {{(const uint8_t *)CAPABILITY_ROOT, sizeof CAPABILITY_ROOT - 1}},
    {{(const uint8_t *)CAPABILITY_EXTENTS, sizeof CAPABILITY_EXTENTS - 1}},
};

/* One that can nothing, that has a root, or that can open descriptors here, too. */
enum can { NOTHING = 0, ROOT = 1, EXTENTS = 2 };

static void join_with(uint32_t peer, uint64_t nonce, enum can can,
                      const struct ledger_entry *ledger, uint32_t count)
{
    hear(peer, (struct message){.type = MESSAGE_HELLO_WORKER,
                                .hello_worker = {.version = PROTOCOL_VERSION,
                                                 .uuid = {{(uint8_t)peer}},
                                                 .nonce = nonce,
                                                 .slots = 1,
                                                 .link = LINK_OPEN,
                                                 .run = run,
                                                 .epoch = 1,
                                                 .ledger = ledger,
                                                 .count = count,
                                                 .capabilities = extents,
                                                 .capability_count = can}});
}

static void refuse(uint32_t peer, uint64_t session, uint64_t seq, uint32_t attempt)
{
    hear(peer, (struct message){.type = MESSAGE_FAILED,
                                .failed = {.session = session,
                                           .seq = seq,
                                           .attempt = attempt,
                                           .cause = FAILURE_REFERENCE}});
}

/* "0r 1n 2v": the tasks that are sent now, by reference to what is open, or to a name,
 * and by value. */
static void expect_sent(const char *expected)
{
    static const char *const ways[] = {"v", "r", "n"};
    char sent[200] = "";
    size_t used = 0;
    struct dispatch_action action;
    dispatch_tick(dispatch, now_us);
    while (dispatch_next(dispatch, &action))
        if (action.kind == DISPATCH_TASK || action.kind == DISPATCH_ISOLATE)
            used += (size_t)snprintf(sent + used, sizeof sent - used, "%s%d%s",
                                     used ? " " : "", (int)action.seq,
                                     ways[action.by_reference]);
    cr_expect_str_eq(sent, expected);
}

Test(references, go_to_a_worker_that_takes_them_and_to_no_other)
{
    begin();
    join_with(A, 1, EXTENTS, NULL, 0);
    cut(1);
    expect_sent("0r");
    join_with(B, 1, NOTHING, NULL, 0);
    cut(2);
    expect_sent("1v 2r");
}

Test(references, go_by_name_to_a_worker_that_has_a_root_alone)
{
    config.retries = 1;
    begin();
    join_with(A, 1, ROOT, NULL, 0);
    cut(1);
    expect_sent("0n");
    refuse(A, 1, 0, 1);
    cut(1);
    expect_sent("0v 1v");
    cr_expect_eq(dispatch_counts(dispatch).failed, 0);
}

Test(references, that_are_refused_cost_nothing_and_come_by_value)
{
    config.retries = 1;
    begin();
    join_with(A, 1, EXTENTS, NULL, 0);
    cut(1);
    expect_sent("0r");
    refuse(A, 1, 0, 1);
    expect_sent("0v");
    cr_expect_eq(dispatch_counts(dispatch).failed, 0);
    cr_expect_eq(dispatch_counts(dispatch).retried, 0);
}

Test(references, are_sent_no_more_to_who_refused_one_until_it_says_hello_again)
{
    begin();
    join_with(A, 1, EXTENTS, NULL, 0);
    cut(1);
    expect_sent("0r");
    refuse(A, 1, 0, 1);
    cut(1);
    expect_sent("0v 1v");
    done(A, 0, 1000);
    done(A, 1, 1000);
    join_with(A, 2, EXTENTS, NULL, 0);
    expect_sent("0v 1r"); /* its ledger names nothing */
}

Test(references, to_a_task_that_one_worker_refused_go_to_nobody)
{
    begin();
    join_with(A, 1, EXTENTS, NULL, 0);
    cut(1);
    expect_sent("0r");
    join_with(B, 1, EXTENTS, NULL, 0);
    refuse(A, 1, 0, 1);
    expect_sent("0v");
}

Test(references, a_chunk_by_value_that_is_refused_as_one_has_failed)
{
    config.retries = 1;
    begin();
    join_with(A, 1, EXTENTS, NULL, 0);
    cut(1);
    expect_sent("0r");
    refuse(A, 1, 0, 1);
    expect_sent("0v");
    refuse(A, 1, 0, 2);
    tick_after(0);
    cr_expect_eq(dispatch_counts(dispatch).failed, 1);
    cr_expect_eq(dispatch_counts(dispatch).given_up, 0, "on-error is stop");
    cr_expect_eq(dispatch_verdict(dispatch).outcome, OUTCOME_STOPPED);
}

Test(references, that_a_ledger_named_may_be_refused_for_nothing)
{
    static const struct ledger_entry ledger[] = {{0, 1, ENTRY_QUEUED}};
    config.retries = 1;
    begin();
    join_with(A, 1, EXTENTS, NULL, 0);
    cut(1);
    expect_sent("0r");
    join_with(A, 2, EXTENTS, ledger, 1);
    expect_sent("");
    refuse(A, 2, 0, 1);
    expect_sent("0v");
    cr_expect_eq(dispatch_counts(dispatch).failed, 0);
}

Test(references, are_none_where_bad_records_are_looked_for)
{
    config.retries = 1;
    config.on_error = ON_ERROR_ISOLATE;
    begin();
    join_with(A, 1, EXTENTS, NULL, 0);
    cut(1);
    expect_sent("0v");
}
