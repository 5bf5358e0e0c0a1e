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

/* It has a slot without anything to do, and is not reserved. */
static bool is_idle(const struct dispatch *dispatch,
                    const struct worker_session *session)
{
    return session->in_flight_count < session->slots &&
           session != dispatch->assigning.reserved &&
           worker_pool_credit(&dispatch->pool, session);
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

static uint32_t rank(const struct worker_session *session, const struct task *task)
{
    return task_failed_at(task, session->worker)
               ? RANK_WORST
               : worker_health_rank(&session->worker->health);
}

/* How well a session suits a task. */
struct suit {
    const struct dispatch *dispatch;
    const struct task *task;
    const struct worker_session *idle_but; /* it has to be idle, and not this one; NULL:
                                              it may be any */
};

static uint64_t judge(const void *context, const struct worker_session *session)
{
    const struct suit *suit = context;
    const struct task *task = suit->task;
    bool picky = task->failed_at && (suit->idle_but || !task_runs_alone(task));
    if (!may_take(suit->dispatch, session, task) ||
        (suit->idle_but &&
         (session == suit->idle_but || !is_idle(suit->dispatch, session))) ||
        (picky && is_for_another(suit->dispatch, task, session->worker)))
        return KEY_NEVER;
    return worker_tallies_key(rank(session, task), session);
}

/* Any new task is as good as this one. */
static bool is_plain(const struct task *task)
{
    return !task ||
           (!task->failed_at && !task_runs_alone(task) && LIST_EMPTY(&task->open));
}

/* The session that may take the task (NULL: any new one) and suits it best: healthy,
 * and with the fewest tasks a slot; NULL: none. */
static struct worker_session *choose(const struct dispatch *dispatch,
                                     const struct task *task)
{
    struct worker_tallies *tallies = dispatch->pool.tallies;
    struct suit suit = {.dispatch = dispatch, .task = task};
    if (is_plain(task))
        return worker_tallies_best(tallies, dispatch->assigning.reserved);
    return worker_tallies_search(tallies, KEY_NEVER, judge, &suit);
}

/* ---- sending ---- */

void assign_task(struct dispatch *dispatch, struct task *task,
                 struct worker_session *session)
{
    bool isolates = failures_isolates(dispatch, task);
    enum reference_way by_reference =
        task->by_value || isolates ? REFERENCE_NONE : session->worker->references;
    struct attempt *attempt = attempts_add(&(struct attempt){
        .session = session,
        .task = task,
        .number = ++task->attempts,
        .by_value = by_reference == REFERENCE_NONE,
        .sent_us = dispatch->now_us,
        .at_once = session->in_flight_count < session->slots,
        .limit_ms = limits_ms(dispatch, session, task->length),
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

/* One that choose would not prefer to the attempt's own does not get its task. */
struct worker_session *assign_find_idle(const struct dispatch *dispatch,
                                        const struct attempt *attempt)
{
    struct suit suit = {
        .dispatch = dispatch, .task = attempt->task, .idle_but = attempt->session};
    uint64_t below = worker_tallies_key_above(rank(attempt->session, attempt->task));
    return worker_tallies_search(dispatch->pool.tallies, below, judge, &suit);
}

/* Slots that have nothing to do, and are not reserved. */
static uint64_t count_idle(const struct dispatch *dispatch)
{
    const struct worker_session *reserved = dispatch->assigning.reserved;
    uint64_t idle = worker_tallies_sums(dispatch->pool.tallies)->idle;
    return reserved ? idle - reserved->part.idle : idle;
}

/* Tasks to be recalled, as far as they wait behind running ones: no more than have
 * nothing to do, less those that were recalled for these already. */
static uint64_t count_wanted(const struct dispatch *dispatch)
{
    const struct worker_sums *sums = worker_tallies_sums(dispatch->pool.tallies);
    uint64_t idle = count_idle(dispatch);
    return sums->crowded && idle > sums->recalled ? idle - sums->recalled : 0;
}

static struct attempt *find_waiting(const struct task *task)
{
    struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (!attempt->done && !attempt->running && !attempt->recalled &&
            attempt->session->part.crowded)
            return attempt;
    return NULL;
}

int64_t assign_recall(struct dispatch *dispatch)
{
    const struct task_table *table = &dispatch->table;
    if (!assign_may_send(dispatch) || !count_idle(dispatch))
        return NEVER_US;
    if (dispatch->now_us < dispatch->assigning.recall_us)
        return dispatch->assigning.recall_us;
    dispatch->assigning.recall_us = dispatch->now_us + RECALL_US;
    uint64_t wanted = count_wanted(dispatch);
    for (uint64_t seq = dispatch->released; wanted > 0 && seq < table->fresh; seq++) {
        const struct task *task = task_table_find(table, seq);
        struct attempt *attempt =
            task && task->state == TASK_ASSIGNED ? find_waiting(task) : NULL;
        if (!attempt || !assign_find_idle(dispatch, attempt))
            continue;
        attempts_recall(dispatch, attempt);
        wanted--;
    }
    return NEVER_US;
}
