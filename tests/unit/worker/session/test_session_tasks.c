/* SPDX-License-Identifier: MIT */
/* The tasks of the worker's core, one sentence a rule; the numbers in front are those
 * of the design's rules. */
#include "session_fixture.h"

TestSuite(session_tasks, .fini = end);

Test(session_tasks, a_newer_attempt_takes_the_place_of_an_older_one)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    expect("START(0)");
    cr_assert_not(take_attempt(1, 0, 1)); /* the same again is not */
    cr_assert(take_attempt(1, 0, 2));
    expect("KILL(0)");
    expect_ledger(1);
    tick_after(0);
    expect(""); /* the slot is not ready yet */
    session_on_slot(worker, slot_of[0], true);
    expect_careful_start("START(0)");
}

Test(session_tasks, rule_9_a_call_back_returns_queued_tasks_and_nothing_else)
{
    begin_in_session_1(1);
    take(0);
    take(1);
    tick_after(0);
    expect("START(0)");
    forget(1, 0, true);
    expect("");
    forget(1, 1, true);
    expect("RETURNED(1)");
    expect_ledger(1);
}

Test(session_tasks, a_task_that_its_slot_never_began_starts_again)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    expect("START(0)");
    session_on_slot(worker, slot_of[0], false);
    session_on_unstarted(worker, slot_of[0], 0, 1);
    tick_after(0);
    expect("");
    session_on_slot(worker, slot_of[0], true);
    tick_after(0);
    expect("START(0)");
}

Test(session_tasks, a_failed_task_leaves_the_ledger_at_once)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    cr_assert(session_on_failed(worker, 0, 0, 1, 1000));
    expect("START(0) FAILED(0)");
    expect_ledger(0);
}

static bool take_isolate(uint64_t session, uint64_t seq, uint32_t attempt, bool probe)
{
    struct message message = {.type = MESSAGE_ISOLATE,
                              .isolate = {.session = session,
                                          .seq = seq,
                                          .attempt = attempt,
                                          .records = 1,
                                          .tries = 1,
                                          .probe = probe}};
    return session_on_isolate(worker, &message, &cargo[seq]);
}

Test(session_tasks, takes_an_isolate_by_the_rules_of_a_task)
{
    begin_in_session_1(1);
    cr_assert_not(take_isolate(2, 0, 1, false));
    cr_assert(take_isolate(1, 0, 1, false));
    cr_assert_not(take_isolate(1, 0, 1, false));
    expect_careful_start("START(0)");
    cr_assert(take_isolate(1, 0, 2, false)); /* a newer attempt */
    expect("KILL(0)");
    session_leave(worker, now_us);
    expect("RETURNED(0) PING");
    cr_assert_not(take_isolate(1, 1, 1, false));
    expect("RETURNED(1)");
    expect_ledger(0);
}

Test(session_tasks, a_task_in_parts_starts_again_in_its_slot_until_it_is_done)
{
    begin_in_session_1(1);
    cr_assert(take_isolate(1, 0, 1, false));
    take(1);
    expect_careful_start("START(0)");
    uint32_t slot = slot_of[0];
    cr_assert_eq(session_slot_cargo(worker, slot, 0, 1), &cargo[0]);
    cr_assert_null(session_slot_cargo(worker, slot, 0, 2));
    cr_assert_null(session_slot_cargo(worker, slot, 1, 1));
    session_on_part(worker, slot, 0, 1);
    tick_after(0);
    expect("START(0)"); /* and not the other */
    cr_assert_eq(slot_of[0], slot);
    finish(0);
    tick_after(0);
    expect("RESULT(0) DONE(0) START(1)");
}

Test(session_tasks, a_part_that_its_slot_never_began_starts_again_where_there_is_a_slot)
{
    begin_in_session_1(1);
    cr_assert(take_isolate(1, 0, 1, false));
    expect_careful_start("START(0)");
    session_on_part(worker, slot_of[0], 0, 1);
    expect("START(0)");
    session_on_unstarted(worker, slot_of[0], 0, 1);
    cr_assert_null(session_slot_cargo(worker, slot_of[0], 0, 1));
    session_on_part(worker, slot_of[0], 0, 1);
    expect("");
    expect_careful_start("START(0)");
}

