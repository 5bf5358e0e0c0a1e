/* SPDX-License-Identifier: MIT */
/* The sink's core, one sentence a rule; the numbers in front are those of the design's
 * rules. Its end is in test_ending.c. */
#include "tests/unit/sink/session/session_fixture.h"

static const struct id other_run = {{9}};

TestSuite(sink_session, .fini = end);

Test(sink_session, rule_1_the_first_result_of_a_seq_wins)
{
    begin_in_epoch_1(true, false);
    take(0);
    cr_assert_not(offer(&run, 1, 0));
    take(2);
    cr_assert_not(offer(&run, 1, 2));
    expect("WRITE(0)");
}

Test(sink_session, rule_5_results_of_another_run_or_epoch_are_refused)
{
    begin_in_epoch_1(true, false);
    cr_assert_not(offer(&other_run, 1, 0));
    cr_assert_not(offer(&run, 0, 0));
    cr_assert_not(offer(&run, 2, 0));
    expect("");
}

Test(sink_session, results_are_written_in_sequence_whatever_the_order_they_come_in)
{
    begin_in_epoch_1(true, false);
    take(2);
    take(1);
    expect("");
    take(0);
    expect("WRITE(0) WRITE(1) WRITE(2)");
    cr_assert_eq(sink_session_parked_ever(sink), 2);
}

Test(sink_session, unordered_results_are_written_as_they_come)
{
    begin_in_epoch_1(false, false);
    take(2);
    take(0);
    expect("WRITE(2) WRITE(0)");
}

Test(sink_session, rule_4_any_seq_from_the_position_on_is_taken_whatever_the_window)
{
    begin_in_epoch_1(true, false);
    struct result_entry far = {
        .seq = UINT64_C(1) << 40, .attempt = 1, .mark = mark_of(UINT64_C(1) << 40)};
    cr_assert(sink_session_on_result(sink, &run, 1, &worker, &far, &cargo[0]));
    expect("");
}

Test(sink_session, rule_2_progress_says_what_is_newly_held)
{
    begin_in_epoch_1(true, false);
    take(0);
    take(1);
    take(5);
    struct sink_progress progress = sink_session_progress(sink);
    cr_assert_eq(progress.count, 2);
    cr_assert_eq(progress.held[0].first, 0);
    cr_assert_eq(progress.held[0].count, 2);
    cr_assert_eq(progress.held[1].first, 5);
    cr_assert_eq(sink_session_progress(sink).count, 0);
}

Test(sink_session, rule_12_released_is_what_is_written_not_what_is_given_out)
{
    begin_in_epoch_1(true, false);
    take(0);
    take(1);
    cr_assert_eq(sink_session_progress(sink).released, 0);
    sink_session_on_written(sink, 0, now_us);
    cr_assert_eq(sink_session_progress(sink).released, 1);
    sink_session_on_written(sink, 1, now_us);
    cr_assert_eq(sink_session_progress(sink).released, 2);
}

Test(sink_session, rule_12_committed_waits_for_the_journal)
{
    begin_in_epoch_1(true, true);
    take(0);
    expect("WRITE(0)");
    sink_session_on_written(sink, 0, now_us);
    tick_after(2 * SECOND_US);
    cr_assert_eq(sink_session_progress(sink).committed, 0);
    sink_session_on_committed(sink, 2);
    cr_assert_eq(sink_session_progress(sink).committed, 1);
}

Test(sink_session, rule_5_begin_waits_until_the_journal_has_the_epoch)
{
    begin(true, true);
    tick_after(0);
    welcome(&ventilator);
    tick_after(2000);
    expect("CONNECT HELLO PING COMMIT(1)");
    cr_assert_eq(sink_session_position(sink).epoch, 1);
    tick_after(2000);
    expect("");
    sink_session_on_committed(sink, 1);
    tick_after(2000);
    expect("BEGIN PROGRESS(0)");
}

