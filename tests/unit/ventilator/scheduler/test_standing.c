/* SPDX-License-Identifier: MIT */
/* The ventilator's core on bad hosts: whose fault a failure is, who is set aside, tried
 * again and back, and who starts nothing. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(standing, .init = set_up, .fini = tear_down);

enum { D = C + 1 };

static void say_session_fails(uint32_t peer, uint64_t seq, uint32_t attempt,
                              enum failure cause, uint32_t code)
{
    hear(peer, (struct message){.type = MESSAGE_FAILED,
                                .failed = {.session = 1,
                                           .seq = seq,
                                           .attempt = attempt,
                                           .cause = cause,
                                           .code = code,
                                           .text = {(const uint8_t *)"no space", 8}}});
}

static void done_as(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    struct done_entry entry = {.seq = seq, .attempt = attempt, .run_us = 2 * SECOND_US};
    hear(peer, (struct message){.type = MESSAGE_DONE,
                                .done = {.session = 1, .entries = &entry, .count = 1}});
}

/* Each has a slot and no prefetch, as tasks take two seconds: done once. */
static void begin_with(uint32_t workers)
{
    begin();
    for (uint32_t i = 0; i < workers; i++)
        join(A + i);
}

/* A fails a chunk, and then another, which B does. */
static void fail_and_outdo(uint64_t seq)
{
    failed(A, seq, 1);
    tick_after(0);
    done_as(B, seq, 2);
    tick_after(0);
}

/* The next action; PONGs are left out. */
static struct dispatch_action next(void)
{
    struct dispatch_action action = {0};
    while (next_action(&action) && action.kind == DISPATCH_PONG)
        ;
    return action;
}

static bool is_said(enum dispatch_action_kind kind)
{
    struct dispatch_action action;
    bool said = false;
    while (next_action(&action))
        said |= action.kind == kind;
    return said;
}

/* The worker to which the task was sent last; 0: to none. Drops all actions. */
static uint32_t sent_to(uint64_t seq)
{
    struct dispatch_action action;
    uint32_t peer = 0;
    while (next_action(&action))
        if ((action.kind == DISPATCH_TASK || action.kind == DISPATCH_ISOLATE) &&
            action.seq == seq)
            peer = action.peer;
    return peer;
}

/* ---- whose fault it is ---- */

/* Two workers fail whatever they get, at once; a third is busy with its first chunk. */
Test(standing, a_chunk_waits_for_a_worker_that_does_not_fail_everything)
{
    begin_with(3);
    cut(3);
    expect_now("WELCOME(A) WELCOME(B) WELCOME(C) TASK(A:0) TASK(B:1) TASK(C:2)");
    failed(A, 0, 1);
    failed(B, 1, 1);
    tick_after(0);
    uint32_t to = sent_to(0); /* C has credit for one more */
    cr_assert_eq(to, C);
    failed(A, 1, 2);
    tick_after(0);
    cr_assert_eq(dispatch_verdict(dispatch).status, 0);
    done_as(C, 2, 1);
    done_as(C, 0, 2);
    tick_after(0);
    cr_assert_eq(sent_to(1), C);
    cr_assert_null(dispatch_failure(dispatch));
}

Test(standing, failures_at_workers_in_doubt_use_up_no_retries_while_a_better_one_serves)
{
    config.retries = 2;
    begin();
    join(A);
    join(B);
    cut(2);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1)");
    done_as(B, 1, 1);
    cut(3); /* B is busy for long with 2 */
    tick_after(0);
    failed(A, 0, 1);
    tick_after(0);
    dispatch_tick(dispatch, now_us);
    cr_assert_null(dispatch_failure(dispatch));
}

static void answer(const struct dispatch_action *action, bool well)
{
    if (!well) {
        failed(action->peer, action->seq, action->attempt);
        return;
    }
    done_as(action->peer, action->seq, action->attempt);
    progress(action->seq, 1, 0, 0);
}

/* A and B fail all that they get, and C the bad chunks. Returns those that were given
 * up. */
