/* SPDX-License-Identifier: MIT */
/*
 * The worker's core, one sentence a rule; the numbers in front are those of the
 * design's rules. What it does is read as a line: "START(7) PING". A slot is not named:
 * which one runs what is the seats' affair.
 */
#include "common/clock.h"
#include "common/exit_status.h"
#include "worker/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct id run = {{1}};
static struct session *worker;
static int64_t now_us;
static int cargo[100];
static int dropped;
static uint32_t slot_of[100];

static void drop(void *one)
{
    (void)one;
    dropped++;
}

static void begin(uint32_t slots, bool monitor, bool stay)
{
    struct session_config config = {
        .uuid = {{7}},
        .slots = slots,
        .depth = 1,
        .monitor = monitor,
        .stay = stay,
        .liveness_us = 10 * SECOND_US,
        .patience_us = -1,
    };
    now_us = SECOND_US;
    worker = session_new(&config, now_us);
}

static void end(void)
{
    session_destroy(&worker, drop);
    cr_assert_null(worker);
}

TestSuite(session, .fini = end);

static const char *const names[] = {
    [SESSION_CONNECT] = "CONNECT",     [SESSION_HELLO] = "HELLO",
    [SESSION_PING] = "PING",           [SESSION_OPEN_WAY] = "OPEN_WAY",
    [SESSION_CLOSE_WAY] = "CLOSE_WAY", [SESSION_START] = "START",
    [SESSION_KILL] = "KILL",           [SESSION_RESULT] = "RESULT",
    [SESSION_DONE] = "DONE",           [SESSION_FAILED] = "FAILED",
    [SESSION_RETURNED] = "RETURNED",   [SESSION_DROP] = "DROP",
    [SESSION_GOODBYE] = "GOODBYE",     [SESSION_LEAVE] = "LEAVE",
};

static bool names_a_task(enum session_action_kind kind)
{
    return (kind >= SESSION_START && kind <= SESSION_RETURNED);
}

/* All that it has to do now. DROP is left out: the ledger tells; and the PING that
 * tells of what has just begun, but where a test is about it. */
static bool pings_at_start;

static void expect(const char *expected)
{
    char line[1000] = "";
    struct session_action action = {0};
    for (bool begun = false; session_next(worker, &action);
         begun = action.kind == SESSION_START) {
        if (action.kind == SESSION_DROP ||
            (action.kind == SESSION_PING && begun && !pings_at_start))
            continue;
        size_t used = strlen(line);
        char seq[24] = "";
        if (names_a_task(action.kind))
            snprintf(seq, sizeof seq, "(%d)", (int)action.seq);
        if (action.kind == SESSION_START)
            slot_of[action.seq] = action.slot;
        snprintf(line + used, sizeof line - used, "%s%s%s", used ? " " : "",
                 names[action.kind], seq);
    }
    cr_assert_str_eq(line, expected);
}

static void expect_ledger(uint32_t expected)
{
    uint32_t count;
    session_ledger(worker, &count);
    cr_assert_eq(count, expected);
}

static void tick_after(int64_t us)
{
    now_us += us;
    session_tick(worker, now_us);
}

static void hear(struct message message)
{
    session_on_message(worker, &message, now_us);
}

static void welcome(uint64_t session, uint64_t epoch)
{
    hear((struct message){.type = MESSAGE_WELCOME,
                          .welcome = {.heartbeat_ms = 250,
                                      .liveness_ms = 10000,
                                      .session = session,
                                      .nonce = session,
                                      .run = run,
                                      .epoch = epoch,
                                      .endpoint = {(const uint8_t *)"ipc://r", 7}}});
}

/* In session 1, with a way to the sink that is open. */
static void begin_in_session_1(uint32_t slots)
{
    begin(slots, true, false);
    tick_after(0);
    welcome(1, 1);
    session_on_way(worker, true, now_us);
    expect("CONNECT HELLO PING OPEN_WAY PING PING");
}

static bool take_attempt(uint64_t session, uint64_t seq, uint32_t attempt)
{
    struct task_entry entry = {.seq = seq, .attempt = attempt, .length = 1};
    return session_on_task(worker, session, &entry, &cargo[seq], now_us);
}

static void take(uint64_t seq)
{
    cr_assert(take_attempt(1, seq, 1));
}

static void finish(uint64_t seq)
{
    cr_assert(session_on_done(worker, slot_of[seq], seq, 1, 1000));
}

