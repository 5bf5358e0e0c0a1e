/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/standing.h"

#include "common/memory.h"
#include "ventilator/scheduler/attempts.h"
#include <stdlib.h>

enum {
    STUCK_LIVENESSES = 2, /* that a worker may take to start what it has */
    DOUBLINGS_MAX = 3,    /* of that, for one that starts something later */
    SLOW_BYTES_A_S =
        1 << 17, /* it may still be on its way: so slow a link is no fault */
};

/* ---- set aside, and back ---- */

/* What waits at the worker goes elsewhere. */
static void recall_all(struct dispatch *dispatch, const struct known_worker *worker)
{
    const struct worker_session *session = worker->session;
    struct attempt *attempt;
    if (!session)
        return;
    TAILQ_FOREACH (attempt, &session->in_flight, of_session) {
        if (!attempt->running && !attempt->recalled)
            attempts_recall(dispatch, attempt);
    }
}

/* The failures of its row were its own. */
static void give_back(struct dispatch *dispatch, const struct known_worker *worker)
{
    const struct task_table *table = &dispatch->table;
    for (uint64_t seq = table->first; seq < table->fresh; seq++) {
        struct task *task = task_table_find(table, seq);
        struct failed_at *at = task_failed_at(task, worker);
        if (!at || at->round != worker->health.round || !task_is_wanted(task))
            continue;
        task->fails -= at->charged;
        at->charged = 0;
    }
}

static void set_aside(struct dispatch *dispatch, struct known_worker *worker)
{
    worker_health_set_aside(&worker->health, dispatch->now_us);
    known_worker_touch(worker);
    give_back(dispatch, worker);
    recall_all(dispatch, worker);
    if (worker->health.told)
        return;
    worker->health.told = true;
    push_action(dispatch, DISPATCH_ASIDE, 0)->seq = worker->number;
}

static void take_back(struct dispatch *dispatch, struct known_worker *worker)
{
    if (!worker->health.told_back)
        push_action(dispatch, DISPATCH_BACK, 0)->seq = worker->number;
    worker->health.told_back = true;
}

/* ---- how attempts end ---- */

static bool is_mute(const struct dispatch_failure *failure)
{
    return failure->cause == FAILURE_PROTOCOL && failure->code == FAILURE_PROTOCOL_MUTE;
}

bool standing_on_failed(struct dispatch *dispatch, const struct attempt *attempt,
                        const struct dispatch_failure *failure, int64_t now_us)
{
    struct known_worker *worker = attempt->session->worker;
    struct worker_health *health = &worker->health;
    struct task *task = attempt->task;
    struct failed_at *at = task_failed_at(task, worker);
    bool first = !at || at->round != health->round;
    bool excused = health->aside && standing_hopes(dispatch, task);
    at = task_fail_at(task, worker);
    at->round = health->round;
    at->charged += !excused;
    at->outdone &= !first;
    if (!worker->failure)
        worker->failure = allocate(sizeof *worker->failure);
    *worker->failure = *failure;
    worker_health_on_failed(health, first, attempt->trial, now_us);
    if (is_mute(failure) && !health->proven)
        worker_health_on_mute(health, attempt->trial, now_us);
    known_worker_touch(worker);
    return !excused;
}

void standing_on_done(struct dispatch *dispatch, struct known_worker *worker,
                      struct task *task)
{
    for (struct failed_at *at = task->failed_at; at; at = at->next) {
        struct known_worker *other = at->worker;
        if (other == worker || at->outdone || at->round != other->health.round)
            continue;
        at->outdone = true;
        if (worker_health_on_outdone(&other->health))
            set_aside(dispatch, other);
    }
    if (worker_health_on_done(&worker->health))
        take_back(dispatch, worker);
    known_worker_touch(worker);
    free(worker->failure);
    worker->failure = NULL;
}

/* Its DONE may come later, when nobody knows the attempt any more. */
void standing_on_held(struct dispatch *dispatch, struct task *task)
{
    const struct attempt *attempt = LIST_FIRST(&task->open);
    if (attempt && !LIST_NEXT(attempt, of_task) && !attempt->done && !attempt->isolates)
        standing_on_done(dispatch, attempt->session->worker, task);
}

/* ---- what follows for a task ---- */

