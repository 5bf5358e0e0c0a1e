/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/attempts.h"

#include "common/memory.h"
#include <stdlib.h>

struct dispatch_action *push_action(struct dispatch *dispatch,
                                    enum dispatch_action_kind kind, uint32_t peer)
{
    struct dispatch_action *action = ring_push(&dispatch->actions);
    *action = (struct dispatch_action){.kind = kind, .peer = peer};
    return action;
}

struct dispatch_action *push_attempt_action(struct dispatch *dispatch,
                                            enum dispatch_action_kind kind,
                                            const struct worker_session *session,
                                            uint64_t seq, uint32_t attempt)
{
    struct dispatch_action *action = ring_push(&dispatch->actions);
    *action = (struct dispatch_action){.kind = kind,
                                       .peer = session->peer,
                                       .session = session->number,
                                       .seq = seq,
                                       .attempt = attempt,
                                       .compressions = session->worker->compressions};
    return action;
}

struct attempt *attempts_add(const struct attempt *attempt)
{
    struct attempt *added = allocate(sizeof *added);
    struct worker_session *session = attempt->session;
    *added = *attempt;
    LIST_INSERT_HEAD(&added->task->open, added, of_task);
    session->idle_us = 0;
    if (added->done) {
        TAILQ_INSERT_TAIL(&session->done, added, of_session);
        session->done_count++;
    } else {
        TAILQ_INSERT_TAIL(&session->in_flight, added, of_session);
        session->in_flight_count++;
        session->running += added->running;
    }
    worker_session_touch(session);
    return added;
}

static void end_flight(struct attempt *attempt)
{
    struct worker_session *session = attempt->session;
    TAILQ_REMOVE(&session->in_flight, attempt, of_session);
    session->in_flight_count--;
    session->running -= attempt->running;
    session->recalled -= attempt->recalled;
    worker_session_touch(session);
}

void attempts_on_done(struct attempt *attempt, int64_t now_us)
{
    struct worker_session *session = attempt->session;
    end_flight(attempt);
    TAILQ_INSERT_TAIL(&session->done, attempt, of_session);
    session->done_count++;
    attempt->done = true;
    attempt->running = false;
    attempt->done_us = now_us;
}

void attempts_close(struct attempt *attempt)
{
    struct worker_session *session = attempt->session;
    LIST_REMOVE(attempt, of_task);
    if (attempt->done) {
        TAILQ_REMOVE(&session->done, attempt, of_session);
        session->done_count--;
        worker_session_touch(session);
    } else
        end_flight(attempt);
    free(attempt);
}

void attempts_recall(struct dispatch *dispatch, struct attempt *attempt)
{
    struct worker_session *session = attempt->session;
    attempt->recalled = true; /* once: a second time would say nothing new */
    session->recalled++;
    worker_session_touch(session);
    push_attempt_action(dispatch, DISPATCH_FORGET, session, attempt->task->seq,
                        attempt->number)
        ->only_queued = true;
}

void attempts_forget(struct dispatch *dispatch, struct attempt *attempt)
{
    push_attempt_action(dispatch, DISPATCH_FORGET, attempt->session, attempt->task->seq,
                        attempt->number);
    attempts_close(attempt);
}

void attempts_end_probe(struct dispatch *dispatch, struct attempt *attempt)
{
    struct task *task = attempt->task;
    if (task->bisect && task->bisect->attempt == attempt->number)
        crash_bisect_on_survived(task->bisect);
    attempts_forget(dispatch, attempt);
    attempts_requeue(dispatch, task);
}

bool attempts_in_good_hands(const struct task *task)
{
    const struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (worker_session_is_trusted(attempt->session))
            return true;
    return false;
}

void attempts_requeue(struct dispatch *dispatch, struct task *task)
{
    if (task_is_wanted(task) && !attempts_in_good_hands(task))
        task_table_requeue(&dispatch->table, task);
}
