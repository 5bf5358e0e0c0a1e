/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/stragglers.h"

#include "ventilator/scheduler/assign.h"
#include "ventilator/scheduler/limits.h"
#include "ventilator/scheduler/loss_charges.h"

enum {
    STRAGGLES_AT = 3,             /* medians */
    STRAGGLES_LEAST_US = 1000000, /* a copy takes too long to help a shorter one */
};

/* Only the end of the worker's programs proves what they gave: to kill one, as befalls
 * the slower of two, would leave that in doubt. */
static bool may_doubt(const struct worker_session *session)
{
    return session->worker->drain.drains && session->worker->drain.opens;
}

/* The attempt at a task that has run for long, at one worker, and does not look for bad
 * records; NULL: none. A task that has failed as often as it may is given up when its
 * last attempt ends: copies of it would put that off for ever; and one whose copy was
 * lost waits for what comes of that. */
static struct attempt *find_straggler(struct dispatch *dispatch,
                                      const struct task *task, int64_t now_us)
{
    uint32_t retries = dispatch->config.retries;
    struct attempt *attempt = LIST_FIRST(&task->open);
    if (task->state != TASK_ASSIGNED || (retries && task->fails >= retries) ||
        !attempt || LIST_NEXT(attempt, of_task) || attempt->isolates ||
        !attempt->running || may_doubt(attempt->session) ||
        loss_charges_awaited(dispatch, task))
        return NULL;
    int64_t than_us = (int64_t)(STRAGGLES_AT * limits_usual_us(dispatch, task->length));
    if (than_us < STRAGGLES_LEAST_US)
        than_us = STRAGGLES_LEAST_US;
    return now_us - attempt->running_us > than_us ? attempt : NULL;
}

void stragglers_copy(struct dispatch *dispatch, int64_t now_us)
{
    const struct task_table *table = &dispatch->table;
    if (!dispatch->config.speculate || !assign_may_send(dispatch) ||
        !run_times_median_us(&dispatch->run_times))
        return;
    uint64_t end = dispatch->released + dispatch->pool.window;
    for (uint64_t seq = table->first; seq < table->fresh && seq < end; seq++) {
        struct task *task = task_table_find(table, seq);
        const struct attempt *attempt = find_straggler(dispatch, task, now_us);
        struct worker_session *idle = attempt ? assign_find_idle(dispatch, attempt)
                                              : NULL;
        if (!idle || may_doubt(idle))
            continue;
        assign_task(dispatch, task, idle);
        dispatch->counts.speculated++;
    }
}
