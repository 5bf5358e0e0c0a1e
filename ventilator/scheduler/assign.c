/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/assign.h"

#include "common/clock.h"
#include "common/memory.h"
#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/failures.h"
#include "ventilator/scheduler/limits.h"
#include "ventilator/scheduler/loss_charges.h"
#include "ventilator/scheduler/standing.h"
#include <stdlib.h>

enum {
    RECALL_US = 20000, /* between looks at what could be recalled */
};

bool assign_may_send(const struct dispatch *dispatch)
{
    return dispatch->epoch && dispatch->run.phase < RUN_STOPPING &&
           dispatch->assigning.workers_complete;
}

void assign_note_workers(struct dispatch *dispatch)
{
    dispatch->assigning.workers_complete |= dispatch->pool.count >=
                                            dispatch->config.min_workers;
}

static uint64_t window_end(const struct dispatch *dispatch)
{
    return dispatch->released + dispatch->pool.window;
}

/* ---- to whom ---- */

/* NULL: any new task. */
static bool may_take(const struct dispatch *dispatch,
                     const struct worker_session *session, const struct task *task)
{
    bool fits = task && task_runs_alone(task) ? session->in_flight_count == 0
                                              : session != dispatch->assigning.reserved;
    return fits && worker_pool_credit(&dispatch->pool, session) &&
           !(task && task_attempt_at(task, session));
}

/* A bad host finds all records of a task bad, and they become dead letters. So it is
 * isolated where nothing failed lately; not for long at a worker that has proven
 * nothing. */
static bool is_for_proven(const struct dispatch *dispatch, const struct task *task,
                          const struct worker_health *health)
{
    bool fails = health->failed > 0 || worker_health_in_doubt(health);
    bool waits = fails || (!health->proven && dispatch->now_us < task->patient_us);
    return waits && standing_hopes_well(dispatch, task);
}

/* A task that has failed as often as it may, but not at a worker that could do it, is
 * for such a one alone: others would fail it again and again, and have it whenever that
 * one has room. */
static bool is_for_last_hope(const struct dispatch *dispatch, const struct task *task,
                             const struct known_worker *worker)
{
    uint32_t retries = dispatch->config.retries;
    bool hope = !worker_health_in_doubt(&worker->health) ||
                worker_health_may_do(&worker->health);
    return retries && task->fails >= retries &&
           (!hope || task_failed_at(task, worker)) &&
           standing_hopes_proven(dispatch, task);
}

/* A task that has failed may wait for a worker that could do better: rather than for
 * one in doubt, and its last try rather than for one that has failed it. It does not
 * wait for ever, as that worker may be busy for hours. */
static bool is_for_another(const struct dispatch *dispatch, const struct task *task,
                           const struct known_worker *worker)
{
    uint32_t retries = dispatch->config.retries;
    bool last = retries && task->fails + 1 >= retries;
    if (failures_isolates(dispatch, task) &&
        is_for_proven(dispatch, task, &worker->health))
        return true;
    if (is_for_last_hope(dispatch, task, worker))
        return true;
    if (!worker_health_in_doubt(&worker->health) &&
        !(last && task_failed_at(task, worker)))
        return false;
    return dispatch->now_us < task->patient_us && standing_hopes(dispatch, task);
}

/* Lower is better: one that has failed the task, or never did any and is in doubt,
 * comes last. */
static int rank(const struct worker_session *session, const struct task *task)
{
    const struct worker_health *health = &session->worker->health;
    if (task_failed_at(task, session->worker))
        return 3;
    if (worker_health_in_doubt(health))
        return worker_health_may_do(health) ? 2 : 3;
    return health->failed > 0;
}

static bool is_better(const struct worker_session *a, const struct worker_session *b,
                      const struct task *task)
{
    int rank_a = rank(a, task), rank_b = rank(b, task);
    if (rank_a != rank_b)
        return rank_a < rank_b;
    return (uint64_t)a->in_flight_count * b->slots <
           (uint64_t)b->in_flight_count * a->slots;
}

