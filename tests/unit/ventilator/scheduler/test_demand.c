/* SPDX-License-Identifier: MIT */
/* How long dispatch would have the next chunk, from what was run and who is there. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(demand, .init = set_up, .fini = tear_down);

static void begin_auto(void)
{
    config.block_auto = true;
    config.block_bytes = 10000;
    begin();
    join(A);
    expect_now("WELCOME(A)");
}

Test(demand, says_nothing_of_blocks_that_have_a_size)
{
    begin();
    cr_assert_eq(dispatch_block(dispatch, 0), 0);
}

Test(demand, a_block_grows_as_chunks_are_run)
{
    begin_auto();
    cr_assert_eq(dispatch_block(dispatch, 0), 1);
    cr_assert_eq(dispatch_wants(dispatch), 1, "a slot: what is ready is short");
    cut(1);
    expect_now("TASK(A:0)");
    done(A, 0, 100);
    cr_assert_eq(dispatch_block(dispatch, 0), 1600);
}

Test(demand, one_is_ready_once_the_size_is_known)
{
    begin_auto();
    for (uint64_t seq = 0; seq < 3; seq++) {
        uint64_t bytes = dispatch_block(dispatch, 0);
        dispatch_on_cut(dispatch, bytes, bytes);
        tick_after(0);
        done(A, seq, 10 * SECOND_US * (bytes + 1));
    }
    expect("TASK(A:0) TASK(A:1) TASK(A:2)");
    dispatch_block(dispatch, 0);
    cr_assert_eq(dispatch_wants(dispatch), 2, "a slot, and one more");
}

/* Chunks of so many bytes, in records of 100, run for so long. */
static void learn(int times, uint64_t length, uint64_t run_us)
{
    while (times--) {
        uint64_t seq = dispatch_on_cut(dispatch, length, length / 100);
        tick_after(0);
        done(A, seq, run_us);
    }
    struct dispatch_action action;
    while (dispatch_next(dispatch, &action))
        continue;
}

Test(demand, a_block_is_a_part_of_a_slots_share_of_what_is_left)
{
    begin_auto();
    join(B);
    learn(4, 100, 100000);
    cr_assert_eq(dispatch_block(dispatch, 0), 600);
    cr_assert_eq(dispatch_block(dispatch, 900), 225);
    cr_assert_eq(dispatch_block(dispatch, 9000), 600);
}

Test(demand, what_still_runs_is_left_as_well)
{
    begin_auto();
    join(B);
    learn(1, 100, 1000000);
    learn(2, 600, 1500000); /* 0.9 s of it are the start */
    tick_after(0);
    dispatch_on_cut(dispatch, 400, 4);
    tick_after(0);
    cr_assert_eq(dispatch_block(dispatch, 900), 650, "half of 900 and of 400");
    tick_after(SECOND_US * 11 / 10);
    cr_assert_eq(dispatch_block(dispatch, 900), 550, "half of its work is done");
    tick_after(SECOND_US);
    cr_assert_eq(dispatch_block(dispatch, 900), 450);
}

Test(demand, rule_7_two_blocks_a_slot_stay_within_the_share)
{
    config.buffer_bytes = 1200;
    begin_auto();
    join(B);
    join(C);
    cut(1);
    expect_now("WELCOME(B) WELCOME(C) TASK(A:0)");
    done(A, 0, 100);
    cr_assert_eq(dispatch_block(dispatch, 0), 200);
}

Test(demand, a_limit_in_per_cent_allows_longer_chunks_more)
{
    config.limit_percent = 200;
    begin_auto();
    for (int i = 0; i < 3; i++) {
        cut(1);
        tick_after(0);
        done(A, (uint64_t)i, SECOND_US);
    }
    expect("TASK(A:0) TASK(A:1) TASK(A:2)");
    dispatch_block(dispatch, 0);
    dispatch_on_cut(dispatch, 400, 4);
    tick_after(0);
    struct dispatch_action action;
    cr_assert(dispatch_next(dispatch, &action));
    cr_assert_eq(action.limit_ms, 8000);
}

