/* SPDX-License-Identifier: MIT */
/* What tests of the sink's core share. What it does is read as a line, see trace.h. */
#ifndef FANFOLD_TESTS_UNIT_SINK_SESSION_SESSION_FIXTURE_H
#define FANFOLD_TESTS_UNIT_SINK_SESSION_SESSION_FIXTURE_H

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/protocol/mark.h"
#include "sink/session/session.h"
#include "tests/unit/trace.h"

enum { ENTRIES = 64 };

static const struct id run = {{1}};
static const struct id ventilator = {{2}}, other_ventilator = {{3}};

static struct sink_session *sink;
static int64_t now_us;
static int cargo[ENTRIES];
static int dropped;

static inline void drop(void *one)
{
    (void)one;
    dropped++;
}

static inline void begin_at(const struct position *position, bool ordered, bool journal)
{
    struct sink_session_config config = {
        .position = *position,
        .ordered = ordered,
        .journal = journal,
        .max_result = 1000,
        .liveness_us = 10 * SECOND_US,
        .patience_us = -1,
    };
    now_us = SECOND_US;
    sink = sink_session_new(&config, now_us);
}

static inline void begin(bool ordered, bool journal)
{
    begin_at(&(struct position){.run = run}, ordered, journal);
}

static inline void end(void)
{
    sink_session_destroy(&sink, drop);
    cr_assert_null(sink);
}

static inline void trace_action(struct trace *trace, const struct sink_action *action)
{
    static const char *const names[] = {
        [SINK_CONNECT] = "CONNECT", [SINK_HELLO] = "HELLO",   [SINK_BEGIN] = "BEGIN",
        [SINK_PING] = "PING",       [SINK_REFUSE] = "REFUSE", [SINK_DROP] = "DROP",
        [SINK_LEAVE] = "LEAVE",
    };
    if (action->kind == SINK_WRITE)
        trace_add(trace, "WRITE(%d)", (int)action->seq);
    else if (action->kind == SINK_COMMIT)
        trace_add(trace, "COMMIT(%d)", (int)action->ticket);
    else if (action->kind == SINK_FINISHED)
        trace_add(trace, "FINISHED(%d)", sink_session_verdict(sink).status);
    else if (action->kind == SINK_PROGRESS)
        trace_add(trace, "PROGRESS(%d)", (int)sink_session_progress(sink).released);
    else
        trace_add(trace, "%s", names[action->kind]);
}

static inline void trace_actions(struct trace *trace)
{
    struct sink_action action;
    while (sink_session_next(sink, &action))
        trace_action(trace, &action);
}

static inline void tick_after(int64_t us)
{
    now_us += us;
    sink_session_tick(sink, now_us);
}

static inline void hear(struct message message)
{
    sink_session_on_message(sink, &message, now_us);
}

static inline void welcome(const struct id *uid)
{
    hear((struct message){.type = MESSAGE_WELCOME,
                          .welcome = {.version = PROTOCOL_VERSION,
                                      .uid = *uid,
                                      .heartbeat_ms = 250,
                                      .liveness_ms = 10000}});
}

/* In the first epoch, with everything said that is to be said. */
static inline void begin_in_epoch_1(bool ordered, bool journal)
{
    begin(ordered, journal);
    tick_after(0);
    welcome(&ventilator);
    tick_after(2000);
    if (journal) {
        expect("CONNECT HELLO PING COMMIT(1)");
        sink_session_on_committed(sink, 1);
        tick_after(2000);
        expect("BEGIN PROGRESS(0)");
    } else {
        expect("CONNECT HELLO PING BEGIN PROGRESS(0)");
    }
}

static const struct id worker = {{0xA0}};

/* Valid until the next call. */
static inline struct slice mark_of(uint64_t seq)
{
    static uint8_t mark[1 + MARK_SEAL_BYTES];
    return (struct slice){mark, mark_seal(mark, 1, seq)};
}

static inline bool offer(const struct id *from_run, uint64_t epoch, uint64_t seq)
{
    struct result_entry entry = {
        .seq = seq, .attempt = 1, .length = 10, .mark = mark_of(seq)};
    return sink_session_on_result(sink, from_run, epoch, &worker, &entry, &cargo[seq]);
}

static inline void take(uint64_t seq)
{
    cr_assert(offer(&run, 1, seq));
}

static inline void hear_end(uint64_t total)
{
    hear((struct message){.type = MESSAGE_END, .end = {.epoch = 1, .total = total}});
}

#endif