static uint64_t run_beside_bad_hosts(uint64_t bad)
{
    uint64_t given_up = 0;
    for (uint32_t round = 0; round < 200; round++) {
        struct dispatch_action action;
        tick_after(SECOND_US);
        for (uint32_t peer = A; peer <= C; peer++)
            ping(peer, LINK_OPEN, false, NULL);
        hear(SINK, (struct message){.type = MESSAGE_PING});
        while (next_action(&action)) {
            if (action.kind == DISPATCH_SKIP) {
                given_up |= UINT64_C(1) << action.seq;
                progress(action.seq, 1, 0, 0);
            }
            if (action.kind == DISPATCH_TASK)
                answer(&action, action.peer == C && !(bad >> action.seq & 1));
        }
    }
    return given_up;
}

/* Bad chunks in a row bring a good worker in doubt as well. */
Test(standing, what_bad_hosts_fail_does_not_count_against_a_good_one_that_is_in_doubt)
{
    enum { CHUNKS = 8, FIRST_OF_C = 1 << 2 };
    config.on_error = ON_ERROR_SKIP;
    for (uint64_t bad = 0; bad < 1 << CHUNKS; bad++) {
        if (bad & FIRST_OF_C) /* before it has done one, it is as the others */
            continue;
        begin_with(3);
        cut(CHUNKS);
        uint64_t given_up = run_beside_bad_hosts(bad);
        cr_assert_eq(given_up, bad, "of bad %jx, %jx were given up", (uintmax_t)bad,
                     (uintmax_t)given_up);
        dispatch_destroy(&dispatch);
    }
    begin();
}

static void fail_for_good(uint64_t seq)
{
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(seq), B);
    failed(B, seq, 1);
    progress(seq, 1, 0, 0);
}

/* A would fail it again and again, and have it whenever B has room. */
Test(standing, a_chunk_whose_retries_are_used_up_waits_for_the_worker_that_could_do_it)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 1;
    begin_with(2);
    cut(3);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2)");
    done_as(B, 1, 1);
    progress(1, 1, 0, 0);
    fail_for_good(3);
    fail_for_good(4); /* so that B is in doubt */
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(5), B);
    failed(A, 0, 1);
    for (int i = 0; i < 15; i++) {
        tick_after(SECOND_US);
        cr_assert_eq(sent_to(0), 0);
        runs(A, 2, 1);
        runs(B, 5, 1);
        hear(SINK, (struct message){.type = MESSAGE_PING});
    }
    done_as(B, 5, 1);
    tick_after(0);
    cr_assert_eq(sent_to(0), B);
}

/* As when each of them is as bad as the other. */
Test(standing, a_run_ends_when_every_worker_fails_everything)
{
    begin_with(2);
    cut(2);
    tick_after(0);
    for (uint32_t round = 0; round < 20 && !dispatch_failure(dispatch); round++) {
        struct dispatch_action action;
        tick_after(config.liveness_us);
        ping(A, LINK_OPEN, false, NULL);
        ping(B, LINK_OPEN, false, NULL);
        hear(SINK, (struct message){.type = MESSAGE_PING});
        tick_after(0);
        while (next_action(&action))
            if (action.kind == DISPATCH_TASK)
                failed(action.peer, action.seq, action.attempt);
    }
    cr_assert_not_null(dispatch_failure(dispatch));
    cr_assert_eq(dispatch_failure(dispatch)->attempts, 3);
}

/* ---- set aside ---- */

Test(standing, a_worker_is_set_aside_when_others_do_what_it_fails)
{
    begin_with(2);
    cut(2);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1)");
    say_session_fails(A, 0, 1, FAILURE_EXIT, 9);
    tick_after(0);
    cr_assert_eq(sent_to(0), B);
    done_as(B, 0, 2);
    done_as(B, 1, 1);
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(2), B, "one that has failed nothing is preferred");
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(3), A);
    say_session_fails(A, 3, 1, FAILURE_EXIT, 9);
    tick_after(0);
    cr_assert_eq(sent_to(3), 0, "it waits for B");
    done_as(B, 2, 1);
    tick_after(0);
    cr_assert_eq(sent_to(3), B);
    done_as(B, 3, 2);
    struct dispatch_action action = next();
    cr_assert_eq(action.kind, DISPATCH_ASIDE);
    cr_assert_eq(action.remark->chunks, 2);
    cr_assert_eq(action.remark->failure->code, 9);
    cr_assert_eq(action.remark->failure->text_size, 8);
}