Test(sink_session, rule_5_another_ventilator_is_another_epoch_without_what_is_parked)
{
    begin_in_epoch_1(true, false);
    take(0);
    take(2);
    welcome(&other_ventilator);
    expect("WRITE(0) DROP");
    cr_assert_not(offer(&run, 1, 1));
    cr_assert(offer(&run, 2, 1));
}

Test(sink_session, rule_5_begin_waits_for_what_is_on_its_link_to_the_output)
{
    begin_in_epoch_1(true, false);
    take(0);
    welcome(&other_ventilator);
    tick_after(2000);
    expect("WRITE(0)");
    sink_session_on_written(sink, 0, now_us);
    tick_after(2000);
    expect("BEGIN PROGRESS(1)");
    cr_assert_eq(sink_session_position(sink).epoch, 2);
    cr_assert_eq(sink_session_position(sink).next, 1);
}

/* Behind a part that is full nothing is written before it is committed, and BEGIN waits
 * for what is to be written there. */
Test(sink_session, rule_5_a_full_part_is_committed_before_begin_and_begins_no_epoch)
{
    begin_in_epoch_1(true, true);
    take(0);
    take(1);
    sink_session_on_written(sink, 0, now_us);
    expect("WRITE(0) WRITE(1)");
    welcome(&other_ventilator);
    tick_after(2000);
    cr_assert(sink_session_commit(sink, now_us));
    expect("COMMIT(2)");
    sink_session_on_committed(sink, 2);
    tick_after(2000);
    expect("");
    sink_session_on_written(sink, 1, now_us);
    tick_after(2000);
    expect("COMMIT(3)");
    sink_session_on_committed(sink, 3);
    tick_after(2000);
    expect("BEGIN PROGRESS(2)");
    cr_assert_eq(sink_session_position(sink).epoch, 2);
}

Test(sink_session, a_part_is_not_committed_before_a_ventilator_has_come_or_at_the_end)
{
    begin(true, true);
    cr_assert_not(sink_session_commit(sink, now_us));
    end();
    begin_in_epoch_1(true, true);
    take(0);
    sink_session_on_written(sink, 0, now_us);
    hear_end(1);
    tick_after(2000);
    cr_assert_not(sink_session_commit(sink, now_us), "the end commits all");
}

Test(sink_session,
     rule_5_the_same_ventilator_has_the_same_epoch_and_is_told_what_is_held)
{
    begin_in_epoch_1(true, false);
    take(0);
    take(3);
    sink_session_on_written(sink, 0, now_us);
    expect("WRITE(0)");
    hear((struct message){.type = MESSAGE_WHO});
    welcome(&ventilator);
    tick_after(2000);
    expect("HELLO BEGIN PROGRESS(1)");
    uint32_t count;
    const struct range *held = sink_session_held(sink, &count);
    cr_assert_eq(sink_session_position(sink).epoch, 1);
    cr_assert_eq(sink_session_position(sink).next, 1);
    cr_assert_eq(count, 1);
    cr_assert_eq(held[0].first, 3);
    cr_assert_eq(held[0].count, 1);
}

/* Their chunks may have other borders: what was written would be written twice. */
Test(sink_session, unordered_output_takes_no_other_ventilator_after_the_first_result)
{
    begin_in_epoch_1(false, false);
    take(1); /* 0 is not here: in sequence nothing could have been given out */
    expect("WRITE(1)");
    welcome(&other_ventilator);
    tick_after(0);
    cr_assert_eq(sink_session_verdict(sink).outcome, OUTCOME_STOPPED);
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_PEER);
}

Test(sink_session, unordered_output_takes_another_ventilator_before_the_first_result)
{
    begin_in_epoch_1(false, false);
    welcome(&other_ventilator);
    tick_after(2000);
    expect("BEGIN PROGRESS(0)");
    cr_assert(offer(&run, 2, 0));
}