/* The session that may take the task (NULL: any new one) and suits it best: healthy,
 * and with the fewest tasks a slot; NULL: none. */
static struct worker_session *choose(const struct dispatch *dispatch,
                                     const struct task *task)
{
    bool picky = task && task->failed_at && !task_runs_alone(task);
    struct worker_session *best = NULL;
    for (uint32_t i = 0; i < dispatch->pool.count; i++) {
        struct worker_session *session = dispatch->pool.sessions[i];
        if (may_take(dispatch, session, task) &&
            (!best || is_better(session, best, task)) &&
            !(picky && is_for_another(dispatch, task, session->worker)))
            best = session;
    }
    return best;
}

/* ---- sending ---- */

void assign_task(struct dispatch *dispatch, struct task *task,
                 struct worker_session *session)
{
    bool isolates = failures_isolates(dispatch, task);
    bool by_reference = session->worker->extents && !task->by_value && !isolates;
    struct attempt *attempt = attempts_add(&(struct attempt){
        .session = session,
        .task = task,
        .number = ++task->attempts,
        .by_value = !by_reference,
        .sent_us = dispatch->now_us,
        .at_once = session->in_flight_count < session->slots,
        .limit_ms = limits_ms(dispatch, task->length),
        .isolates = isolates,
        .probe = task->bisect && crash_bisect_probes(task->bisect),
        .alone = task_runs_alone(task),
        .trial = session->rests,
    });
    if (task->bisect)
        task->bisect->attempt = attempt->number;
    task->state = TASK_ASSIGNED;
    dispatch->counts.sent++;
    dispatch->counts.retried += attempt->number > 1 && !task->returned;
    task->returned = false;
    struct dispatch_action *action =
        push_attempt_action(dispatch, isolates ? DISPATCH_ISOLATE : DISPATCH_TASK,
                            session, task->seq, attempt->number);
    action->limit_ms = attempt->limit_ms;
    action->by_reference = by_reference;
}

/* Tasks that were sent before; those that nobody can take now are listed again. One
 * that waits for a charge may stand here from an earlier loss. */
static void assign_retries(struct dispatch *dispatch)
{
    struct task_table *table = &dispatch->table;
    struct task **aside = NULL, *task;
    size_t count = 0, most = table->resend_queue.count;
    while (most-- && (task = task_table_take_resend(table))) {
        if (loss_charges_awaited(dispatch, task))
            continue;
        struct worker_session *session =
            task->seq < window_end(dispatch) ? choose(dispatch, task) : NULL;
        if (session) {
            assign_task(dispatch, task, session);
            continue;
        }
        if (task_runs_alone(task) && !dispatch->assigning.reserved)
            dispatch->assigning.reserved = choose(dispatch, NULL);
        aside = reallocate(aside, count + 1, sizeof *aside);
        aside[count++] = task;
        if (!choose(dispatch, NULL))
            break; /* no credit anywhere */
    }
    while (count)
        task_table_requeue(table, aside[--count]);
    free(aside);
}

/* New tasks, in runs: neighbours travel in one message. */
static void assign_fresh(struct dispatch *dispatch)
{
    struct task_table *table = &dispatch->table;
    uint64_t end = window_end(dispatch);
    if (end > table->cut)
        end = table->cut;
    while (table->fresh < end) {
        struct worker_session *session =
            choose(dispatch, task_table_find(table, table->fresh));
        if (!session)
            return;
        uint32_t run = session->in_flight_count < session->slots
                           ? session->slots - session->in_flight_count
                           : (worker_pool_credit(&dispatch->pool, session) + 1) / 2;
        while (run-- && table->fresh < end &&
               worker_pool_credit(&dispatch->pool, session)) {
            struct task *task = task_table_find(table, table->fresh++);
            if (task->state != TASK_QUEUED)
                continue;
            if (!dispatch->config.keeps_bytes)
                dispatch->demand.buffered_bytes -= task->length;
            assign_task(dispatch, task, session);
        }
    }
}

