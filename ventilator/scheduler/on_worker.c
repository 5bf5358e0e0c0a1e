/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/on_worker.h"

#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/ending.h"
#include "ventilator/scheduler/failures.h"
#include "ventilator/scheduler/sessions.h"
#include "ventilator/scheduler/standing.h"

/* The attempt that it names, if the session has it: no other, no older one. */
static struct attempt *find_attempt(const struct dispatch *dispatch,
                                    const struct worker_session *session, uint64_t seq,
                                    uint32_t number)
{
    struct attempt *attempt =
        task_attempt_at(task_table_find(&dispatch->table, seq), session);
    return attempt && attempt->number == number ? attempt : NULL;
}

/* ---- DONE ---- */

/* The time of a task that was not run time is its way there and back, unless it waited
 * for a slot. */
static void measure(struct dispatch *dispatch, struct worker_session *session,
                    const struct journey *journey, uint64_t run_us, int64_t now_us)
{
    uint64_t all_us = (uint64_t)(now_us - journey->sent_us);
    int64_t trip_us = run_us < all_us ? (int64_t)(all_us - run_us) : 0;
    bool came_late = journey->missing_us &&
                     journey->sent_us + trip_us > journey->missing_us;
    if (journey->attempt == 1 && journey->sent_us && (journey->at_once || came_late))
        worker_session_measure_trip(session, trip_us);
    worker_session_measure(session, run_us, journey->length);
    run_times_add(&dispatch->run_times, run_us);
    if (dispatch->config.block_auto)
        chunk_sizer_add(&dispatch->chunk_sizer, run_us, journey->length,
                        journey->records);
}

static void note_run(struct dispatch *dispatch, const struct worker_session *session,
                     uint64_t seq, uint64_t run_us, bool well, int64_t now_us)
{
    struct task_run run = {.ended_us = now_us,
                           .run_us = run_us,
                           .worker = session->worker->number,
                           .well = well};
    completions_on_run(&dispatch->completions, seq, &run);
}

static void on_done(struct dispatch *dispatch, struct worker_session *session,
                    const struct done_entry *entry, int64_t now_us)
{
    struct attempt *attempt =
        find_attempt(dispatch, session, entry->seq, entry->attempt);
    if (dispatch->config.tells_completions && (!attempt || !attempt->probe))
        note_run(dispatch, session, entry->seq, entry->run_us, true, now_us);
    struct journey journey;
    drain_state_on_done(&session->worker->drain, entry, attempt && !attempt->done);
    if (!attempt &&
        worker_session_take_journey(session, entry->seq, entry->attempt, &journey))
        measure(dispatch, session, &journey, entry->run_us, now_us);
    if (!attempt || attempt->done)
        return;
    standing_on_started(dispatch, session);
    dispatch->counts.done++;
    if (attempt->probe) {
        attempts_end_probe(dispatch, attempt);
        return;
    }
    attempts_on_done(attempt, now_us);
    if (attempt->isolates)
        return; /* it ran in parts, and some of them again; some may have failed */
    standing_on_done(dispatch, session->worker, attempt->task);
    journey = journey_of(attempt);
    measure(dispatch, session, &journey, entry->run_us, now_us);
}

/* ---- FAILED, RETURNED ---- */

/* It handed the attempt back, whatever it has done of it. */
static void take_back(struct dispatch *dispatch, struct attempt *attempt)
{
    struct task *task = attempt->task;
    standing_on_move(attempt->session);
    attempts_close(attempt);
    task->returned = true;
    attempts_requeue(dispatch, task);
}

/* It cannot read the chunk where it is: nobody's fault, and so nobody is charged. This
 * task goes by value from now on, and so does whatever this worker gets. */
static void on_reference_refused(struct dispatch *dispatch, struct attempt *attempt)
{
    attempt->session->worker->references = REFERENCE_NONE;
    attempt->task->by_value = true;
    take_back(dispatch, attempt);
}

static void on_failed(struct dispatch *dispatch, struct worker_session *session,
                      const struct message *message, int64_t now_us)
{
    struct attempt *attempt =
        find_attempt(dispatch, session, message->failed.seq, message->failed.attempt);
    enum failure cause = message->failed.cause;
    if (!attempt)
        return;
    if (cause == FAILURE_REFERENCE && !attempt->by_value) {
        on_reference_refused(dispatch, attempt);
        return;
    }
    if (cause == FAILURE_REFERENCE) /* it was given the chunk, and no reference */
        cause = FAILURE_PROTOCOL;
    standing_on_started(dispatch, session);
    note_run(dispatch, session, message->failed.seq, message->failed.run_us, false,
             now_us);
    failures_on_failed(dispatch, attempt, cause, message->failed.code,
                       message->failed.text, now_us);
}