/* A has failed chunks that B did, and rests. */
static void set_a_aside(void)
{
    begin_with(2);
    cut(2);
    tick_after(0);
    cr_assert_eq(sent_to(0), A);
    fail_and_outdo(0);
    done_as(B, 1, 1);
    cut(2); /* B takes 2, A 3 */
    tick_after(0);
    cr_assert_eq(sent_to(3), A);
    failed(A, 3, 1);
    done_as(B, 2, 1);
    tick_after(0);
    cr_assert_eq(sent_to(3), B);
    done_as(B, 3, 2);
    tick_after(0);
    cr_assert(is_said(DISPATCH_ASIDE));
    progress(0, 4, 4, 0);
}

Test(standing, a_worker_that_is_set_aside_is_tried_after_a_while_and_is_back)
{
    set_a_aside();
    cut(2);
    tick_after(0);
    cr_assert_eq(sent_to(5), 0, "B is busy with 4, and A rests");
    tick_after(SECOND_US);
    cr_assert_eq(sent_to(5), A);
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(6), 0, "one trial at a time");
    done_as(A, 5, 1);
    tick_after(0);
    struct dispatch_action action = next();
    cr_assert_eq(action.kind, DISPATCH_BACK);
    cr_assert_eq(sent_to(6), A);
}

Test(standing, each_trial_that_fails_doubles_the_rest_and_costs_its_chunk_nothing)
{
    set_a_aside();
    cut(6);
    tick_after(SECOND_US);
    int64_t rest_us = 0, before_us = 0;
    for (uint64_t seq = 5; seq < 8; seq++) {
        uint32_t to = 0;
        int64_t since_us = now_us;
        while (!to) {
            for (uint64_t any = 5; any < 10 && !to; any++)
                to = 0;
            struct dispatch_action action;
            tick_after(SECOND_US / 10);
            ping(A, LINK_OPEN, false, NULL);
            hear(SINK, (struct message){.type = MESSAGE_PING});
            struct attempt_entry running = {4, 1};
            ping(B, LINK_OPEN, false, &running);
            while (next_action(&action))
                if (action.kind == DISPATCH_TASK && action.peer == A) {
                    to = A;
                    failed(A, action.seq, action.attempt);
                }
            cr_assert_lt(now_us - since_us, 60 * SECOND_US);
        }
        before_us = rest_us;
        rest_us = now_us - since_us;
    }
    cr_assert_gt(rest_us, before_us);
    cr_assert_null(dispatch_failure(dispatch));
    cr_assert_not(is_said(DISPATCH_ASIDE), "it is said once");
}

/* A poisonous input, chunk after chunk. */
Test(standing, nobody_is_set_aside_for_chunks_that_nobody_does)
{
    config.on_error = ON_ERROR_SKIP;
    begin_with(2);
    cut(12);
    tick_after(0);
    bool aside = false;
    uint32_t skipped_tasks = 0;
    for (uint32_t round = 0; round < 400 && skipped_tasks < 12; round++) {
        struct dispatch_action action;
        tick_after(SECOND_US / 4);
        ping(A, LINK_OPEN, false, NULL);
        ping(B, LINK_OPEN, false, NULL);
        hear(SINK, (struct message){.type = MESSAGE_PING});
        while (next_action(&action)) {
            aside |= action.kind == DISPATCH_ASIDE;
            if (action.kind == DISPATCH_SKIP) {
                skipped_tasks++;
                progress(action.seq, 1, 0, 0);
            }
            if (action.kind == DISPATCH_TASK)
                failed(action.peer, action.seq, action.attempt);
        }
    }
    cr_assert_eq(skipped_tasks, 12);
    cr_assert_not(aside);
}

/* ---- the last attempt ---- */

Test(standing, a_last_attempt_does_not_wait_for_ever_for_a_worker_that_is_busy)
{
    config.retries = 2;
    begin_with(2);
    cut(2);
    tick_after(0);
    cr_assert_eq(sent_to(0), A);
    done_as(B, 1, 1);
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(2), B);
    failed(A, 0, 1);
    tick_after(0);
    cr_assert_eq(sent_to(0), 0, "B is busy, and would do better");
    for (int i = 0; i < 11; i++) {
        struct attempt_entry running = {2, 1};
        tick_after(SECOND_US);
        ping(A, LINK_OPEN, false, NULL);
        ping(B, LINK_OPEN, false, &running);
        hear(SINK, (struct message){.type = MESSAGE_PING});
    }
    tick_after(0);
    cr_assert_eq(sent_to(0), A);
}

