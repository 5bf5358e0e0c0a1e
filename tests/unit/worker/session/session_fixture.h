/* SPDX-License-Identifier: MIT */
/*
 * What tests of the worker's core share. They read its actions as a line, see trace.h.
 * The line names no slot: the slot table decides which one runs which task.
 */
#ifndef FANFOLD_TESTS_UNIT_WORKER_SESSION_SESSION_FIXTURE_H
#define FANFOLD_TESTS_UNIT_WORKER_SESSION_SESSION_FIXTURE_H

#include "common/clock.h"
#include "common/exit_status.h"
#include "tests/unit/trace.h"
#include "worker/session/session.h"

static const struct id run = {{1}};
static struct session *worker;
static int64_t now_us;
static int cargo[100];
static int dropped;
static uint32_t slot_of[100];

static inline void drop(void *one)
{
    (void)one;
    dropped++;
}

static enum on_lost on_lost;
static bool drains; /* only the end of its programs proves its results */

static inline void begin(uint32_t slots, bool monitor, bool stay)
{
    struct session_config config = {
        .uuid = {{7}},
        .slots = slots,
        .depth = 1,
        .monitor = monitor,
        .stay = stay,
        .drains = drains,
        .liveness_us = 10 * SECOND_US,
        .patience_us = -1,
        .wait_us = -1,
        .on_lost = on_lost,
    };
    now_us = SECOND_US;
    worker = session_new(&config, now_us);
}

static inline void end(void)
{
    session_destroy(&worker, drop);
    cr_assert_null(worker);
}

static const char *const names[] = {
    [SESSION_CONNECT] = "CONNECT",
    [SESSION_HELLO] = "HELLO",
    [SESSION_PING] = "PING",
    [SESSION_OPEN_LINK] = "OPEN_LINK",
    [SESSION_CLOSE_LINK] = "CLOSE_LINK",
    [SESSION_START] = "START",
    [SESSION_KILL] = "KILL",
    [SESSION_RESULT] = "RESULT",
    [SESSION_DONE] = "DONE",
    [SESSION_FAILED] = "FAILED",
    [SESSION_RETURNED] = "RETURNED",
    [SESSION_DROP] = "DROP",
    [SESSION_DRAIN] = "DRAIN",
    [SESSION_DRAINED] = "DRAINED",
    [SESSION_DOUBT] = "DOUBT",
    [SESSION_GOODBYE] = "GOODBYE",
    [SESSION_LEAVE] = "LEAVE",
};

static inline bool names_a_task(enum session_action_kind kind)
{
    return (kind >= SESSION_START && kind <= SESSION_RETURNED);
}

/* All actions up to now, without DROP, which the ledger shows; and without the PING
 * that tells of a start, unless a test is about it. */
static bool pings_at_start;

static inline void trace_actions(struct trace *trace)
{
    struct session_action action = {0};
    for (bool begun = false; session_next(worker, &action);
         begun = action.kind == SESSION_START) {
        if (action.kind == SESSION_DROP ||
            (action.kind == SESSION_PING && begun && !pings_at_start))
            continue;
        if (action.kind == SESSION_START)
            slot_of[action.seq] = action.slot;
        if (action.kind == SESSION_START || action.kind == SESSION_RESULT)
            cr_assert_eq(action.cargo, &cargo[action.seq]);
        if (names_a_task(action.kind))
            trace_add(trace, "%s(%d)", names[action.kind], (int)action.seq);
        else
            trace_add(trace, "%s", names[action.kind]);
    }
}

static inline void expect_ledger(uint32_t expected)
{
    uint32_t count;
    session_ledger(worker, &count);
    cr_assert_eq(count, expected);
}

static inline void tick_after(int64_t us)
{
    now_us += us;
    session_tick(worker, now_us);
}

static inline void hear(struct message message)
{
    session_on_message(worker, &message, now_us);
}

static const struct endpoint_entry results = {
    .endpoint = {(const uint8_t *)"ipc://r", 7}};
static const struct endpoint_entry two_results[] = {
    {.endpoint = {(const uint8_t *)"tcp://a:1", 9}},
    {.endpoint = {(const uint8_t *)"tcp://b:2", 9}}};

static inline void welcome_to(uint64_t session, uint64_t epoch,
                              const struct endpoint_entry *endpoints, uint32_t count)
{
    hear((struct message){.type = MESSAGE_WELCOME,
                          .welcome = {.version = PROTOCOL_VERSION,
                                      .heartbeat_ms = 250,
                                      .liveness_ms = 10000,
                                      .session = session,
                                      .nonce = session,
                                      .run = run,
                                      .epoch = epoch,
                                      .endpoints = endpoints,
                                      .endpoint_count = count}});
}

static inline void welcome(uint64_t session, uint64_t epoch)
{
    welcome_to(session, epoch, &results, 1);
}

/* In session 1, and connected to the sink. */
static inline void begin_in_session_1(uint32_t slots)
{
    begin(slots, true, false);
    tick_after(0);
    welcome(1, 1);
    session_on_link(worker, true, now_us);
    expect("CONNECT HELLO PING OPEN_LINK PING PING");
}

static inline bool take_attempt(uint64_t session, uint64_t seq, uint32_t attempt)
{
    struct task_entry entry = {.seq = seq, .attempt = attempt, .length = 1};
    return session_on_task(worker, session, &entry, &cargo[seq]);
}

static inline void take(uint64_t seq)
{
    cr_assert(take_attempt(1, seq, 1));
}

static inline void finish(uint64_t seq)
{
    cr_assert(session_on_done(worker, slot_of[seq], seq, 1, 1000));
}

static inline void forget(uint64_t session, uint64_t seq, bool only_queued)
{
    struct attempt_entry entry = {.seq = seq, .attempt = 1};
    hear((struct message){.type = MESSAGE_FORGET,
                          .forget = {.session = session,
                                     .only_queued = only_queued,
                                     .entries = &entry,
                                     .count = 1}});
}

/* A task that may take the worker down is announced, and starts with the second
 * PONG. */
static inline void expect_careful_start(const char *start)
{
    tick_after(0);
    expect("PING PING");
    hear((struct message){.type = MESSAGE_PONG});
    expect("");
    hear((struct message){.type = MESSAGE_PONG});
    expect(start);
}

#endif