/* A worker serves that is such a prospect, and has not failed the task. */
static bool hopes(const struct dispatch *dispatch, const struct task *task,
                  enum prospect least)
{
    uint32_t count = worker_tallies_sums(dispatch->pool.tallies)->hopes[least];
    for (const struct failed_at *at = task->failed_at; at && count; at = at->next)
        if (at->worker->session && at->worker->session->part.hopes >> least & 1)
            count--;
    return count > 0;
}

bool standing_hopes(const struct dispatch *dispatch, const struct task *task)
{
    return hopes(dispatch, task, NOT_IN_DOUBT);
}

bool standing_hopes_well(const struct dispatch *dispatch, const struct task *task)
{
    return hopes(dispatch, task, WELL);
}

bool standing_hopes_proven(const struct dispatch *dispatch, const struct task *task)
{
    return hopes(dispatch, task, PROVEN);
}

/* What one that has never done a task failed counts against one that has: also against
 * one in doubt, as a few bad tasks in a row bring all into doubt. */
bool standing_excuses(const struct dispatch *dispatch, const struct task *task,
                      uint32_t retries)
{
    uint32_t doubtful = 0, unproven = 0, both = 0;
    for (const struct failed_at *at = task->failed_at; at; at = at->next) {
        bool doubt = worker_health_in_doubt(&at->worker->health);
        bool proven = at->worker->health.proven;
        doubtful += doubt ? at->charged : 0;
        unproven += proven ? 0 : at->charged;
        both += doubt && !proven ? at->charged : 0;
    }
    uint32_t either = doubtful + unproven - both;
    return (task->fails - doubtful < retries && hopes(dispatch, task, NOT_IN_DOUBT)) ||
           (task->fails - either < retries && hopes(dispatch, task, SURE)) ||
           (task->fails - unproven < retries && !task_runs_alone(task) &&
            hopes(dispatch, task, PROVEN));
}

/* ---- who gets tasks ---- */

/* What every worker fails is no reason to let all of them rest. */
void standing_note(struct dispatch *dispatch)
{
    struct worker_tallies *tallies = dispatch->pool.tallies;
    struct worker_session *session;
    bool better = worker_tallies_sums(tallies)->awake > 0;
    LIST_FOREACH (session, worker_tallies_resting(tallies), of_resting) {
        const struct worker_health *health = &session->worker->health;
        bool rests = worker_health_rests(health) && (better || health->aside);
        bool on_trial = rests && dispatch->now_us >= health->trial_us;
        if (rests == session->rests && on_trial == session->on_trial)
            continue;
        session->rests = rests;
        session->on_trial = on_trial;
        worker_session_touch(session);
    }
}

/* ---- a worker that starts nothing ---- */

void standing_on_move(struct worker_session *session)
{
    session->stuck_us = 0;
    session->worker->unstarted = 0;
}

void standing_on_started(struct dispatch *dispatch, struct worker_session *session)
{
    standing_on_move(session);
    if (worker_health_on_started(&session->worker->health))
        take_back(dispatch, session->worker);
    worker_session_touch(session);
}

static int64_t patience_us(const struct dispatch *dispatch,
                           const struct worker_session *session)
{
    uint32_t doublings = session->worker->unstarted;
    if (doublings > DOUBLINGS_MAX)
        doublings = DOUBLINGS_MAX;
    uint64_t bytes = 0;
    const struct attempt *attempt;
    TAILQ_FOREACH (attempt, &session->in_flight, of_session)
        bytes += attempt->task->length;
    return ((STUCK_LIVENESSES * dispatch->config.liveness_us) << doublings) +
           (int64_t)(bytes / SLOW_BYTES_A_S) * 1000000;
}

void standing_check(struct dispatch *dispatch, struct worker_session *session,
                    int64_t now_us)
{
    struct known_worker *worker = session->worker;
    struct attempt *attempt, *next;
    bool trial = false;
    if (!session->stuck_us ||
        now_us - session->stuck_us <= patience_us(dispatch, session))
        return;
    for (attempt = TAILQ_FIRST(&session->in_flight); attempt; attempt = next) {
        next = TAILQ_NEXT(attempt, of_session);
        if (attempt->running)
            continue;
        struct task *task = attempt->task;
        trial |= attempt->trial;
        attempts_forget(dispatch, attempt);
        attempts_requeue(dispatch, task);
    }
    session->stuck_us = 0;
    worker->unstarted++;
    free(worker->failure);
    worker->failure = NULL;
    worker_health_on_stuck(&worker->health, trial, now_us);
    worker_session_touch(session);
    if (!worker->health.aside)
        set_aside(dispatch, worker);
}
