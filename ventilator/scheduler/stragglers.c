/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/stragglers.h"

#include "ventilator/scheduler/assign.h"
#include "ventilator/scheduler/limits.h"
#include "ventilator/scheduler/loss_charges.h"

enum {
    STRAGGLES_AT = 3,             /* times what is usual */
    STRAGGLES_LEAST_US = 1000000, /* a copy takes too long to help a shorter one */
};

/* Only the end of the worker's programs proves what they gave: to kill one, as befalls
 * the slower of two, would leave that in doubt. */
static bool may_doubt(const struct worker_session *session)
{
    return session->worker->drain.drains && session->worker->drain.opens;
}

/* The attempt at a task that runs, at one worker, and does not look for bad records;
 * NULL: none. A task that has failed as often as it may is given up when its last
 * attempt ends: copies of it would put that off for ever; and one whose copy was lost
 * waits for what comes of that. */
static struct attempt *find_lone(const struct dispatch *dispatch,
                                 const struct task *task)
{
    uint32_t retries = dispatch->config.retries;
    struct attempt *attempt = LIST_FIRST(&task->open);
    if (task->state != TASK_ASSIGNED || (retries && task->fails >= retries) ||
        !attempt || LIST_NEXT(attempt, of_task) || attempt->isolates ||
        !attempt->running || may_doubt(attempt->session) ||
        loss_charges_awaited(dispatch, task))
        return NULL;
    return attempt;
}

/* Its worker may be sick: it runs longer than is usual there. */
static bool is_late(struct dispatch *dispatch, const struct attempt *attempt,
                    int64_t ran_us)
{
    uint64_t usual_us =
        limits_usual_us(dispatch, attempt->session, attempt->task->length);
    int64_t than_us = (int64_t)(STRAGGLES_AT * usual_us);
    return ran_us > (than_us > STRAGGLES_LEAST_US ? than_us : STRAGGLES_LEAST_US);
}

/* Its worker is slow: the idle one would be done much sooner than it. */
static bool is_outrun(struct dispatch *dispatch, const struct attempt *attempt,
                      const struct worker_session *idle, int64_t ran_us)
{
    uint64_t length = attempt->task->length;
    int64_t rest_us = (int64_t)limits_usual_us(dispatch, attempt->session, length) -
                      ran_us;
    int64_t anew_us = (int64_t)limits_usual_us(dispatch, idle, length);
    return rest_us > STRAGGLES_LEAST_US && rest_us > STRAGGLES_AT * anew_us;
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
        const struct attempt *attempt = find_lone(dispatch, task);
        struct worker_session *idle = attempt ? assign_find_idle(dispatch, attempt)
                                              : NULL;
        if (!idle || may_doubt(idle))
            continue;
        int64_t ran_us = now_us - attempt->running_us;
        if (!is_late(dispatch, attempt, ran_us) &&
            !is_outrun(dispatch, attempt, idle, ran_us))
            continue;
        assign_task(dispatch, task, idle);
        dispatch->counts.speculated++;
    }
}