/* ---- a worker that starts nothing ---- */

Test(standing, a_worker_that_starts_nothing_is_noticed_and_its_chunks_go_elsewhere)
{
    begin_with(1);
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(0), A);
    join(B);
    bool aside = false;
    uint32_t to = 0;
    for (int i = 0; i < 22; i++) {
        struct dispatch_action action;
        tick_after(SECOND_US);
        ping(A, LINK_OPEN, false, NULL);
        ping(B, LINK_OPEN, false, NULL);
        hear(SINK, (struct message){.type = MESSAGE_PING});
        while (next_action(&action)) {
            aside |= action.kind == DISPATCH_ASIDE && !action.remark->failure;
            to = action.kind == DISPATCH_TASK ? action.peer : to;
        }
    }
    cr_assert(aside);
    cr_assert_eq(to, B);
}

/* That another has done a chunk that failed there is not why. */
Test(standing, a_worker_that_starts_nothing_is_told_for_that_whatever_it_failed_before)
{
    begin_with(2);
    cut(2);
    tick_after(0);
    cr_assert_eq(sent_to(0), A);
    fail_and_outdo(0);
    done_as(B, 1, 1);
    progress(0, 2, 2, 0);
    cut(2); /* B takes 2, A 3 */
    tick_after(0);
    bool aside = false;
    for (int i = 0; i < 22 && !aside; i++) {
        struct dispatch_action action;
        struct attempt_entry running = {2, 1};
        tick_after(SECOND_US);
        ping(A, LINK_OPEN, false, NULL);
        ping(B, LINK_OPEN, false, &running);
        hear(SINK, (struct message){.type = MESSAGE_PING});
        while (next_action(&action))
            if (action.kind == DISPATCH_ASIDE) {
                aside = true;
                cr_expect_eq(action.remark->chunks, 0);
            }
    }
    cr_expect(aside);
}

/* For so many seconds the worker says that it runs this; NULL: nothing. True: it is
 * set aside in this time. */
static bool let_pass(int seconds, uint32_t peer, const struct attempt_entry *running)
{
    bool aside = false;
    for (int i = 0; i < seconds; i++) {
        struct dispatch_action action;
        tick_after(SECOND_US);
        ping(peer, LINK_OPEN, false, running);
        hear(SINK, (struct message){.type = MESSAGE_PING});
        dispatch_tick(dispatch, now_us);
        while (next_action(&action))
            aside |= action.kind == DISPATCH_ASIDE;
    }
    return aside;
}

/* It was stopped, or the ventilator was, and its host is well. */
Test(standing, a_worker_is_back_when_it_starts_something_and_may_take_its_time_for_it)
{
    begin_with(1);
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(0), A);
    cr_assert(let_pass(24, A, NULL));
    struct attempt_entry running = {0, 2};
    ping(A, LINK_OPEN, false, &running);
    cr_assert(is_said(DISPATCH_BACK));
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(1), A, "it is no trial any more");
    let_pass(2, A, &running);
    cr_assert_not(let_pass(1000, A, (struct attempt_entry[]){{1, 1}}));
    cr_assert_eq(dispatch_verdict(dispatch).status, STATUS_OK);
}

/* ---- leaving ---- */

Test(standing, a_worker_that_is_lost_as_it_leaves_costs_its_chunk_nothing)
{
    config.losses = 1;
    begin_with(1);
    cut(1);
    tick_after(0);
    cr_assert_eq(sent_to(0), A);
    struct attempt_entry running = {0, 1};
    ping(A, LINK_OPEN, true, &running);
    dispatch_on_unreachable(dispatch, A, now_us);
    tick_after(2 * config.liveness_us);
    hear(SINK, (struct message){.type = MESSAGE_PING});
    tick_after(0);
    cr_assert_null(dispatch_failure(dispatch));
    join(B);
    tick_after(0);
    cr_assert_eq(sent_to(0), B);
}