Test(sink_session, the_mark_of_the_last_result_written_is_the_positions)
{
    begin_in_epoch_1(true, false);
    uint8_t mark[4 + MARK_SEAL_BYTES] = "here";
    struct result_entry entry = {.attempt = 1, .mark = {mark, mark_seal(mark, 4, 0)}};
    cr_assert(sink_session_on_result(sink, &run, 1, &worker, &entry, &cargo[0]));
    cr_assert_eq(sink_session_position(sink).mark_size, 0);
    sink_session_on_written(sink, 0, now_us);
    struct position position = sink_session_position(sink);
    cr_assert_eq(position.mark_size, 4 + MARK_SEAL_BYTES);
    cr_assert_eq(memcmp(position.mark, "here", 4), 0);
}

Test(sink_session, rule_11_silence_makes_it_connect_again_and_say_hello)
{
    begin_in_epoch_1(true, false);
    for (int times = 0; times < 3; times++) { /* and bears none of them longer */
        tick_after(10 * SECOND_US + 1);
        expect("CONNECT HELLO PING");
    }
}

Test(sink_session, hands_back_all_cargo_that_it_still_has)
{
    begin_in_epoch_1(true, false);
    take(1);
    take(2);
    sink_session_destroy(&sink, drop);
    cr_assert_eq(dropped, 2);
}

/* ---- dead letters ---- */

static bool skip(uint64_t epoch, uint64_t seq)
{
    struct message message = {.type = MESSAGE_SKIP,
                              .skip = {.epoch = epoch, .seq = seq, .length = 3}};
    return sink_session_on_skip(sink, &message, &cargo[seq], now_us);
}

Test(sink_session, rule_13_the_first_of_skip_and_result_wins)
{
    begin_in_epoch_1(true, false);
    cr_assert(skip(1, 0));
    cr_assert_not(offer(&run, 1, 0));
    take(1);
    cr_assert_not(skip(1, 1));
    take(3);
    cr_assert_not(skip(1, 3));
    expect("WRITE(0) WRITE(1)");
}

Test(sink_session, rule_13_a_skip_of_another_epoch_or_before_any_is_none)
{
    begin(true, false);
    cr_assert_not(skip(0, 0));
    end();
    begin_in_epoch_1(true, false);
    cr_assert_not(skip(0, 0));
    cr_assert_not(skip(2, 0));
    expect("");
}

Test(sink_session, dead_letters_count_once_what_brings_them_is_written)
{
    static const struct bad_record bad[2] = {{.record = 1}, {.record = 2}};
    struct result_entry partly = {
        .seq = 1, .attempt = 1, .mark = mark_of(1), .bad = bad, .bad_count = 2};
    begin_in_epoch_1(true, false);
    cr_assert(sink_session_on_result(sink, &run, 1, &worker, &partly, &cargo[1]));
    cr_assert(skip(1, 0));
    cr_assert_eq(sink_session_position(sink).dead_letters, 0);
    sink_session_on_written(sink, 0, now_us);
    cr_assert_eq(sink_session_position(sink).dead_letters, 1);
    cr_assert_eq(sink_session_progress(sink).failed, 1);
    sink_session_on_written(sink, 1, now_us);
    cr_assert_eq(sink_session_position(sink).dead_letters, 3);
    cr_assert_eq(sink_session_progress(sink).failed, 2);
    expect("WRITE(0) WRITE(1)");
}

Test(sink_session, that_is_complete_with_dead_letters_says_1)
{
    begin_in_epoch_1(true, false);
    cr_assert(skip(1, 0));
    hear_end(1);
    expect("WRITE(0)");
    sink_session_on_written(sink, 0, now_us);
    tick_after(2000);
    expect("PROGRESS(1) PROGRESS(1) FINISHED(1)"); /* the last one counts them all */
    cr_assert(sink_session_finished(sink));
}

