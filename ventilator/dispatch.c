/* SPDX-License-Identifier: MIT */
/*
 * The dispatch core: its life, its time and its end. What the sink says is in
 * dispatch_sink.c, what workers say in dispatch_workers.c, who gets what in
 * dispatch_pump.c, what is cut in dispatch_cut.c.
 *
 *     waiting
 *       | BEGIN
 *     running -- input_end, END --> ending -- FINISHED --> over -- all left --> gone
 *       |                                                   |
 *       +- stop, END (stopped) --> stopping ----------------+
 *                                    FINISHED, or no sink
 */
#include "ventilator/dispatch.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "ventilator/dispatch_state.h"

#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_DEFAULT = 4096,
    WINDOW_A_SLOT = 4,
    HEARTBEAT_MS = 250,
    HEARTBEAT_SESSIONS =
        1000, /* from here on the heartbeat slows down with the number of workers */
    ENDING_US = 5000, /* between looks at who is still there at the end */
    PATIENCE_S = 300,
};

struct dispatch_action *dispatch_act(struct dispatch *dispatch,
                                     enum dispatch_action_kind kind, uint32_t peer)
{
    struct dispatch_action *action = queue_push(&dispatch->actions);
    *action = (struct dispatch_action){.kind = kind, .peer = peer};
    return action;
}

struct dispatch *dispatch_new(const struct dispatch_config *config, int64_t now_us)
{
    struct dispatch *dispatch = allocate_zeroed(1, sizeof *dispatch);
    dispatch->config = *config;
    if (!dispatch->config.min_workers)
        dispatch->config.min_workers = 1;
    dispatch->alone_us = now_us;
    dispatch->mind_us = dispatch->now_us = now_us;
    dispatch->block_bytes = config->block_bytes;
    queue_init(&dispatch->actions, sizeof(struct dispatch_action));
    queue_init(&dispatch->ends, sizeof(struct dispatch_end));
    book_init(&dispatch->book);
    crew_init(&dispatch->crew);
    return dispatch;
}

void dispatch_destroy(struct dispatch **dispatch_p)
{
    struct dispatch *dispatch = *dispatch_p;
    if (!dispatch)
        return;
    while (dispatch->crew.count)
        dispatch_drop(dispatch, dispatch->crew.sessions[dispatch->crew.count - 1],
                      false, 0);
    dispatch_drop_ends(dispatch);
    crew_deinit(&dispatch->crew);
    book_deinit(&dispatch->book);
    queue_deinit(&dispatch->actions);
    free(dispatch->held);
    free(dispatch->except);
    free(dispatch->charges);
    free(dispatch);
    *dispatch_p = NULL;
}

uint32_t dispatch_window(const struct dispatch *dispatch)
{
    if (dispatch->config.window)
        return dispatch->config.window;
    uint64_t slots = (uint64_t)dispatch->crew.slots * WINDOW_A_SLOT;
    if (slots > WINDOW_MAX)
        return WINDOW_MAX;
    return slots > WINDOW_DEFAULT ? (uint32_t)slots : WINDOW_DEFAULT;
}

uint32_t dispatch_heartbeat_ms(const struct dispatch *dispatch)
{
    uint32_t sessions = dispatch->crew.count;
    if (sessions <= HEARTBEAT_SESSIONS)
        return HEARTBEAT_MS;
    return (uint32_t)((uint64_t)HEARTBEAT_MS * sessions / HEARTBEAT_SESSIONS);
}

/* ---- events ---- */

static bool is_sink(const struct dispatch *dispatch, uint32_t peer)
{
    return dispatch->sink.here && dispatch->sink.said.peer == peer;
}

static void reject(struct dispatch *dispatch, uint32_t peer, enum reject reason)
{
    dispatch_act(dispatch, DISPATCH_REJECT, peer)->reason = reason;
}

static void on_hello(struct dispatch *dispatch, uint32_t peer,
                     const struct message *message, int64_t now_us)
{
    bool worker = message->type == MESSAGE_HELLO_WORKER;
    uint32_t version = worker ? message->hello_worker.version
                              : message->hello_sink.version;
    if (version != PROTOCOL_VERSION)
        reject(dispatch, peer, REJECT_VERSION);
    else if (worker)
        dispatch_hello_worker(dispatch, peer, message, now_us);
    else
        dispatch_hello_sink(dispatch, peer, message, now_us);
}