static void forget(uint64_t session, uint64_t seq, bool only_queued)
{
    struct attempt_entry entry = {.seq = seq, .attempt = 1};
    hear((struct message){.type = MESSAGE_FORGET,
                          .forget = {.session = session,
                                     .only_queued = only_queued,
                                     .entries = &entry,
                                     .count = 1}});
}

/* What may take the worker down is announced, and starts with the second echo. */
static void expect_careful_start(const char *start)
{
    tick_after(0);
    expect("PING PING");
    hear((struct message){.type = MESSAGE_PONG});
    expect("");
    hear((struct message){.type = MESSAGE_PONG});
    expect(start);
}

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
    cr_assert_eq(session_cargo(worker, 0), &cargo[0]);
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

Test(session, rule_3_results_are_sent_again_when_the_way_opens)
{
    begin_in_session_1(2);
    take(0);
    take(1);
    tick_after(0);
    expect("START(0) START(1)");
    finish(0);
    expect("RESULT(0) DONE(0)");
    session_on_way(worker, false, now_us);
    finish(1);
    expect("PING DONE(1)"); /* nobody would hear it */
    session_on_way(worker, true, now_us);
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
    session_on_way(worker, false, now_us);
    session_on_way(worker, true, now_us);
    expect("RESULT(0) DONE(0) PING PING");
}

Test(session, rule_3_without_a_monitor_welcome_is_the_time_to_send_again)
{
    begin(1, false, false);
    tick_after(0);
    welcome(1, 1);
    take(0);
    tick_after(0);
    expect("CONNECT HELLO PING OPEN_WAY PING START(0)");
    finish(0);
    hear((struct message){.type = MESSAGE_WHO});
    welcome(2, 1);
    expect("RESULT(0) DONE(0) HELLO OPEN_WAY DONE(0) RESULT(0) PING");
}

Test(session, rule_5_another_epoch_ends_what_runs_and_empties_the_ledger)
{
    begin_in_session_1(1);
    take(0);
    take(1);
    tick_after(0);
    expect("START(0)");
    hear((struct message){.type = MESSAGE_WHO});
    welcome(2, 2);
    expect("HELLO KILL(0) OPEN_WAY PING");
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
    expect("OPEN_WAY DONE(0) PING");
}

Test(session, rule_6_a_welcome_to_an_older_hello_opens_nothing)
{
    begin_in_session_1(1);
    hear((struct message){.type = MESSAGE_WHO});
    welcome(1, 1);
    expect("HELLO");
    cr_assert_eq(session_waits(worker), SESSION_WAITS_VENTILATOR);
}

Test(session, a_newer_attempt_takes_the_place_of_an_older_one)
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

Test(session, rule_9_a_call_back_returns_what_has_not_started_and_nothing_else)
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

Test(session, a_task_that_its_slot_never_began_starts_again)
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

Test(session, what_fails_is_off_the_ledger_at_once)
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
    return session_on_isolate(worker, &message, &cargo[seq], now_us);
}

Test(session, isolate_is_taken_as_a_task_is)
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

Test(session, a_task_in_parts_starts_again_in_its_slot_until_it_is_done)
{
    begin_in_session_1(1);
    cr_assert(take_isolate(1, 0, 1, false));
    take(1);
    expect_careful_start("START(0)");
    uint32_t slot = slot_of[0];
    cr_assert(session_is_running(worker, slot, 0, 1));
    cr_assert_not(session_is_running(worker, slot, 0, 2));
    cr_assert_not(session_is_running(worker, slot, 1, 1));
    session_on_part(worker, slot, 0, 1);
    tick_after(0);
    expect("START(0)"); /* and not the other */
    cr_assert_eq(slot_of[0], slot);
    finish(0);
    tick_after(0);
    expect("RESULT(0) DONE(0) START(1)");
}

Test(session, a_part_that_its_slot_never_began_starts_again_where_there_is_a_slot)
{
    begin_in_session_1(1);
    cr_assert(take_isolate(1, 0, 1, false));
    expect_careful_start("START(0)");
    session_on_part(worker, slot_of[0], 0, 1);
    expect("START(0)");
    session_on_unstarted(worker, slot_of[0], 0, 1);
    cr_assert_not(session_is_running(worker, slot_of[0], 0, 1));
    session_on_part(worker, slot_of[0], 0, 1);
    expect("");
    expect_careful_start("START(0)");
}

Test(session, a_task_that_is_forgotten_in_the_middle_of_its_parts_is_killed)
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