Test(sink_session, a_chunk_given_up_that_came_all_the_same_is_no_dead_letter)
{
    begin_in_epoch_1(true, false);
    take(0);
    hear((struct message){
        .type = MESSAGE_END,
        .end = {.epoch = 1, .total = 1, .status = STATUS_DEAD_LETTERS}});
    expect("WRITE(0)");
    sink_session_on_written(sink, 0, now_us);
    tick_after(2000);
    expect("PROGRESS(1) FINISHED(0)");
}

/* ---- going on ---- */

static void resume_from(const struct position *position)
{
    begin_at(position, true, true);
    tick_after(0);
    expect("CONNECT HELLO PING");
}

static void welcome_with(const struct id *uid, const char *input)
{
    hear((struct message){.type = MESSAGE_WELCOME,
                          .welcome = {.version = PROTOCOL_VERSION,
                                      .uid = *uid,
                                      .heartbeat_ms = 250,
                                      .liveness_ms = 10000,
                                      .input = slice_of_text(input)}});
}

static void expect_input(const char *input)
{
    struct position position = sink_session_position(sink);
    cr_assert_eq(position.input_size, strlen(input));
    cr_assert_eq(memcmp(position.input, input, position.input_size), 0);
}

Test(sink_session, that_resumes_counts_from_where_its_journal_stands)
{
    resume_from(&(struct position){.run = run,
                                   .uid = ventilator,
                                   .epoch = 1,
                                   .next = 7,
                                   .dead_letters = 5,
                                   .failed = 2});
    welcome(&ventilator);
    tick_after(2000);
    expect("BEGIN PROGRESS(7)");
    cr_assert_not(offer(&run, 1, 6), "it was written in an earlier life");
    cr_assert(skip(1, 7));
    sink_session_on_written(sink, 7, now_us);
    cr_assert_eq(sink_session_position(sink).next, 8);
    cr_assert_eq(sink_session_position(sink).dead_letters, 6);
    cr_assert_eq(sink_session_progress(sink).failed, 3);
    expect("WRITE(7)");
}

Test(sink_session, a_new_run_has_the_input_of_its_first_welcome)
{
    resume_from(&(struct position){.run = run});
    welcome_with(&ventilator, "one");
    tick_after(2000);
    expect("COMMIT(1)");
    expect_input("one");
}

Test(sink_session, a_run_keeps_a_pinned_input_though_nothing_is_written)
{
    resume_from(&(struct position){.run = run,
                                   .uid = ventilator,
                                   .epoch = 1,
                                   .input = "\200one",
                                   .input_size = 4});
    welcome_with(&other_ventilator, "\200two");
    tick_after(2000);
    expect("COMMIT(1)");
    expect_input("\200one");
}

Test(sink_session, a_run_with_nothing_written_is_the_next_inputs)
{
    resume_from(&(struct position){
        .run = run, .uid = ventilator, .epoch = 1, .input = "one", .input_size = 3});
    welcome_with(&other_ventilator, "another");
    tick_after(2000);
    expect("COMMIT(1)");
    expect_input("another");
}

Test(sink_session, a_run_that_is_resumed_keeps_its_input)
{
    resume_from(&(struct position){.run = run,
                                   .uid = ventilator,
                                   .epoch = 1,
                                   .next = 1,
                                   .input = "one",
                                   .input_size = 3});
    welcome_with(&other_ventilator, "another");
    tick_after(2000);
    expect("COMMIT(1)");
    expect_input("one");
}

Test(sink_session, what_is_on_its_link_to_the_output_keeps_its_input)
{
    resume_from(&(struct position){.run = run});
    welcome_with(&ventilator, "one");
    tick_after(2000);
    sink_session_on_committed(sink, 1);
    tick_after(2000);
    take(0);
    welcome_with(&other_ventilator, "another");
    tick_after(2000);
    sink_session_on_written(sink, 0, now_us);
    tick_after(2000);
    expect("COMMIT(1) BEGIN PROGRESS(1) WRITE(0) COMMIT(2)");
    expect_input("one");
}

