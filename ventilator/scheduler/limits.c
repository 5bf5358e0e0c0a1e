/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/limits.h"

#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/failures.h"

enum { LEAST_MS = 100 }; /* of a limit in per cent: short tasks differ by chance */
#define LONGEST_US UINT64_C(1000000000000) /* that counts */

/* Where chunks grow as they are measured, the median is of shorter ones. */
static uint64_t usual_of_all_us(struct dispatch *dispatch, uint64_t length)
{
    uint64_t median_us = run_times_median_us(&dispatch->run_times);
    if (!median_us || !dispatch->config.block_auto)
        return median_us;
    uint64_t run_us = chunk_sizer_run_us(&dispatch->chunk_sizer, length);
    return run_us > median_us ? run_us : median_us;
}

/* What it says may be any number, and lengths differ most where chunks grow. */
static uint64_t usual_of_its_own_us(const struct dispatch *dispatch,
                                    const struct worker_session *session,
                                    uint64_t length)
{
    double run_us = (double)session->run_us;
    if (!session->measured)
        return 0;
    if (dispatch->config.block_auto && session->length)
        run_us *= (double)length / (double)session->length;
    return run_us < (double)LONGEST_US ? (uint64_t)run_us : LONGEST_US;
}

uint64_t limits_usual_us(struct dispatch *dispatch,
                         const struct worker_session *session, uint64_t length)
{
    uint64_t all_us = usual_of_all_us(dispatch, length);
    uint64_t own_us = usual_of_its_own_us(dispatch, session, length);
    return all_us && own_us > all_us ? own_us : all_us;
}

uint32_t limits_ms(struct dispatch *dispatch, const struct worker_session *session,
                   uint64_t length)
{
    const struct dispatch_config *config = &dispatch->config;
    if (!config->limit_percent)
        return config->limit_ms;
    uint64_t run_us = limits_usual_us(dispatch, session, length);
    if (!run_us)
        return 0;
    uint64_t limit_ms = run_us / 1000 * config->limit_percent / 100;
    if (limit_ms < LEAST_MS)
        return LEAST_MS;
    return limit_ms < UINT32_MAX ? (uint32_t)limit_ms : UINT32_MAX;
}

static bool is_overdue(struct dispatch *dispatch, const struct attempt *attempt)
{
    if (!attempt->running || attempt->limit_ms || attempt->isolates)
        return false;
    int64_t limit_us =
        (int64_t)limits_ms(dispatch, attempt->session, attempt->task->length) * 1000;
    return limit_us && attempt->session->heard_us - attempt->running_us > limit_us;
}

/* The first of the session; NULL: none. */
static struct attempt *find_overdue(struct dispatch *dispatch,
                                    const struct worker_session *session)
{
    struct attempt *attempt;
    TAILQ_FOREACH (attempt, &session->in_flight, of_session)
        if (is_overdue(dispatch, attempt))
            return attempt;
    return NULL;
}

void limits_check(struct dispatch *dispatch, int64_t now_us)
{
    if (!dispatch->config.limit_percent)
        return;
    for (uint32_t i = 0; i < dispatch->pool.count; i++) {
        const struct worker_session *session = dispatch->pool.sessions[i];
        struct attempt *attempt;
        while ((attempt = find_overdue(dispatch, session))) {
            completions_on_cut_off(&dispatch->completions, attempt, now_us);
            push_attempt_action(dispatch, DISPATCH_FORGET, session, attempt->task->seq,
                                attempt->number);
            failures_on_failed(dispatch, attempt, FAILURE_TIMEOUT, 0, (struct slice){0},
                               now_us);
        }
    }
}
