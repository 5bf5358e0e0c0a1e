/* SPDX-License-Identifier: MIT */
/*
 * Who gets what: retries before new tasks, lowest seq first, to the worker with the
 * most room, within the window. Rules 7, 8 and 9 of DESIGN.
 */
#include "common/clock.h"
#include "common/memory.h"
#include "ventilator/dispatch_state.h"

#include <stdlib.h>

enum { CALL_BACK_US = 20000 }; /* between looks at what could be called back */

bool dispatch_may_send(const struct dispatch *dispatch)
{
    return dispatch->epoch && !dispatch->stopping && !dispatch->over &&
           dispatch->crew_complete;
}

/* Less loaded: an idle slot first, then fewer tasks a slot. */
static bool better(const struct crew_session *a, const struct crew_session *b)
{
    return !b ||
           (uint64_t)a->owed_count * b->slots < (uint64_t)b->owed_count * a->slots;
}

/* What may take its worker down takes everything there with it, and whoever is lost
 * together with the guilty would be charged as well: so it runs with nothing beside it.
 */
static bool runs_alone(const struct task *task)
{
    enum { LOSSES_BY_CHANCE = 1 };
    return task && (task->search || task->losses > LOSSES_BY_CHANCE);
}

static bool may_take(const struct dispatch *dispatch,
                     const struct crew_session *session, uint64_t seq)
{
    bool fits = runs_alone(book_find(&dispatch->book, seq)) ? session->owed_count == 0
                                                            : session != dispatch->kept;
    return fits && crew_places(&dispatch->crew, session, dispatch_window(dispatch)) &&
           !book_attempt(&dispatch->book, seq, session);
}

/* The last try of a task is not for the worker that failed it last, which may be what
 * is wrong: where another serves, the task waits for a place there. */
static bool is_for_another(const struct dispatch *dispatch, uint64_t seq)
{
    const struct task *task = book_find(&dispatch->book, seq);
    uint32_t tries = dispatch->config.retries;
    if (!task || !task->fails || task->fails + 1 != tries || runs_alone(task))
        return false;
    for (uint32_t i = 0; i < dispatch->crew.count; i++) {
        const struct crew_session *session = dispatch->crew.sessions[i];
        if (session->worker->number != task->failed_by && crew_serves(session))
            return true;
    }
    return false;
}

/* The best worker that has room, and does not have this task already; NULL: none. One
 * that has not just failed it is preferred. */
static struct crew_session *choose(const struct dispatch *dispatch, uint64_t seq,
                                   uint32_t not_this)
{
    struct crew_session *best = NULL, *other = NULL;
    for (uint32_t i = 0; i < dispatch->crew.count; i++) {
        struct crew_session *session = dispatch->crew.sessions[i];
        if (!may_take(dispatch, session, seq))
            continue;
        if (better(session, best))
            best = session;
        if (session->worker->number != not_this && better(session, other))
            other = session;
    }
    return other || (best && is_for_another(dispatch, seq)) ? other : best;
}

void dispatch_give(struct dispatch *dispatch, uint64_t seq,
                   struct crew_session *session)
{
    struct task *task = book_find(&dispatch->book, seq);
    struct attempt *attempt = allocate_zeroed(1, sizeof *attempt);
    attempt->isolates = dispatch_isolates(dispatch, task);
    attempt->limit_ms = dispatch_limit_ms(dispatch, task->length);
    attempt->sent_us = dispatch->now_us;
    attempt->at_once = crew_idle(session);
    attempt->session = session;
    attempt->seq = seq;
    attempt->number = ++task->attempts;
    attempt->alone = runs_alone(task);
    if (task->search) {
        attempt->probe = search_probes(task->search);
        task->search->attempt = attempt->number;
    }
    LIST_INSERT_HEAD(&task->open, attempt, of_task);
    TAILQ_INSERT_TAIL(&session->owed, attempt, of_session);
    session->owed_count++;
    task->state = TASK_OUT;
    dispatch->counts.sent++;
    dispatch->counts.retried += attempt->number > 1 && !task->handed_back;
    task->handed_back = false;
    struct dispatch_action *action = dispatch_act(
        dispatch, attempt->isolates ? DISPATCH_ISOLATE : DISPATCH_TASK, session->peer);
    action->session = session->number;
    action->seq = seq;
    action->attempt = attempt->number;
    action->limit_ms = attempt->limit_ms;
}

static uint64_t window_end(const struct dispatch *dispatch)
{
    return dispatch->released + dispatch_window(dispatch);
}

/* Tasks that were sent before; those that nobody can take now are listed again. */
static void pump_again(struct dispatch *dispatch)
{
    struct book *book = &dispatch->book;
    uint64_t *aside = NULL, seq;
    size_t count = 0;
    size_t most = book->again_count;
    while (most-- && book_take_again(book, &seq)) {
        struct crew_session *session =
            seq < window_end(dispatch)
                ? choose(dispatch, seq, book_find(book, seq)->failed_by)
                : NULL;
        if (session) {
            dispatch_give(dispatch, seq, session);
            continue;
        }
        if (runs_alone(book_find(book, seq)) && !dispatch->kept)
            dispatch->kept = choose(dispatch, book->cut, 0);
        aside = reallocate(aside, count + 1, sizeof *aside);
        aside[count++] = seq;
        if (!choose(dispatch, book->cut, 0))
            break; /* no place anywhere */
    }
    while (count)
        book_requeue(book, aside[--count]);
    free(aside);
}