Test(sink_session, that_finds_its_run_finished_says_so)
{
    resume_from(&(struct position){
        .run = run, .uid = ventilator, .epoch = 1, .next = 3, .finished = true});
    cr_assert(sink_session_finished(sink));
    welcome(&other_ventilator);
    tick_after(2000);
    expect("FINISHED(0)");
    hear((struct message){.type = MESSAGE_GOODBYE});
    expect("LEAVE");
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_OK);
}

Test(sink_session, that_finds_its_run_finished_refuses_another_input)
{
    resume_from(&(struct position){.run = run,
                                   .uid = ventilator,
                                   .epoch = 1,
                                   .next = 3,
                                   .finished = true,
                                   .input = "abc",
                                   .input_size = 3});
    welcome_with(&other_ventilator, "abc");
    cr_assert(sink_session_finished(sink));
    welcome_with(&ventilator,
                 "abd"); /* the run's own: it has seen what it goes on with */
    cr_assert(sink_session_finished(sink));
    welcome_with(&other_ventilator, "abd");
    cr_assert_not(sink_session_finished(sink));
    cr_assert_eq(sink_session_verdict(sink).status, STATUS_IO);
    cr_assert_eq(sink_session_verdict(sink).outcome, OUTCOME_STOPPED);
}

Test(sink_session, that_finds_its_run_finished_with_dead_letters_says_1)
{
    resume_from(&(struct position){.run = run,
                                   .uid = ventilator,
                                   .epoch = 1,
                                   .next = 3,
                                   .dead_letters = 1,
                                   .finished = true});
    welcome(&ventilator);
    tick_after(2000);
    expect("FINISHED(1)");
}

Test(sink_session, takes_nothing_before_welcome_has_said_how_it_is_written)
{
    struct sink_session_config config = {
        .position = {.run = run, .uid = ventilator, .epoch = 1, .next = 5},
        .ordered = true,
    };
    sink = sink_session_new(&config, now_us);
    cr_assert_not(offer(&run, 1, 5));
    welcome(&ventilator);
    cr_assert(offer(&run, 1, 5));
    expect("WRITE(5)");
}

/* ---- results that cannot be right ---- */

static void expect_refused(const struct result_entry *entry, enum failure cause,
                           const char *text)
{
    expect("");
    cr_assert_not(
        sink_session_on_result(sink, &run, 1, &worker, entry, &cargo[entry->seq]));
    expect("REFUSE");
    struct sink_refusal refusal = sink_session_refusal(sink);
    cr_assert_eq(refusal.seq, entry->seq);
    cr_assert_eq(refusal.attempt, entry->attempt);
    cr_assert_eq(refusal.cause, cause);
    cr_assert(id_equal(&refusal.uuid, &worker));
    cr_assert_str_eq(refusal.text, text);
}

Test(sink_session, refuses_a_result_with_the_mark_of_another_task)
{
    begin_in_epoch_1(true, false);
    struct result_entry entry = {.seq = 1, .attempt = 2, .mark = mark_of(0)};
    expect_refused(&entry, FAILURE_PROTOCOL,
                   "the worker gave the result of task 1 with the mark of task 0");
    take(1);
    take(0);
    expect("WRITE(0) WRITE(1)");
    expect_refused(&entry, FAILURE_PROTOCOL, /* also where it has the task's */
                   "the worker gave the result of task 1 with the mark of task 0");
}