bool dispatch_hears(enum message_type type)
{
    switch ((int)type) {
    case MESSAGE_WELCOME:
    case MESSAGE_REJECT:
    case MESSAGE_WHO:
    case MESSAGE_TASK:
    case MESSAGE_FORGET:
    case MESSAGE_RESULT:
    case MESSAGE_SKIP:
    case MESSAGE_END:
    case MESSAGE_STOP:
    case MESSAGE_PONG:
    case MESSAGE_ISOLATE:
        return false;
    default:
        return true;
    }
}

void dispatch_on_message(struct dispatch *dispatch, uint32_t peer,
                         const struct message *message, int64_t now_us)
{
    struct crew_session *session;
    if (!dispatch_hears(message->type))
        reject(dispatch, peer, REJECT_MALFORMED);
    else if (message->type == MESSAGE_HELLO_WORKER ||
             message->type == MESSAGE_HELLO_SINK)
        on_hello(dispatch, peer, message, now_us);
    else if (is_sink(dispatch, peer))
        dispatch_on_sink_message(dispatch, message, now_us);
    else if ((session = crew_find(&dispatch->crew, peer)))
        dispatch_on_worker_message(dispatch, session, message, now_us);
    else if (message->type != MESSAGE_GOODBYE)
        dispatch_act(dispatch, DISPATCH_WHO, peer);
}

void dispatch_on_malformed(struct dispatch *dispatch, uint32_t peer)
{
    reject(dispatch, peer, REJECT_MALFORMED);
}

void dispatch_on_unreachable(struct dispatch *dispatch, uint32_t peer, int64_t now_us)
{
    if (dispatch->sink.contested && dispatch->sink.contender.peer == peer)
        dispatch->sink.contested = false;
    if (is_sink(dispatch, peer))
        dispatch_sink_gone(dispatch, now_us);
    struct crew_session *session = crew_find(&dispatch->crew, peer);
    if (session)
        dispatch_drop(dispatch, session, true, now_us);
    for (uint32_t i = 0; i < dispatch->held_count; i++)
        if (dispatch->held[i].peer == peer)
            dispatch->held[i--] = dispatch->held[--dispatch->held_count];
}

/* ---- the input ---- */

void dispatch_on_input_end(struct dispatch *dispatch)
{
    dispatch->input_ended = true;
}

void dispatch_on_input_failure(struct dispatch *dispatch, int status, const char *text)
{
    if (dispatch->input_ended || dispatch->input_failed)
        return;
    dispatch->input_failed = true;
    dispatch->failed = (struct verdict){.outcome = OUTCOME_STOPPED, .status = status};
    snprintf(dispatch->failed.text, sizeof dispatch->failed.text, "%s", text);
}

void dispatch_on_header(struct dispatch *dispatch, int64_t now_us)
{
    dispatch->config.awaits_header = false;
    if (!dispatch->over)
        dispatch_welcome_held(dispatch, now_us);
}

/* ---- the end ---- */

void dispatch_stop(struct dispatch *dispatch, enum outcome outcome, int status,
                   const char *text, int64_t now_us)
{
    if (dispatch->stopping || dispatch->over)
        return;
    dispatch->stopping = true;
    dispatch->stopping_us = now_us;
    dispatch->sink.end_sent = false;
    dispatch->verdict.outcome = outcome;
    dispatch->verdict.status = status;
    snprintf(dispatch->verdict.text, sizeof dispatch->verdict.text, "%s", text);
}

void dispatch_drain(struct dispatch *dispatch, enum outcome outcome, int status,
                    const char *text)
{
    if (dispatch->draining || dispatch->stopping || dispatch->over)
        return;
    dispatch->draining = true;
    dispatch->drained = (struct verdict){.outcome = outcome, .status = status};
    snprintf(dispatch->drained.text, sizeof dispatch->drained.text, "%s", text);
}

/* Everything before `end` is held. */
static bool is_held_until(const struct dispatch *dispatch, uint64_t end)
{
    for (uint64_t seq = dispatch->released; seq < end; seq++)
        if (book_find(&dispatch->book, seq)->state != TASK_HELD)
            return false;
    return true;
}

/* What came before the failure of the input is worked on and written. */
static void mind_input_failure(struct dispatch *dispatch, int64_t now_us)
{
    if (dispatch->input_failed && !dispatch->stopping &&
        is_held_until(dispatch, dispatch->book.cut))
        dispatch_stop(dispatch, dispatch->failed.outcome, dispatch->failed.status,
                      dispatch->failed.text, now_us);
}