/* New tasks, in runs: neighbours travel in one message. */
static void pump_fresh(struct dispatch *dispatch)
{
    struct book *book = &dispatch->book;
    uint32_t window = dispatch_window(dispatch);
    uint64_t end = book->cut < window_end(dispatch) ? book->cut : window_end(dispatch);
    while (book->fresh < end) {
        struct crew_session *session = choose(dispatch, book->fresh, 0);
        if (!session)
            return;
        uint32_t run = crew_idle(session)
                           ? session->slots - session->owed_count
                           : (crew_places(&dispatch->crew, session, window) + 1) / 2;
        while (run-- && book->fresh < end &&
               crew_places(&dispatch->crew, session, window)) {
            uint64_t seq = book->fresh++;
            struct task *task = book_find(book, seq);
            if (task->state != TASK_QUEUED)
                continue;
            if (!dispatch->config.keeps_bytes)
                dispatch->bytes -= task->length;
            dispatch_give(dispatch, seq, session);
        }
    }
}

void dispatch_pump(struct dispatch *dispatch)
{
    if (!dispatch_may_send(dispatch))
        return;
    dispatch->kept = NULL;
    pump_again(dispatch);
    if (!dispatch->draining)
        pump_fresh(dispatch);
}

/* It has a slot without anything to do, and is not kept for a task that runs alone. */
static bool is_idle(const struct dispatch *dispatch, const struct crew_session *session)
{
    return session != dispatch->kept && crew_idle(session) &&
           crew_places(&dispatch->crew, session, dispatch_window(dispatch));
}

/* One that has just failed the task does not get it from one that has not. */
struct crew_session *dispatch_idle_for(const struct dispatch *dispatch,
                                       const struct attempt *attempt)
{
    uint32_t not_this = book_find(&dispatch->book, attempt->seq)->failed_by;
    bool elsewhere = attempt->session->worker->number != not_this;
    for (uint32_t i = 0; i < dispatch->crew.count; i++) {
        struct crew_session *session = dispatch->crew.sessions[i];
        if (session != attempt->session && is_idle(dispatch, session) &&
            may_take(dispatch, session, attempt->seq) &&
            !(elsewhere && session->worker->number == not_this))
            return session;
    }
    return NULL;
}

static uint32_t count_running(const struct crew_session *session)
{
    uint32_t count = 0;
    const struct attempt *attempt;
    TAILQ_FOREACH (attempt, &session->owed, of_session)
        count += attempt->running;
    return count;
}

static bool some_idle(const struct dispatch *dispatch)
{
    for (uint32_t i = 0; i < dispatch->crew.count; i++)
        if (is_idle(dispatch, dispatch->crew.sessions[i]))
            return true;
    return false;
}

/* Marks the sessions where tasks wait behind running ones: these fill all slots, and
 * there are more. False: there is none. */
static bool mark_crowded(const struct dispatch *dispatch)
{
    bool any = false;
    for (uint32_t i = 0; i < dispatch->crew.count; i++) {
        struct crew_session *session = dispatch->crew.sessions[i];
        session->crowded = session->owed_count > session->slots &&
                           count_running(session) >= session->slots;
        any |= session->crowded;
    }
    return any;
}

/* Slots that have nothing to do, less what was called back for them already. */
static uint32_t count_idle(const struct dispatch *dispatch)
{
    uint32_t idle = 0, called = 0;
    for (uint32_t i = 0; i < dispatch->crew.count; i++) {
        const struct crew_session *session = dispatch->crew.sessions[i];
        const struct attempt *attempt;
        if (is_idle(dispatch, session))
            idle += session->slots - session->owed_count;
        TAILQ_FOREACH (attempt, &session->owed, of_session)
            called += attempt->called_back;
    }
    return idle > called ? idle - called : 0;
}

static struct attempt *find_waiting(const struct task *task)
{
    struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (!attempt->done && !attempt->running && !attempt->called_back &&
            attempt->session->crowded)
            return attempt;
    return NULL;
}

static void call_back(struct dispatch *dispatch, struct attempt *attempt)
{
    attempt->called_back = true; /* once: a second time would say nothing new */
    struct dispatch_action *action =
        dispatch_act(dispatch, DISPATCH_FORGET, attempt->session->peer);
    action->session = attempt->session->number;
    action->seq = attempt->seq;
    action->attempt = attempt->number;
    action->only_queued = true;
}

/* After dispatch_pump: a slot that is free now is one that there is nothing else for.
 */
int64_t dispatch_call_back(struct dispatch *dispatch)
{
    const struct book *book = &dispatch->book;
    if (!dispatch_may_send(dispatch) || !some_idle(dispatch))
        return NEVER_US;
    if (dispatch->now_us < dispatch->call_us)
        return dispatch->call_us;
    dispatch->call_us = dispatch->now_us + CALL_BACK_US;
    uint32_t idle = mark_crowded(dispatch) ? count_idle(dispatch) : 0;
    for (uint64_t seq = dispatch->released; idle > 0 && seq < book->fresh; seq++) {
        const struct task *task = book_find(book, seq);
        struct attempt *attempt = task && task->state == TASK_OUT ? find_waiting(task)
                                                                  : NULL;
        if (!attempt || !dispatch_idle_for(dispatch, attempt))
            continue;
        call_back(dispatch, attempt);
        idle--;
    }
    return NEVER_US;
}
