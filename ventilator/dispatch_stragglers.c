/* SPDX-License-Identifier: MIT */
/*
 * What runs too long, as measured by the median of what ended well: it has failed by
 * its time limit, or a copy of it goes to a slot that has nothing to do.
 *
 * A limit travels with the task, and the worker keeps it. Only what was sent before
 * there was a median is minded here, by the time at which the worker last said that it
 * runs: a worker that is stopped has stopped what it runs, too.
 */
#include "common/clock.h"
#include "ventilator/dispatch_state.h"

enum {
    LIMIT_LEAST_MS = 100, /* of a limit in per cent: short tasks differ by chance */
    STRAGGLES_AT = 3,     /* medians */
    STRAGGLES_LEAST_US = 1000000, /* below, a copy is not worth its way */
};

/* How long a chunk of this length usually runs; 0: it is not known. Where chunks grow
 * as they are measured, the median is of shorter ones. */
static uint64_t usual_us(struct dispatch *dispatch, uint64_t length)
{
    uint64_t median_us = run_times_median_us(&dispatch->run_times);
    if (!median_us || !dispatch->config.block_auto)
        return median_us;
    uint64_t run_us = block_size_run_us(&dispatch->block_size, length);
    return run_us > median_us ? run_us : median_us;
}

uint32_t dispatch_limit_ms(struct dispatch *dispatch, uint64_t length)
{
    const struct dispatch_config *config = &dispatch->config;
    if (!config->limit_percent)
        return config->limit_ms;
    uint64_t run_us = usual_us(dispatch, length);
    if (!run_us)
        return 0;
    uint64_t limit_ms = run_us / 1000 * config->limit_percent / 100;
    if (limit_ms < LIMIT_LEAST_MS)
        return LIMIT_LEAST_MS;
    return limit_ms < UINT32_MAX ? (uint32_t)limit_ms : UINT32_MAX;
}

/* It runs beyond the limit. */
static bool is_overdue(struct dispatch *dispatch, const struct attempt *attempt)
{
    if (!attempt->running || attempt->limit_ms || attempt->isolates)
        return false;
    uint64_t length = book_find(&dispatch->book, attempt->seq)->length;
    int64_t limit_us = (int64_t)dispatch_limit_ms(dispatch, length) * 1000;
    return limit_us && attempt->session->heard_us - attempt->running_us > limit_us;
}

/* The first of the session; NULL: none. */
static struct attempt *find_overdue(struct dispatch *dispatch,
                                    const struct crew_session *session)
{
    struct attempt *attempt;
    TAILQ_FOREACH (attempt, &session->owed, of_session)
        if (is_overdue(dispatch, attempt))
            return attempt;
    return NULL;
}

void dispatch_mind_limits(struct dispatch *dispatch, int64_t now_us)
{
    if (!dispatch->config.limit_percent)
        return;
    for (uint32_t i = 0; i < dispatch->crew.count; i++) {
        struct attempt *attempt;
        while ((attempt = find_overdue(dispatch, dispatch->crew.sessions[i]))) {
            dispatch_note_cut_off(dispatch, attempt, now_us);
            dispatch_send_forget(dispatch, attempt);
            dispatch_fail(dispatch, attempt, FAILURE_TIMEOUT, 0, (struct slice){0},
                          now_us);
        }
    }
}

/* It has run for long, at one worker, and is nothing special. What has failed as often
 * as it may is given up when its last attempt ends: copies of it would put that off for
 * ever. */
static struct attempt *straggler(struct dispatch *dispatch, const struct task *task,
                                 int64_t now_us)
{
    int64_t than_us = (int64_t)(STRAGGLES_AT * usual_us(dispatch, task->length));
    if (than_us < STRAGGLES_LEAST_US)
        than_us = STRAGGLES_LEAST_US;
    uint32_t retries = dispatch->config.retries;
    if (retries && task->fails >= retries)
        return NULL;
    struct attempt *attempt = LIST_FIRST(&task->open);
    bool alone = attempt && !LIST_NEXT(attempt, of_task);
    return task->state == TASK_OUT && alone && !attempt->isolates && attempt->running &&
                   now_us - attempt->running_us > than_us
               ? attempt
               : NULL;
}

void dispatch_speculate(struct dispatch *dispatch, int64_t now_us)
{
    const struct book *book = &dispatch->book;
    if (!dispatch->config.speculate || !dispatch_may_send(dispatch) ||
        !run_times_median_us(&dispatch->run_times))
        return;
    uint64_t end = dispatch->released + dispatch_window(dispatch);
    for (uint64_t seq = book->first; seq < book->fresh && seq < end; seq++) {
        struct attempt *attempt = straggler(dispatch, book_find(book, seq), now_us);
        if (!attempt)
            continue;
        struct crew_session *idle = dispatch_idle_for(dispatch, attempt);
        if (!idle)
            continue;
        dispatch_give(dispatch, seq, idle);
        dispatch->counts.speculated++;
    }
}
