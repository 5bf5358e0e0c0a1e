/* SPDX-License-Identifier: MIT */
/* The worker's core, one sentence a rule; the numbers in front are those of the
 * design's rules. */
#include "session_fixture.h"

TestSuite(session, .fini = end);

Test(session, rule_9_the_lowest_seq_starts_first)
{
    begin_in_session_1(2);
    take(9);
    take(3);
    take(7);
    tick_after(0);
    expect("START(3) START(7)");
    finish(3);
    tick_after(0);
    expect("RESULT(3) DONE(3) START(9)");
}

Test(session, rule_2_done_leaves_the_ledger_as_it_is)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    expect("START(0)");
    finish(0);
    expect("RESULT(0) DONE(0)");
    expect_ledger(1);
}

Test(session, rule_2_forget_takes_a_result_off_the_ledger)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    expect("START(0)");
    finish(0);
    forget(1, 0, false);
    expect_ledger(0);
}

Test(session, rule_3_results_are_sent_again_when_the_link_opens)
{
    begin_in_session_1(2);
    take(0);
    take(1);
    tick_after(0);
    expect("START(0) START(1)");
    finish(0);
    expect("RESULT(0) DONE(0)");
    session_on_link(worker, false, now_us);
    finish(1);
    expect("PING DONE(1)"); /* the sink cannot hear a RESULT */
    session_on_link(worker, true, now_us);
    expect("RESULT(0) RESULT(1) PING");
}

Test(session, rule_3_a_forgotten_result_is_not_sent_again)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    expect("START(0)");
    finish(0);
    forget(1, 0, false);
    session_on_link(worker, false, now_us);
    session_on_link(worker, true, now_us);
    expect("RESULT(0) DONE(0) PING PING");
}

Test(session, rule_3_without_a_monitor_welcome_is_the_time_to_send_again)
{
    begin(1, false, false);
    tick_after(0);
    welcome(1, 1);
    take(0);
    tick_after(0);
    expect("CONNECT HELLO PING OPEN_LINK PING START(0)");
    finish(0);
    hear((struct message){.type = MESSAGE_WHO});
    welcome(2, 1);
    expect("RESULT(0) DONE(0) HELLO OPEN_LINK DONE(0) RESULT(0) PING");
}

Test(session, rule_5_another_epoch_ends_running_tasks_and_empties_the_ledger)
{
    begin_in_session_1(1);
    take(0);
    take(1);
    tick_after(0);
    expect("START(0)");
    hear((struct message){.type = MESSAGE_WHO});
    welcome(2, 2);
    expect("HELLO KILL(0) OPEN_LINK PING");
    expect_ledger(0);
    cr_assert_not(session_on_done(worker, slot_of[0], 0, 1, 1000));
}

Test(session, rule_6_forget_of_another_session_is_ignored)
{
    begin_in_session_1(1);
    take(0);
    forget(2, 0, false);
    forget(0, 0, false);
    expect_ledger(1);
}

Test(session, rule_6_a_task_of_another_session_is_not_taken)
{
    begin_in_session_1(1);
    cr_assert_not(take_attempt(2, 0, 1));
    expect_ledger(0);
}

Test(session, rule_6_between_hello_and_welcome_there_is_no_session)
{
    begin_in_session_1(1);
    take(0);
    tick_after(0);
    expect("START(0)");
    hear((struct message){.type = MESSAGE_WHO});
    forget(1, 0, false);
    cr_assert_not(take_attempt(1, 1, 1));
    finish(0);
    expect("HELLO RESULT(0)"); /* DONE waits */
    expect_ledger(1);
    welcome(2, 1);
    expect("OPEN_LINK DONE(0) PING");
}

Test(session, rule_6_a_welcome_to_an_older_hello_opens_nothing)
{
    begin_in_session_1(1);
    hear((struct message){.type = MESSAGE_WHO});
    welcome(1, 1);
    expect("HELLO");
    cr_assert_eq(session_waits(worker), SESSION_WAITS_VENTILATOR);
}

Test(session, knows_for_what_it_waits)
{
    begin(1, true, false);
    cr_assert_eq(session_waits(worker), SESSION_WAITS_VENTILATOR);
    end();
    begin_in_session_1(1);
    cr_assert_eq(session_waits(worker), SESSION_WAITS_TASKS);
    take(0);
    cr_assert_eq(session_waits(worker), SESSION_WAITS_NOTHING);
    tick_after(0);
    expect("START(0)");
    cr_assert_eq(session_waits(worker), SESSION_WAITS_NOTHING);
    finish(0);
    cr_assert_eq(session_waits(worker), SESSION_WAITS_HELD);
    forget(1, 0, false);
    cr_assert_eq(session_waits(worker), SESSION_WAITS_TASKS);
    session_on_link(worker, false, now_us);
    cr_assert_eq(session_waits(worker), SESSION_WAITS_SINK);
}

Test(session, keeps_the_format_of_records_that_welcome_names)
{
    begin(1, true, false);
    tick_after(0);
    hear((struct message){.type = MESSAGE_WELCOME,
                          .welcome = {.version = PROTOCOL_VERSION,
                                      .session = 1,
                                      .nonce = 1,
                                      .format = slice_of_text("lines=4 end=0a")}});
    struct slice format = session_format(worker);
    cr_assert_eq(format.size, 14);
    cr_assert_eq(memcmp(format.data, "lines=4 end=0a", 14), 0);
}

