/* SPDX-License-Identifier: MIT */
/* How the sink's core comes to its end. */
#include "tests/unit/sink/session/session_fixture.h"

TestSuite(sink_session_ending, .fini = end);

Test(sink_session_ending, rule_14_finished_comes_only_when_all_is_written)
{
    begin_in_epoch_1(true, false);
    hear_end(2);
    take(0);
    sink_session_on_written(sink, 0, now_us);
    tick_after(2000);
    expect("WRITE(0) PROGRESS(1)");
    take(1);
    tick_after(2000);
    expect("WRITE(1) PROGRESS(1)");
    sink_session_on_written(sink, 1, now_us);
    tick_after(2000);
    expect("PROGRESS(2) FINISHED(0)");
    cr_assert(sink_session_finished(sink));
}

Test(sink_session_ending, rule_14_finished_comes_only_when_the_journal_says_so)
{
    begin_in_epoch_1(true, true);
    hear_end(0);
    tick_after(2000);
    expect("COMMIT(2) PROGRESS(0)");
    cr_assert(sink_session_position(sink).finished);
    sink_session_on_committed(sink, 2);
    tick_after(2000);
    expect("PROGRESS(0) FINISHED(0)");
}

Test(sink_session_ending, rule_14_finished_is_said_until_goodbye)
{
    begin_in_epoch_1(true, false);
    hear_end(0);
    tick_after(2000);
    expect("PROGRESS(0) FINISHED(0)");
    tick_after(20000);
    expect("FINISHED(0)");
    hear((struct message){.type = MESSAGE_GOODBYE});
    expect("LEAVE");
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_OK);
}

Test(sink_session_ending, rule_14_without_goodbye_it_leaves_at_its_time_limit)
{
    begin_in_epoch_1(true, false);
    hear_end(0);
    tick_after(2000);
    for (int second = 0; second < 41; second++)
        tick_after(SECOND_US);
    struct sink_action action;
    bool left = false;
    while (sink_session_next(sink, &action))
        left |= action.kind == SINK_LEAVE;
    cr_assert(left);
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_OK);
}

Test(sink_session_ending, an_end_of_another_epoch_ends_nothing)
{
    begin_in_epoch_1(true, false);
    hear((struct message){.type = MESSAGE_END, .end = {.epoch = 2, .total = 0}});
    tick_after(2000);
    expect("");
}

Test(sink_session_ending, a_run_that_is_stopped_finishes_with_what_is_written)
{
    begin_in_epoch_1(true, false);
    take(0);
    hear((struct message){.type = MESSAGE_END,
                          .end = {.epoch = 1,
                                  .total = 5,
                                  .outcome = OUTCOME_STOPPED,
                                  .status = STATUS_CHUNK_FAILED}});
    cr_assert_not(offer(&run, 1, 1));
    tick_after(2000);
    expect("WRITE(0) PROGRESS(0)");
    sink_session_on_written(sink, 0, now_us);
    tick_after(2000);
    expect("PROGRESS(1) FINISHED(3)");
    cr_assert(sink_session_verdict(sink).relayed);
}

Test(sink_session_ending, a_goodbye_after_the_end_of_a_stopped_run_leaves_it_its_reason)
{
    begin_in_epoch_1(true, false);
    take(0);
    hear((struct message){
        .type = MESSAGE_END,
        .end = {
            .epoch = 1, .total = 5, .outcome = OUTCOME_INTERRUPTED, .status = 130}});
    hear((struct message){.type = MESSAGE_GOODBYE});
    cr_assert_eq(sink_session_verdict(sink).outcome, OUTCOME_INTERRUPTED);
    cr_assert_eq(sink_session_verdict(sink).status, 130);
}

Test(sink_session_ending, that_gives_up_tells_the_ventilator_why)
{
    begin_in_epoch_1(true, false);
    sink_session_fail(sink, OUTCOME_STOPPED, STATUS_IO, "the disk is full", now_us);
    tick_after(2000);
    expect("FINISHED(4)");
    cr_assert_str_eq(sink_session_verdict(sink).text, "the disk is full");
    cr_assert_not(offer(&run, 1, 0));
}

