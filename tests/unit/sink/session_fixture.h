/* SPDX-License-Identifier: MIT */
/*
 * What tests of the sink's core share. What it does is read as a line: "CONNECT HELLO
 * PING".
 */
#ifndef FANFOLD_TESTS_SESSION_FIXTURE_H
#define FANFOLD_TESTS_SESSION_FIXTURE_H

#include "common/clock.h"
#include "common/exit_status.h"
#include "sink/session.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

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

static inline void append_action(char *line, size_t size,
                                 const struct sink_action *action)
{
    static const char *const names[] = {
        [SINK_CONNECT] = "CONNECT", [SINK_HELLO] = "HELLO",   [SINK_BEGIN] = "BEGIN",
        [SINK_PING] = "PING",       [SINK_PROGRESS] = NULL,   [SINK_WRITE] = "WRITE",
        [SINK_DROP] = "DROP",       [SINK_COMMIT] = "COMMIT", [SINK_FINISHED] = NULL,
        [SINK_LEAVE] = "LEAVE",
    };
    size_t used = strlen(line);
    const char *gap = used ? " " : "";
    if (action->kind == SINK_WRITE)
        snprintf(line + used, size - used, "%sWRITE(%d)", gap, (int)action->seq);
    else if (action->kind == SINK_COMMIT)
        snprintf(line + used, size - used, "%sCOMMIT(%d)", gap, (int)action->ticket);
    else if (action->kind == SINK_FINISHED)
        snprintf(line + used, size - used, "%sFINISHED(%d)", gap,
                 sink_session_verdict(sink).status);
    else if (action->kind == SINK_PROGRESS)
        snprintf(line + used, size - used, "%sPROGRESS(%d)", gap,
                 (int)sink_session_progress(sink).released);
    else
        snprintf(line + used, size - used, "%s%s", gap, names[action->kind]);
}

/* All that it has to do now. */
static inline void expect(const char *expected)
{
    char line[1000] = "";
    struct sink_action action;
    while (sink_session_next(sink, &action))
        append_action(line, sizeof line, &action);
    cr_assert_str_eq(line, expected);
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
    hear((struct message){
        .type = MESSAGE_WELCOME,
        .welcome = {.uid = *uid, .heartbeat_ms = 250, .liveness_ms = 10000}});
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
        sink_session_on_committed(sink, 1, now_us);
        tick_after(2000);
        expect("BEGIN PROGRESS(0)");
    } else {
        expect("CONNECT HELLO PING BEGIN PROGRESS(0)");
    }
}

static inline bool offer(const struct id *from_run, uint64_t epoch, uint64_t seq)
{
    struct result_entry entry = {.seq = seq, .attempt = 1, .length = 10};
    return sink_session_on_result(sink, from_run, epoch, &entry, &cargo[seq]);
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