Test(session, rule_10_a_start_is_told_at_once_and_many_not_too_often)
{
    begin_in_session_1(8);
    pings_at_start = true;
    tick_after(SECOND_US);
    expect("PING");
    char line[32];
    for (unsigned seq = 0; seq < 4; seq++) {
        take(seq);
        tick_after(0);
        snprintf(line, sizeof line, "START(%u) PING", seq);
        expect(line);
    }
    take(4);
    tick_after(0);
    expect("START(4)");
    tick_after(SECOND_US / 10);
    expect("PING");
    tick_after(SECOND_US / 100);
    expect("");
}

Test(session, rule_10_ping_names_the_running_attempts)
{
    begin_in_session_1(1);
    take(4);
    take(5);
    tick_after(0);
    uint32_t count;
    const struct attempt_entry *attempts = session_running(worker, &count);
    cr_assert_eq(count, 1);
    cr_assert_eq(attempts[0].seq, 4);
    cr_assert_eq(attempts[0].attempt, 1);
}

Test(session, a_leave_finishes_running_tasks_and_hands_back_queued_ones)
{
    begin_in_session_1(1);
    take(0);
    take(1);
    tick_after(0);
    expect("START(0)");
    session_leave(worker, now_us);
    expect("RETURNED(1) PING");
    cr_assert_not(take_attempt(1, 2, 1));
    expect("RETURNED(2)");
    finish(0);
    tick_after(0);
    expect("RESULT(0) DONE(0)"); /* its result is not held yet */
    forget(1, 0, false);
    tick_after(0);
    expect("GOODBYE");
    hear((struct message){.type = MESSAGE_GOODBYE, .goodbye = {.session = 1}});
    expect("LEAVE");
}

Test(session, a_second_leave_hands_everything_back)
{
    begin_in_session_1(1);
    take(0);
    take(1);
    tick_after(0);
    session_leave(worker, now_us);
    expect("START(0) RETURNED(1) PING");
    session_leave(worker, now_us);
    tick_after(0);
    expect("RETURNED(0) KILL(0) PING GOODBYE");
    expect_ledger(0);
}

Test(session, the_worker_waits_only_a_while_for_the_answer_to_goodbye)
{
    begin_in_session_1(1);
    session_leave(worker, now_us);
    tick_after(0);
    expect("PING GOODBYE");
    tick_after(SECOND_US);
    expect("LEAVE");
}

Test(session, rule_14_stop_ends_the_worker)
{
    begin_in_session_1(1);
    hear((struct message){.type = MESSAGE_STOP});
    expect("GOODBYE LEAVE");
}

Test(session, a_worker_that_stays_looks_for_the_next_run_after_stop)
{
    begin(1, true, true);
    tick_after(0);
    welcome(1, 1);
    hear((struct message){.type = MESSAGE_STOP});
    expect("CONNECT HELLO PING OPEN_LINK PING GOODBYE CLOSE_LINK");
    tick_after(SECOND_US);
    expect("CONNECT HELLO PING");
}

Test(session, rule_11_silence_makes_the_worker_connect_again_with_its_ledger)
{
    pings_at_start = true;
    begin_in_session_1(1);
    take(0);
    tick_after(10 * SECOND_US + 1);
    expect("CONNECT HELLO START(0) PING");
    expect_ledger(1);
}

Test(session, a_rejected_worker_says_why_and_leaves)
{
    begin_in_session_1(1);
    hear((struct message){.type = MESSAGE_REJECT,
                          .reject = {.text = {(const uint8_t *)"version", 7}}});
    expect("LEAVE");
    cr_assert_str_eq(session_exit_reason(worker),
                     "the ventilator rejects this worker: version");
}

Test(session, drops_all_cargo_on_the_ledger_when_destroyed)
{
    begin_in_session_1(1);
    take(0);
    take(1);
    session_destroy(&worker, drop);
    cr_assert_eq(dropped, 2);
}

static void welcome_with_header(uint64_t session, uint64_t epoch, const char *header,
                                uint32_t header_out)
{
    hear((struct message){.type = MESSAGE_WELCOME,
                          .welcome = {.version = PROTOCOL_VERSION,
                                      .heartbeat_ms = 250,
                                      .liveness_ms = 10000,
                                      .session = session,
                                      .nonce = session,
                                      .run = run,
                                      .epoch = epoch,
                                      .header = slice_of_text(header),
                                      .header_out = header_out,
                                      .endpoints = &results,
                                      .endpoint_count = 1}});
}

static void expect_header(const char *header, uint32_t header_out)
{
    struct slice slice = session_header(worker);
    cr_assert_eq(slice.size, strlen(header));
    cr_assert(slice.size == 0 || memcmp(slice.data, header, slice.size) == 0);
    cr_assert_eq(session_header_out(worker), header_out);
}

Test(session, keeps_the_headers_that_its_run_began_with)
{
    begin(1, true, false);
    tick_after(0);
    expect_header("", 0);
    welcome_with_header(1, 1, "name\n", 2);
    expect_header("name\n", 2);
    const uint8_t *there = session_header(worker).data;
    hear((struct message){.type = MESSAGE_WHO});
    welcome_with_header(2, 1, "other\n", 1);
    expect_header("name\n", 2);
    cr_assert_eq(session_header(worker).data, there, "what runs may read it");
    hear((struct message){.type = MESSAGE_WHO});
    welcome_with_header(3, 2, "", 0);
    expect_header("", 0);
}