Test(session, a_probe_is_done_and_sends_no_result)
{
    begin_in_session_1(1);
    cr_assert(take_isolate(1, 0, 1, true));
    expect_careful_start("START(0)");
    finish(0);
    expect("DONE(0)");
    session_on_way(worker, true, now_us);
    expect("PING");
    hear((struct message){.type = MESSAGE_WHO});
    welcome(2, 1);
    session_on_way(worker, true, now_us);
    expect("HELLO OPEN_WAY DONE(0) PING PING");
    expect_ledger(1);
    forget(2, 0, false);
    expect_ledger(0);
}

Test(session, rule_10_a_retry_is_named_in_a_ping_before_it_starts)
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
    expect("HELLO OPEN_WAY PING");
    hear((struct message){.type = MESSAGE_PONG});
    expect("START(0)");
    hear((struct message){.type = MESSAGE_PONG});
    expect("");
}

Test(session, what_is_announced_for_a_slot_that_is_replaced_meanwhile_waits_for_it)
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

Test(session, what_is_forgotten_before_its_echo_does_not_start)
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

Test(session, a_slot_that_is_still_to_be_killed_is_not_ready_because_it_was)
{
    begin_in_session_1(1);
    cr_assert(take_attempt(1, 0, 1));
    tick_after(0);
    expect("START(0)");
    forget(1, 0, false);
    session_on_slot(worker, 0, true); /* an older life of it has begun meanwhile */
    cr_assert(take_attempt(1, 1, 1));
    tick_after(0);
    expect("KILL(0)");
    session_on_slot(worker, 0, true);
    tick_after(0);
    expect("START(1)");
}

Test(session, keeps_the_format_of_records_that_welcome_says)
{
    begin(1, true, false);
    tick_after(0);
    hear((struct message){.type = MESSAGE_WELCOME,
                          .welcome = {.session = 1,
                                      .nonce = 1,
                                      .format = slice_of_text("lines=4 end=0a")}});
    struct slice format = session_format(worker);
    cr_assert_eq(format.size, 14);
    cr_assert_eq(memcmp(format.data, "lines=4 end=0a", 14), 0);
}

Test(session, rule_10_what_begins_is_told_at_once_and_then_not_too_often)
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

Test(session, rule_10_ping_names_the_attempts_that_run)
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

Test(session, a_leave_finishes_what_runs_and_hands_the_rest_back)
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

Test(session, a_goodbye_that_nobody_answers_is_not_waited_for_long)
{
    begin_in_session_1(1);
    session_leave(worker, now_us);
    tick_after(0);
    expect("PING GOODBYE");
    tick_after(SECOND_US);
    expect("LEAVE");
}

Test(session, rule_14_stop_ends_it)
{
    begin_in_session_1(1);
    hear((struct message){.type = MESSAGE_STOP});
    expect("GOODBYE LEAVE");
}

Test(session, that_stays_looks_for_the_next_run_after_stop)
{
    begin(1, true, true);
    tick_after(0);
    welcome(1, 1);
    hear((struct message){.type = MESSAGE_STOP});
    expect("CONNECT HELLO PING OPEN_WAY PING GOODBYE CLOSE_WAY");
    tick_after(SECOND_US);
    expect("CONNECT HELLO PING");
}

Test(session, rule_11_silence_makes_it_connect_anew_with_its_ledger)
{
    pings_at_start = true;
    begin_in_session_1(1);
    take(0);
    tick_after(10 * SECOND_US + 1);
    expect("CONNECT HELLO START(0) PING");
    expect_ledger(1);
}

Test(session, that_is_rejected_says_why_and_leaves)
{
    begin_in_session_1(1);
    hear((struct message){.type = MESSAGE_REJECT,
                          .reject = {.text = {(const uint8_t *)"version", 7}}});
    expect("LEAVE");
    cr_assert_str_eq(session_farewell(worker),
                     "the ventilator rejects this worker: version");
}

Test(session, hands_all_cargo_that_is_on_the_ledger_to_who_destroys_it)
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
                          .welcome = {.heartbeat_ms = 250,
                                      .liveness_ms = 10000,
                                      .session = session,
                                      .nonce = session,
                                      .run = run,
                                      .epoch = epoch,
                                      .header = slice_of_text(header),
                                      .header_out = header_out,
                                      .endpoint = {(const uint8_t *)"ipc://r", 7}}});
}

static void expect_header(const char *header, uint32_t header_out)
{
    struct slice slice = session_header(worker);
    cr_assert_eq(slice.size, strlen(header));
    cr_assert(slice.size == 0 || memcmp(slice.data, header, slice.size) == 0);
    cr_assert_eq(session_header_out(worker), header_out);
}

Test(session, has_the_headers_that_its_run_began_with)
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
