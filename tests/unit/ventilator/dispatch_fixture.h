/* SPDX-License-Identifier: MIT */
/*
 * What tests of the ventilator's core share. What it does is read as a line:
 * "TASK(A:0) FORGET(B:1)". Worker A is peer 10, B peer 11 and so on; PONG is left out.
 */
#ifndef FANFOLD_TESTS_DISPATCH_FIXTURE_H
#define FANFOLD_TESTS_DISPATCH_FIXTURE_H

#include "common/clock.h"
#include "common/exit_status.h"
#include "ventilator/dispatch.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { SINK = 1, A = 10, B, C };

static const struct id uid = {{1}}, run = {{2}};
static struct dispatch *dispatch;
static struct dispatch_config config;
static int64_t now_us;

static inline void set_up(void)
{
    now_us = SECOND_US;
    config = (struct dispatch_config){
        .uid = uid,
        .buffer_bytes = 1 << 20,
        .block_bytes = 100,
        .keeps_bytes = true,
        .retries = 3,
        .losses = 10,
        .liveness_us = 10 * SECOND_US,
        .min_workers = 1,
        .patience_us = -1,
    };
}

static inline void tear_down(void)
{
    dispatch_destroy(&dispatch);
    cr_assert_null(dispatch);
}

/* ---- what it does ---- */

static const char *const names[] = {
    [DISPATCH_WELCOME_SINK] = "WELCOME_SINK",
    [DISPATCH_WELCOME] = "WELCOME",
    [DISPATCH_REJECT] = "REJECT",
    [DISPATCH_WHO] = "WHO",
    [DISPATCH_TASK] = "TASK",
    [DISPATCH_ISOLATE] = "ISOLATE",
    [DISPATCH_SKIP] = "SKIP",
    [DISPATCH_FORGET] = "FORGET",
    [DISPATCH_START] = "START",
    [DISPATCH_DISCARD] = "DISCARD",
    [DISPATCH_END] = "END",
    [DISPATCH_STOP] = "STOP",
    [DISPATCH_GOODBYE] = "GOODBYE",
    [DISPATCH_FAREWELL] = "FAREWELL",
    [DISPATCH_OVER] = "OVER",
};

static inline void append_action(char *line, size_t size,
                                 const struct dispatch_action *action)
{
    size_t used = strlen(line);
    char what[40] = "";
    if (action->kind == DISPATCH_TASK || action->kind == DISPATCH_ISOLATE ||
        action->kind == DISPATCH_FORGET)
        snprintf(what, sizeof what, "(%c:%d%s)", (char)('A' + action->peer - A),
                 (int)action->seq, action->only_queued ? "?" : "");
    else if (action->peer >= A)
        snprintf(what, sizeof what, "(%c)", (char)('A' + action->peer - A));
    else if (action->kind == DISPATCH_START || action->kind == DISPATCH_DISCARD ||
             action->kind == DISPATCH_END || action->kind == DISPATCH_SKIP)
        snprintf(what, sizeof what, "(%d)", (int)action->seq);
    snprintf(line + used, size - used, "%s%s%s", used ? " " : "", names[action->kind],
             what);
}

static inline void expect(const char *expected)
{
    char line[4000] = "";
    struct dispatch_action action;
    while (dispatch_next(dispatch, &action))
        if (action.kind != DISPATCH_PONG)
            append_action(line, sizeof line, &action);
    cr_assert_str_eq(line, expected);
}

static inline void tick_after(int64_t us)
{
    now_us += us;
    dispatch_tick(dispatch, now_us);
}

static inline void expect_now(const char *expected)
{
    tick_after(0);
    expect(expected);
}

/* ---- what others say ---- */

static inline void hear(uint32_t peer, struct message message)
{
    dispatch_on_message(dispatch, peer, &message, now_us);
}

static inline void hello_sink_nonce(uint32_t peer, uint8_t incarnation, uint64_t nonce,
                                    bool finished)
{
    hear(peer, (struct message){.type = MESSAGE_HELLO_SINK,
                                .hello_sink = {.version = PROTOCOL_VERSION,
                                               .incarnation = {{incarnation}},
                                               .nonce = nonce,
                                               .endpoint = {(const uint8_t *)"r", 1},
                                               .max_result = 1000,
                                               .finished = finished}});
}

static inline void hello_sink(uint32_t peer, uint8_t incarnation, bool finished)
{
    hello_sink_nonce(peer, incarnation, 1, finished);
}

static inline void begin_from(uint32_t peer, uint64_t position,
                              const struct range *held, uint32_t count)
{
    hear(peer, (struct message){.type = MESSAGE_BEGIN,
                                .begin = {.uid = uid,
                                          .run = run,
                                          .epoch = 1,
                                          .position = position,
                                          .held = held,
                                          .count = count}});
}

static inline void hello_with(uint32_t peer, uint64_t nonce, enum way way,
                              const struct ledger_entry *ledger, uint32_t count)
{
    hear(peer, (struct message){.type = MESSAGE_HELLO_WORKER,
                                .hello_worker = {.version = PROTOCOL_VERSION,
                                                 .uuid = {{(uint8_t)peer}},
                                                 .nonce = nonce,
                                                 .slots = 1,
                                                 .way = way,
                                                 .run = run,
                                                 .epoch = 1,
                                                 .ledger = ledger,
                                                 .count = count}});
}

/* With one slot and an open way: it has two places, slot and prefetch. */
static inline void join(uint32_t peer)
{
    hello_with(peer, 1, WAY_OPEN, NULL, 0);
}

static inline void done(uint32_t peer, uint64_t seq, uint64_t run_us)
{
    struct done_entry entry = {.seq = seq, .attempt = 1, .run_us = run_us};
    hear(peer, (struct message){.type = MESSAGE_DONE,
                                .done = {.session = 1, .entries = &entry, .count = 1}});
}

static inline void failed(uint32_t peer, uint64_t seq, uint32_t attempt)
{
    hear(peer, (struct message){.type = MESSAGE_FAILED,
                                .failed = {.session = 1,
                                           .seq = seq,
                                           .attempt = attempt,
                                           .how = FAILURE_EXIT,
                                           .code = 7}});
}

static inline void ping(uint32_t peer, enum way way, bool leaving,
                        const struct attempt_entry *running)
{
    hear(peer, (struct message){.type = MESSAGE_PING,
                                .ping = {.session = 1,
                                         .way = way,
                                         .leaving = leaving,
                                         .running = running,
                                         .count = running ? 1 : 0}});
}

static inline void progress(uint64_t first, uint64_t count, uint64_t released,
                            uint64_t committed)
{
    struct range held = {first, count};
    hear(SINK, (struct message){.type = MESSAGE_PROGRESS,
                                .progress = {.epoch = 1,
                                             .held = &held,
                                             .count = count ? 1 : 0,
                                             .released = released,
                                             .committed = committed}});
}

static inline void begin(void)
{
    dispatch = dispatch_new(&config, now_us);
    hello_sink(SINK, 1, false);
    begin_from(SINK, 0, NULL, 0);
    expect_now("WELCOME_SINK START(0)");
}

static inline void cut(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        dispatch_on_cut(dispatch, 100, 1, now_us);
}

#endif