/* An input that has been given out to its end is simply done. */
static void mind_draining(struct dispatch *dispatch, int64_t now_us)
{
    const struct book *book = &dispatch->book;
    if (!dispatch->draining || dispatch->stopping ||
        (dispatch->epoch && !is_held_until(dispatch, book->fresh)))
        return;
    if (dispatch->input_ended && book->fresh == book->cut)
        return;
    dispatch_stop(dispatch, dispatch->drained.outcome, dispatch->drained.status,
                  dispatch->drained.text, now_us);
}

void dispatch_give_up_run(struct dispatch *dispatch, const char *text, int64_t now_us)
{
    dispatch_stop(dispatch, OUTCOME_STOPPED, STATUS_PEER, text, now_us);
    dispatch_finish(dispatch, now_us);
}

/* Nothing more is to be said or heard. */
static void go(struct dispatch *dispatch)
{
    dispatch->gone = true;
    dispatch_tell_rest(dispatch);
    dispatch_act(dispatch, DISPATCH_OVER, 0);
}

void dispatch_leave(struct dispatch *dispatch, const char *text, int64_t now_us)
{
    dispatch_stop(dispatch, OUTCOME_STOPPED, STATUS_PEER, text, now_us);
    dispatch->over = true;
    dispatch->over_us = now_us;
    go(dispatch);
}

void dispatch_finish(struct dispatch *dispatch, int64_t now_us)
{
    if (!dispatch->over) {
        dispatch->over = true;
        dispatch->over_us = now_us;
        dispatch->mind_us = now_us + ENDING_US;
        for (uint32_t i = 0; i < dispatch->crew.count; i++)
            dispatch_act(dispatch, DISPATCH_STOP, dispatch->crew.sessions[i]->peer);
        for (uint32_t i = 0; i < dispatch->held_count; i++)
            dispatch_act(dispatch, DISPATCH_STOP, dispatch->held[i].peer);
        dispatch->held_count = 0;
    }
    if (dispatch->sink.here)
        dispatch_act(dispatch, DISPATCH_GOODBYE, dispatch->sink.said.peer);
}

static void tell_end(struct dispatch *dispatch)
{
    struct sink_link *sink = &dispatch->sink;
    if (!sink->begun || sink->end_sent ||
        !(dispatch->input_ended || dispatch->stopping))
        return;
    sink->end_sent = true;
    dispatch->end_told |= !dispatch->stopping;
    dispatch_act(dispatch, DISPATCH_END, sink->said.peer)->seq = dispatch->book.cut;
}

/* A run that is stopped waits for the sink to finish, if there is one that can: also
 * for one whose connection broke just now, as it connects anew. */
static void mind_stopping(struct dispatch *dispatch, int64_t now_us)
{
    if (!dispatch->stopping || dispatch->over)
        return;
    if (!dispatch->epoch ||
        now_us - dispatch->sink.heard_us > dispatch->config.liveness_us ||
        now_us - dispatch->stopping_us > 2 * dispatch->config.liveness_us)
        dispatch_finish(dispatch, now_us);
}

/* At the end: who is still there shows when it is spoken to. */
static void mind_over(struct dispatch *dispatch, int64_t now_us)
{
    bool late = now_us - dispatch->over_us > 2 * dispatch->config.liveness_us;
    bool empty = !dispatch->crew.count && !dispatch->sink.here;
    if (!dispatch->gone && (late || empty))
        go(dispatch);
    if (dispatch->gone || now_us < dispatch->mind_us)
        return;
    dispatch->mind_us = now_us + ENDING_US;
    for (uint32_t i = 0; i < dispatch->crew.count; i++)
        dispatch_act(dispatch, DISPATCH_PONG, dispatch->crew.sessions[i]->peer);
    if (dispatch->sink.here)
        dispatch_act(dispatch, DISPATCH_GOODBYE, dispatch->sink.said.peer);
}

/* ---- time ---- */