Test(demand, rule_7_nothing_is_cut_over_the_budget)
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

Test(demand, rule_7_a_chunk_larger_than_the_budget_is_admitted_alone)
{
    config.buffer_bytes = 1000;
    begin();
    cr_assert_gt(dispatch_wants(dispatch), 0);
    dispatch_on_cut(dispatch, 5000, 1);
    cr_assert_eq(dispatch_wants(dispatch), 0);
}

Test(demand, rule_7_slots_that_a_worker_only_claims_raise_no_budget)
{
    enum { BELIEVED = 128, CHUNK = 100 };
    config.buffer_bytes = 1000;
    begin();
    hear(B, (struct message){.type = MESSAGE_HELLO_WORKER,
                             .hello_worker = {.version = PROTOCOL_VERSION,
                                              .uuid = {{B}},
                                              .nonce = 1,
                                              .slots = SLOTS_MAX,
                                              .link = LINK_OPEN}});
    uint32_t chunks = 0;
    for (int i = 0; i < 100; i++) {
        for (; dispatch_wants(dispatch) && chunks < SLOTS_MAX; chunks++)
            cut(1);
        tick_after(0);
    }
    cr_assert_leq(chunks * CHUNK, 2 * CHUNK * (BELIEVED + 1));
}

/* ---- for what places workers ---- */

Test(demand, the_backlog_is_what_no_worker_has_done)
{
    begin();
    cr_assert_eq(dispatch_backlog(dispatch), 0);
    cut(3);
    cr_assert_eq(dispatch_backlog(dispatch), 3);
    join(A);
    tick_after(0);
    cr_assert_eq(dispatch_backlog(dispatch), 3, "one that runs needs its worker");
    done(A, 0, 100);
    cr_assert_eq(dispatch_backlog(dispatch), 2);
    failed(A, 1, 1);
    cr_assert_eq(dispatch_backlog(dispatch), 2, "one that failed runs again");
    progress(0, 1, 1, 1);
    cr_assert_eq(dispatch_backlog(dispatch), 2);
}

static void expect_idle(int64_t least_us, const char *place, int64_t since_us)
{
    struct dispatch_idle idle;
    uint32_t cursor = 0;
    cr_assert(dispatch_next_idle(dispatch, &cursor, least_us, &idle));
    cr_assert_str_eq(idle.place, place);
    cr_assert_eq(idle.since_us, since_us);
    cr_assert_not(dispatch_next_idle(dispatch, &cursor, least_us, &idle));
}

static bool any_idle(int64_t least_us)
{
    struct dispatch_idle idle;
    uint32_t cursor = 0;
    return dispatch_next_idle(dispatch, &cursor, least_us, &idle);
}

Test(demand, a_worker_without_a_task_is_idle_until_it_gets_one)
{
    begin();
    join(A);
    tick_after(SECOND_US);
    int64_t since_us = now_us;
    ping(A, LINK_OPEN, false, NULL);
    tick_after(3 * SECOND_US);
    expect_idle(3 * SECOND_US, "A", since_us);
    cr_assert_not(any_idle(3 * SECOND_US + 1));
    cut(1);
    tick_after(0);
    cr_assert_not(any_idle(0));
    done(A, 0, 100);
    ping(A, LINK_OPEN, false, NULL);
    tick_after(SECOND_US);
    cr_assert_not(any_idle(0), "the sink does not hold its result yet");
    progress(0, 1, 1, 1);
    tick_after(SECOND_US);
    expect_idle(0, "A", now_us);
}

Test(demand, one_that_leaves_is_not_idle)
{
    begin();
    join(A);
    tick_after(SECOND_US);
    ping(A, LINK_OPEN, true, NULL);
    tick_after(SECOND_US);
    cr_assert_not(any_idle(0));
}