Test(sink_session, refuses_a_result_with_a_mark_that_is_garbage)
{
    static const char text[] =
        "the worker gave the result of task 2 with a mark that is "
        "garbage, and not the task's, unchanged";
    uint8_t mark[1 + MARK_SEAL_BYTES];
    size_t size = mark_seal(mark, 1, 2);
    struct result_entry entry = {.seq = 2, .attempt = 1, .mark = {mark, size}};
    begin_in_epoch_1(true, false);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        mark[bit / 8] ^= (uint8_t)(1 << bit % 8);
        expect_refused(&entry, FAILURE_PROTOCOL, text);
        mark[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (entry.mark.size = 0; entry.mark.size < size; entry.mark.size++)
        expect_refused(&entry, FAILURE_PROTOCOL, text);
    cr_assert(sink_session_on_result(sink, &run, 1, &worker, &entry, &cargo[2]));
}

Test(sink_session, refuses_what_came_damaged_and_takes_it_when_it_comes_whole)
{
    struct id stranger = {{9}};
    struct result_entry entry = {.seq = 2, .attempt = 3, .mark = mark_of(2)};
    begin_in_epoch_1(true, false);
    expect("");
    sink_session_on_unread(sink, &stranger, 1, &worker, &entry, FAILURE_PROTOCOL);
    sink_session_on_unread(sink, &run, 7, &worker, &entry, FAILURE_PROTOCOL);
    expect("");
    sink_session_on_unread(sink, &run, 1, &worker, &entry, FAILURE_PROTOCOL);
    expect("REFUSE");
    struct sink_refusal refusal = sink_session_refusal(sink);
    cr_assert_eq(refusal.seq, 2);
    cr_assert_eq(refusal.marked, 2);
    cr_assert_eq(refusal.attempt, 3);
    cr_assert_eq(refusal.cause, FAILURE_PROTOCOL);
    cr_assert(id_equal(&refusal.uuid, &worker));
    cr_assert(sink_session_on_result(sink, &run, 1, &worker, &entry, &cargo[2]));
}

Test(sink_session, refuses_what_it_cannot_open_and_takes_it_when_it_comes_by_value)
{
    struct result_entry entry = {.seq = 2, .attempt = 3, .mark = mark_of(2)};
    begin_in_epoch_1(true, false);
    expect("");
    sink_session_on_unread(sink, &run, 1, &worker, &entry, FAILURE_REFERENCE);
    expect("REFUSE");
    cr_assert_eq(sink_session_refusal(sink).cause, FAILURE_REFERENCE);
    cr_assert(sink_session_on_result(sink, &run, 1, &worker, &entry, &cargo[2]));
    sink_session_on_unread(sink, &run, 1, &worker, &entry, FAILURE_REFERENCE);
    expect("");
}

Test(sink_session, refuses_a_result_that_is_too_large_and_takes_one_at_the_limit)
{
    static const struct bad_record bad[] = {{.length = 900},
                                            {.record = 1, .length = 2}};
    begin_in_epoch_1(true, false);
    struct result_entry entry = {.length = 1001, .mark = mark_of(0)};
    expect_refused(&entry, FAILURE_TOO_LARGE,
                   "the result of task 0 has 1001 bytes, and the sink takes 1000 "
                   "(--max-result)");
    entry.length = 99;
    entry.bad = bad;
    entry.bad_count = 2;
    expect_refused(&entry, FAILURE_TOO_LARGE,
                   "the result of task 0 has 1001 bytes, and the sink takes 1000 "
                   "(--max-result)");
    entry.length = 98;
    cr_assert(sink_session_on_result(sink, &run, 1, &worker, &entry, &cargo[0]));
}

Test(sink_session, refuses_a_result_of_a_task_beyond_the_end)
{
    begin_in_epoch_1(true, false);
    hear_end(2);
    struct result_entry entry = {.seq = 2, .attempt = 1, .mark = mark_of(2)};
    expect_refused(&entry, FAILURE_PROTOCOL,
                   "the worker gave a result of task 2, but the run has only 2 tasks");
}

Test(sink_session, says_nothing_of_a_wrong_result_of_another_epoch)
{
    begin_in_epoch_1(true, false);
    struct result_entry entry = {.seq = 1, .attempt = 2, .mark = mark_of(0)};
    cr_assert_not(sink_session_on_result(sink, &run, 2, &worker, &entry, &cargo[1]));
    expect("");
}