static void mind_company(struct dispatch *dispatch, int64_t now_us)
{
    bool sink = dispatch->sink.here &&
                now_us - dispatch->sink.heard_us <= dispatch->config.liveness_us;
    bool workers = dispatch->crew.count || dispatch->held_count;
    if (sink && workers) {
        dispatch->had_company = true;
        dispatch->alone_us = NEVER_US;
        return;
    }
    if (dispatch->alone_us == NEVER_US)
        dispatch->alone_us = now_us;
    int64_t patience_us = dispatch->config.patience_us;
    if (patience_us < 0 && !dispatch->had_company)
        return;
    if (patience_us < 0)
        patience_us = PATIENCE_S * SECOND_US;
    if (now_us - dispatch->alone_us < patience_us)
        return;
    char text[128];
    snprintf(text, sizeof text, "no %s came for %lld s", sink ? "worker" : "sink",
             (long long)(patience_us / SECOND_US));
    dispatch_stop(dispatch, OUTCOME_STOPPED, STATUS_PEER, text, now_us);
}

/* Once a heartbeat: everybody is looked after. */
static void mind(struct dispatch *dispatch, int64_t now_us)
{
    dispatch->mind_us = now_us + (int64_t)dispatch_heartbeat_ms(dispatch) * 1000;
    if (dispatch->sink.here)
        dispatch_act(dispatch, DISPATCH_PONG, dispatch->sink.said.peer);
    dispatch_mind_contender(dispatch, now_us);
    dispatch_mind_sessions(dispatch, now_us);
    dispatch_settle_charges(dispatch, now_us);
    dispatch_settle_ends(dispatch, now_us - dispatch->config.liveness_us);
    dispatch_mind_limits(dispatch, now_us);
    dispatch_speculate(dispatch, now_us);
    mind_company(dispatch, now_us);
}

int64_t dispatch_tick(struct dispatch *dispatch, int64_t now_us)
{
    int64_t call_us = NEVER_US;
    dispatch->now_us = now_us;
    if (!dispatch->over) {
        dispatch->crew_complete |= dispatch->crew.count >= dispatch->config.min_workers;
        if (now_us >= dispatch->mind_us)
            mind(dispatch, now_us);
        dispatch_pump(dispatch);
        mind_input_failure(dispatch, now_us);
        call_us = dispatch_call_back(dispatch);
        mind_draining(dispatch, now_us);
        tell_end(dispatch);
        mind_stopping(dispatch, now_us);
    }
    if (dispatch->over)
        mind_over(dispatch, now_us);
    return call_us < dispatch->mind_us ? call_us : dispatch->mind_us;
}

bool dispatch_next(struct dispatch *dispatch, struct dispatch_action *ret_action)
{
    return queue_pop(&dispatch->actions, ret_action);
}

/* ---- queries ---- */

struct id dispatch_run(const struct dispatch *dispatch)
{
    return dispatch->run;
}

uint64_t dispatch_epoch(const struct dispatch *dispatch)
{
    return dispatch->epoch;
}

uint64_t dispatch_program(const struct dispatch *dispatch)
{
    return dispatch->program;
}

const char *dispatch_endpoint(const struct dispatch *dispatch)
{
    return dispatch->sink.now.endpoint;
}

uint64_t dispatch_max_result(const struct dispatch *dispatch)
{
    return dispatch->sink.now.max_result;
}

struct slice dispatch_mark(const struct dispatch *dispatch)
{
    return (struct slice){.data = dispatch->mark, .size = dispatch->mark_size};
}

struct slice dispatch_input(const struct dispatch *dispatch)
{
    return (struct slice){.data = dispatch->input, .size = dispatch->input_size};
}

struct verdict dispatch_verdict(const struct dispatch *dispatch)
{
    return dispatch->verdict;
}

const struct dispatch_failure *dispatch_failure(const struct dispatch *dispatch)
{
    return dispatch->failure.attempts ? &dispatch->failure : NULL;
}

bool dispatch_begun(const struct dispatch *dispatch)
{
    return dispatch->epoch != 0;
}

static uint32_t busy_slots(const struct dispatch *dispatch)
{
    uint32_t busy = 0;
    for (uint32_t i = 0; i < dispatch->crew.count; i++) {
        const struct crew_session *session = dispatch->crew.sessions[i];
        busy += session->owed_count < session->slots ? session->owed_count
                                                     : session->slots;
    }
    return busy;
}

struct dispatch_counts dispatch_counts(const struct dispatch *dispatch)
{
    struct dispatch_counts counts = dispatch->counts;
    counts.cut = dispatch->book.cut;
    counts.released = dispatch->released;
    counts.committed = dispatch->book.first;
    counts.sessions = dispatch->crew.count;
    counts.slots = dispatch->crew.slots;
    counts.busy = busy_slots(dispatch);
    return counts;
}