Test(sink_session_ending, that_gives_up_gives_the_first_reason)
{
    begin_in_epoch_1(true, false);
    sink_session_fail(sink, OUTCOME_STOPPED, STATUS_IO, "the disk is full", now_us);
    sink_session_fail(sink, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    cr_assert_str_eq(sink_session_verdict(sink).text, "the disk is full");
}

Test(sink_session_ending, that_gives_up_without_a_ventilator_just_leaves)
{
    begin(true, false);
    sink_session_fail(sink, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    expect("LEAVE");
}

Test(sink_session_ending, that_is_rejected_says_why_and_leaves)
{
    begin(true, false);
    tick_after(0);
    hear((struct message){
        .type = MESSAGE_REJECT,
        .reject = {.reason = REJECT_TAKEN, .text = {(const uint8_t *)"taken", 5}}});
    expect("CONNECT HELLO PING LEAVE");
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_PEER);
    cr_assert_str_eq(sink_session_verdict(sink).text,
                     "the ventilator rejects this sink: taken");
}

/* ---- the end, with a journal ---- */

/* Seq 0 is written, 1 is given out. */
static void write_one_of_two(void)
{
    begin_in_epoch_1(true, true);
    take(0);
    take(1);
    sink_session_on_written(sink, 0, now_us);
    tick_after(2000);
    expect("WRITE(0) WRITE(1) PROGRESS(1)");
}

Test(sink_session_ending, that_gives_up_commits_what_is_written_before_it_says_so)
{
    write_one_of_two();
    sink_session_fail(sink, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    tick_after(2000);
    expect("COMMIT(2) PROGRESS(1)");
    cr_assert_eq(sink_session_position(sink).next, 1);
    cr_assert_not(sink_session_position(sink).finished);
    sink_session_on_committed(sink, 2);
    tick_after(2000);
    expect("PROGRESS(1) FINISHED(130)");
}

Test(sink_session_ending, whose_journal_fails_waits_for_no_commit)
{
    write_one_of_two();
    sink_session_fail(sink, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    expect("COMMIT(2)");
    sink_session_on_journal_failed(sink, "the disk is full", now_us);
    tick_after(2000);
    expect("PROGRESS(1) FINISHED(130)");
}

Test(sink_session_ending, gives_up_with_its_journal)
{
    write_one_of_two();
    sink_session_on_journal_failed(sink, "the disk is full", now_us);
    sink_session_on_written(sink, 1, now_us);
    tick_after(2 * SECOND_US);
    expect("PROGRESS(2) FINISHED(4) PING");
    cr_assert_str_eq(sink_session_verdict(sink).text, "the disk is full");
}

Test(sink_session_ending, that_is_parted_from_leaves_when_what_is_written_is_safe)
{
    write_one_of_two();
    hear((struct message){.type = MESSAGE_GOODBYE});
    expect("COMMIT(2)");
    sink_session_on_committed(sink, 2);
    tick_after(2000);
    expect("LEAVE");
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_PEER);
}

Test(sink_session_ending, that_has_only_to_be_made_safe_is_complete_whatever_comes)
{
    write_one_of_two();
    sink_session_on_written(sink, 1, now_us);
    hear_end(2);
    tick_after(2000);
    expect("COMMIT(2) PROGRESS(2)");
    sink_session_fail(sink, OUTCOME_INTERRUPTED, 130, "interrupted", now_us);
    hear((struct message){.type = MESSAGE_GOODBYE});
    sink_session_on_committed(sink, 2);
    tick_after(2000);
    expect("LEAVE");
    cr_assert(sink_session_finished(sink));
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_OK);
}

Test(sink_session_ending, is_not_complete_when_the_last_commit_fails)
{
    write_one_of_two();
    sink_session_on_written(sink, 1, now_us);
    hear_end(2);
    tick_after(2000);
    expect("COMMIT(2) PROGRESS(2)");
    sink_session_on_journal_failed(sink, "the disk is full", now_us);
    tick_after(2000);
    expect("FINISHED(4)");
    cr_assert_not(sink_session_finished(sink));
    cr_assert_not(sink_session_position(sink).finished);
}

/* The receiver of the output is gone, which was to store the last of it. */
Test(sink_session_ending, is_not_complete_when_nobody_answers_the_last_commit)
{
    write_one_of_two();
    sink_session_on_written(sink, 1, now_us);
    hear_end(2);
    tick_after(2000);
    expect("COMMIT(2) PROGRESS(2)");
    sink_session_lose_commits(sink);
    sink_session_fail(sink, OUTCOME_STOPPED, STATUS_IO, "nobody takes it", now_us);
    tick_after(2000);
    expect("FINISHED(4)");
    cr_assert_not(sink_session_finished(sink));
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_IO);
}

Test(sink_session_ending, another_epoch_is_not_finished_because_the_last_one_was_to_be)
{
    write_one_of_two();
    sink_session_on_written(sink, 1, now_us);
    hear_end(2);
    tick_after(2000);
    welcome(&other_ventilator);
    expect("COMMIT(2) PROGRESS(2)");
    cr_assert_not(sink_session_position(sink).finished);
    sink_session_on_committed(sink, 2);
    tick_after(2000);
    expect("COMMIT(3)");
    sink_session_on_committed(sink, 3);
    tick_after(2000);
    expect("BEGIN PROGRESS(2)");
}

Test(sink_session_ending, an_end_before_what_is_written_is_refused)
{
    begin_in_epoch_1(true, false);
    take(0);
    sink_session_on_written(sink, 0, now_us);
    expect("WRITE(0)");
    hear_end(0);
    tick_after(2000);
    expect("PROGRESS(1) FINISHED(5)");
}