void assign_all(struct dispatch *dispatch)
{
    if (!assign_may_send(dispatch))
        return;
    dispatch->assigning.reserved = NULL;
    standing_note(dispatch);
    if (dispatch->table.resend_queue.count)
        assign_retries(dispatch);
    if (dispatch->run.phase != RUN_DRAINING)
        assign_fresh(dispatch);
}

/* ---- idle slots ---- */

/* It has a slot without anything to do, and is not reserved. */
static bool is_idle(const struct dispatch *dispatch,
                    const struct worker_session *session)
{
    return session->in_flight_count < session->slots &&
           session != dispatch->assigning.reserved &&
           worker_pool_credit(&dispatch->pool, session);
}

/* One that choose would not prefer to the attempt's own does not get its task. */
struct worker_session *assign_find_idle(const struct dispatch *dispatch,
                                        const struct attempt *attempt)
{
    const struct task *task = attempt->task;
    int most = rank(attempt->session, task);
    for (uint32_t i = 0; i < dispatch->pool.count; i++) {
        struct worker_session *session = dispatch->pool.sessions[i];
        if (session != attempt->session && is_idle(dispatch, session) &&
            may_take(dispatch, session, task) && rank(session, task) <= most &&
            !(task->failed_at && is_for_another(dispatch, task, session->worker)))
            return session;
    }
    return NULL;
}

static bool some_idle(const struct dispatch *dispatch)
{
    for (uint32_t i = 0; i < dispatch->pool.count; i++)
        if (is_idle(dispatch, dispatch->pool.sessions[i]))
            return true;
    return false;
}

/* Marks the sessions where tasks wait behind running ones: these fill all slots, and
 * there are more. False: there is none. */
static bool mark_crowded(const struct dispatch *dispatch)
{
    bool any = false;
    for (uint32_t i = 0; i < dispatch->pool.count; i++) {
        struct worker_session *session = dispatch->pool.sessions[i];
        const struct attempt *attempt;
        uint32_t running = 0;
        TAILQ_FOREACH (attempt, &session->in_flight, of_session)
            running += attempt->running;
        session->crowded = session->in_flight_count > session->slots &&
                           running >= session->slots;
        any |= session->crowded;
    }
    return any;
}

/* Slots that have nothing to do, less the tasks that were recalled for them already. */
static uint32_t count_idle(const struct dispatch *dispatch)
{
    uint32_t idle = 0, recalled = 0;
    for (uint32_t i = 0; i < dispatch->pool.count; i++) {
        const struct worker_session *session = dispatch->pool.sessions[i];
        const struct attempt *attempt;
        if (is_idle(dispatch, session))
            idle += session->slots - session->in_flight_count;
        TAILQ_FOREACH (attempt, &session->in_flight, of_session)
            recalled += attempt->recalled;
    }
    return idle > recalled ? idle - recalled : 0;
}

static struct attempt *find_waiting(const struct task *task)
{
    struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (!attempt->done && !attempt->running && !attempt->recalled &&
            attempt->session->crowded)
            return attempt;
    return NULL;
}

int64_t assign_recall(struct dispatch *dispatch)
{
    const struct task_table *table = &dispatch->table;
    if (!assign_may_send(dispatch) || !some_idle(dispatch))
        return NEVER_US;
    if (dispatch->now_us < dispatch->assigning.recall_us)
        return dispatch->assigning.recall_us;
    dispatch->assigning.recall_us = dispatch->now_us + RECALL_US;
    uint32_t idle = mark_crowded(dispatch) ? count_idle(dispatch) : 0;
    for (uint64_t seq = dispatch->released; idle > 0 && seq < table->fresh; seq++) {
        const struct task *task = task_table_find(table, seq);
        struct attempt *attempt =
            task && task->state == TASK_ASSIGNED ? find_waiting(task) : NULL;
        if (!attempt || !assign_find_idle(dispatch, attempt))
            continue;
        attempt->recalled = true; /* once: a second time would say nothing new */
        push_attempt_action(dispatch, DISPATCH_FORGET, attempt->session, seq,
                            attempt->number)
            ->only_queued = true;
        idle--;
    }
    return NEVER_US;
}