Test(session_tasks, a_task_that_is_forgotten_in_the_middle_of_its_parts_is_killed)
{
    begin_in_session_1(1);
    cr_assert(take_isolate(1, 0, 1, false));
    expect_careful_start("START(0)");
    session_on_part(worker, slot_of[0], 0, 1);
    forget(1, 0, false);
    expect("START(0) KILL(0)");
    session_on_part(worker, slot_of[0], 0, 1);
    expect("");
    expect_ledger(0);
}

Test(session_tasks, a_probe_is_done_and_sends_no_result)
{
    begin_in_session_1(1);
    cr_assert(take_isolate(1, 0, 1, true));
    expect_careful_start("START(0)");
    finish(0);
    expect("DONE(0)");
    session_on_link(worker, true, now_us);
    expect("PING");
    hear((struct message){.type = MESSAGE_WHO});
    welcome(2, 1);
    session_on_link(worker, true, now_us);
    expect("HELLO OPEN_LINK DONE(0) PING PING");
    expect_ledger(1);
    forget(2, 0, false);
    expect_ledger(0);
}

Test(session_tasks, rule_10_a_retry_is_named_in_a_ping_before_it_starts)
{
    begin_in_session_1(2);
    pings_at_start = true;
    cr_assert(take_attempt(1, 0, 2));
    take(1);
    tick_after(0);
    expect("START(1) PING PING");
    uint32_t count;
    cr_assert_eq(session_running(worker, &count)->seq, 0);
    cr_assert_eq(count, 2);
    hear((struct message){.type = MESSAGE_PONG});
    hear((struct message){.type = MESSAGE_WHO}); /* whoever answers */
    welcome(2, 1);
    expect("HELLO OPEN_LINK PING");
    hear((struct message){.type = MESSAGE_PONG});
    expect("START(0)");
    hear((struct message){.type = MESSAGE_PONG});
    expect("");
}

Test(session_tasks, an_announced_task_waits_for_its_slot_to_be_replaced)
{
    begin_in_session_1(1);
    cr_assert(take_attempt(1, 0, 2));
    tick_after(0);
    expect("PING PING");
    session_on_slot(worker, 0, false);
    hear((struct message){.type = MESSAGE_PONG});
    hear((struct message){.type = MESSAGE_PONG});
    tick_after(0);
    expect("");
    session_on_slot(worker, 0, true);
    expect_careful_start("START(0)");
}

Test(session_tasks, a_task_forgotten_before_its_pong_does_not_start)
{
    begin_in_session_1(1);
    cr_assert(take_isolate(1, 0, 1, false));
    tick_after(0);
    expect("PING PING");
    forget(1, 0, false);
    expect("KILL(0)");
    hear((struct message){.type = MESSAGE_PONG});
    hear((struct message){.type = MESSAGE_PONG});
    expect("");
}

Test(session_tasks, a_doomed_slot_does_not_become_ready)
{
    begin_in_session_1(1);
    cr_assert(take_attempt(1, 0, 1));
    tick_after(0);
    expect("START(0)");
    forget(1, 0, false);
    session_on_slot(worker, 0, true); /* the process that the loop still has to kill */
    cr_assert(take_attempt(1, 1, 1));
    tick_after(0);
    expect("KILL(0)");
    session_on_slot(worker, 0, true);
    tick_after(0);
    expect("START(1)");
}

/* ---- a worker that is to leave ---- */

Test(session_tasks, what_fails_as_the_worker_leaves_is_handed_back)
{
    begin_in_session_1(2);
    take(0);
    take(1);
    tick_after(0);
    session_leave(worker, now_us);
    cr_assert(session_on_preempted(worker, slot_of[0], 0, 1));
    cr_assert_not(session_on_preempted(worker, slot_of[0], 0, 1), "once");
    expect("START(0) START(1) PING RETURNED(0)");
    expect_ledger(1);
    finish(1);
    forget(1, 1, false);
    tick_after(0);
    expect("RESULT(1) DONE(1) GOODBYE");
}

Test(session_tasks, what_a_slot_did_not_begin_is_handed_back_as_the_worker_leaves)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    session_leave(worker, now_us);
    expect("START(0) PING");
    session_on_unstarted(worker, slot_of[0], 0, 1);
    tick_after(0);
    expect("RETURNED(0) GOODBYE");
}