static void on_returned(struct dispatch *dispatch, struct worker_session *session,
                        const struct attempt_entry *entry)
{
    struct attempt *attempt =
        find_attempt(dispatch, session, entry->seq, entry->attempt);
    if (!attempt)
        return;
    dispatch->counts.returned++;
    take_back(dispatch, attempt);
}

/* ---- PING ---- */

/* A worker with a free slot starts what it has: the oldest attempt that does not run is
 * still on its way. (A retry starts later.) */
static void note_missing(struct worker_session *session, uint32_t running,
                         int64_t now_us)
{
    struct attempt *attempt = TAILQ_FIRST(&session->in_flight);
    while (attempt && attempt->running)
        attempt = TAILQ_NEXT(attempt, of_session);
    if (!attempt || running >= session->slots) {
        session->stuck_us = 0;
        return;
    }
    attempt->missing_us = now_us;
    if (!session->stuck_us)
        session->stuck_us = now_us;
}

static void on_ping(struct dispatch *dispatch, struct worker_session *session,
                    const struct message *message, int64_t now_us)
{
    if (session->link == LINK_OPEN && message->ping.link == LINK_SHUT)
        session->shut_us = now_us;
    session->link = message->ping.link;
    session->leaving = message->ping.leaving;
    if (!session->answered)
        worker_session_measure_trip(session, now_us - session->welcomed_us);
    session->answered = true;
    struct attempt *attempt;
    TAILQ_FOREACH (attempt, &session->in_flight, of_session)
        attempt->was_running = attempt->running, attempt->running = false;
    uint32_t running = 0;
    for (uint32_t i = 0; i < message->ping.count; i++) {
        attempt = find_attempt(dispatch, session, message->ping.running[i].seq,
                               message->ping.running[i].attempt);
        if (!attempt || attempt->done)
            continue;
        attempt->running = true;
        running++;
        if (!attempt->was_running) {
            attempt->running_us = now_us;
            standing_on_started(dispatch, session);
        }
    }
    session->running = running;
    worker_session_touch(session);
    worker_pool_on_running(&dispatch->pool, session, running);
    note_missing(session, message->ping.count, now_us);
}

/* ---- all of them ---- */

/* The session that the message bears; 0 for types that bear none. */
static uint64_t session_of(const struct message *message)
{
    switch ((int)message->type) {
    case MESSAGE_DONE:
        return message->done.session;
    case MESSAGE_FAILED:
        return message->failed.session;
    case MESSAGE_RETURNED:
        return message->returned.session;
    case MESSAGE_PING:
        return message->ping.session;
    case MESSAGE_GOODBYE:
        return message->goodbye.session;
    case MESSAGE_DRAINED:
        return message->drained.session;
    case MESSAGE_DOUBT:
        return message->doubt.session;
    default:
        return 0;
    }
}

void on_worker_message(struct dispatch *dispatch, struct worker_session *session,
                       const struct message *message, int64_t now_us)
{
    session->heard_us = now_us;
    if (message->type == MESSAGE_PING)
        push_action(dispatch, DISPATCH_PONG, session->peer);
    if (session_of(message) != session->number)
        return; /* of an older session: the worker's HELLO has said it all */
    switch ((int)message->type) {
    case MESSAGE_DONE:
        for (uint32_t i = 0; i < message->done.count; i++)
            on_done(dispatch, session, &message->done.entries[i], now_us);
        break;
    case MESSAGE_FAILED:
        on_failed(dispatch, session, message, now_us);
        break;
    case MESSAGE_RETURNED:
        for (uint32_t i = 0; i < message->returned.count; i++)
            on_returned(dispatch, session, &message->returned.entries[i]);
        break;
    case MESSAGE_PING:
        on_ping(dispatch, session, message, now_us);
        break;
    case MESSAGE_DRAINED:
        drain_state_on_drained(&session->worker->drain);
        break;
    case MESSAGE_DOUBT:
        ending_on_doubt(dispatch, session->worker, message, now_us);
        break;
    case MESSAGE_GOODBYE:
        ending_on_goodbye(dispatch, session->worker, now_us);
        push_action(dispatch, DISPATCH_FAREWELL, session->peer);
        sessions_drop(dispatch, session, false, now_us);
        break;
    default:
        break;
    }
}
