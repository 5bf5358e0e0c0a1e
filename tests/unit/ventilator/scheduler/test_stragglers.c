/* SPDX-License-Identifier: MIT */
/* Copies of tasks that run long. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"

TestSuite(stragglers, .init = set_up, .fini = tear_down);

Test(stragglers, a_copy_of_a_straggler_goes_to_an_idle_slot)
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

/* The sink's word and the worker's go different ways: what came first may not decide
 * whether a task is measured. */
Test(stragglers, a_task_counts_whose_result_was_held_before_its_done_came)
{
    config.speculate = true;
    begin();
    join(A);
    join(B);
    cut(4);
    expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
    runs(A, 0, 1);
    progress(1, 3, 0, 0);
    expect_now("FORGET(B:1) FORGET(A:2) FORGET(B:3)");
    done(B, 1, SECOND_US);
    done(B, 3, SECOND_US);
    done(A, 2, SECOND_US);
    tick_after(4 * SECOND_US);
    expect("TASK(B:0)");
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
Test(stragglers, a_chunk_that_failed_as_often_as_it_may_is_not_copied_again)
{
    config.on_error = ON_ERROR_SKIP;
    config.retries = 1;
    copy_a_straggler();
    failed(A, 0, 1);
    tick_after(4 * SECOND_US);
    ping(A, LINK_OPEN, false, NULL); /* it has nothing to do */
    runs(B, 0, 2);
    tick_after(4 * SECOND_US);
    expect("");
    failed(B, 0, 2);
    expect_now("SKIP(0)");
}

/* A sink that comes back without what it had not committed moves the window back,
 * behind what runs already. */
Test(stragglers, what_runs_beyond_the_window_is_not_copied)
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

static void done_open(uint32_t peer, uint64_t seq, bool open)
{
    struct done_entry entry = {
        .seq = seq, .attempt = 1, .run_us = SECOND_US, .open = open};
    hear(peer, (struct message){.type = MESSAGE_DONE,
                                .done = {.session = 1, .entries = &entry, .count = 1}});
}

/* Killing the slower of the two programs would leave what it gave before in doubt. */
Test(stragglers, no_copy_is_made_from_or_to_a_worker_whose_results_are_open)
{
    for (int open_at = 0; open_at < 3; open_at++) {
        config.speculate = drains = true;
        begin();
        join(A);
        join(B);
        cut(4);
        expect_now("WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3)");
        done_open(B, 1, false);
        done_open(B, 3, open_at == 1);
        done_open(A, 2, open_at == 2);
        progress(1, 3, 0, 0);
        expect_now("FORGET(B:1) FORGET(A:2) FORGET(B:3)");
        runs(A, 0, 1);
        tick_after(4 * SECOND_US);
        expect(open_at ? "" : "TASK(B:0)");
        drains = false;
        tear_down();
        set_up();
    }
}

/* A takes five seconds for what B does in one; it has one task left, and B none. */
static void begin_with_a_slow_worker(void)
{
    config.speculate = true;
    begin();
    join(A);
    join(B);
    cut(5);
    tick_after(0);
    done(B, 1, SECOND_US);
    done(B, 3, SECOND_US);
    tick_after(0);
    done(B, 4, SECOND_US);
    done(A, 0, 5 * SECOND_US);
    runs(A, 2, 1);
    progress(3, 2, 2, 0);
    expect_now(
        "WELCOME(A) WELCOME(B) TASK(A:0) TASK(B:1) TASK(A:2) TASK(B:3) TASK(B:4) "
        "FORGET(B:3) FORGET(B:4) FORGET(A:0) FORGET(B:1)");
}

Test(stragglers, a_task_of_a_slow_worker_is_copied_if_another_is_done_much_sooner)
{
    begin_with_a_slow_worker();
    tick_after(SECOND_US);
    expect("TASK(B:2)"); /* A needs four more seconds, B one */
}

Test(stragglers, a_slow_worker_is_left_its_task_if_a_copy_gains_little)
{
    begin_with_a_slow_worker();
    now_us += 4 * SECOND_US; /* no tick, in which it could be copied */
    runs(A, 2, 1);
    tick_after(0);
    expect(""); /* it runs longer than three medians, but one second more at most */
}
