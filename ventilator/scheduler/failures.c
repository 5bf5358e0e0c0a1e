/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/failures.h"

#include "common/exit_status.h"
#include "common/memory.h"
#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/standing.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TRIES_WITHOUT_LIMIT = 3, /* of a record alone, where --retries sets no limit */
    TTIN = 21,               /* signals on the wire: the program wanted the terminal */
    TTOU = 22,
    HALT_LEAST = 3, /* failed tasks before a percentage of them means anything */
};

void failures_deinit(struct failures *failures)
{
    free(failures->except);
}

/* ---- --halt ---- */

static bool too_many(const struct dispatch *dispatch, uint64_t failed)
{
    const struct halt *halt = &dispatch->config.halt;
    if (halt->tasks)
        return failed >= halt->tasks;
    uint64_t ended = dispatch->released - dispatch->began_at;
    return failed >= HALT_LEAST && failed * 100 >= halt->percent * ended;
}

/* Requests the end of the run, where so many tasks have failed. */
static void check_halt(struct dispatch *dispatch, int64_t now_us)
{
    uint64_t failed = dispatch->counts.dead;
    char text[128];
    if (dispatch->counts.given_up > failed)
        failed = dispatch->counts.given_up;
    if (dispatch->config.halt.when == HALT_NEVER || !too_many(dispatch, failed))
        return;
    snprintf(text, sizeof text, "%" PRIu64 " chunk%s failed, and --halt says to stop",
             failed, failed == 1 ? "" : "s");
    if (dispatch->config.halt.when == HALT_NOW)
        run_state_stop(&dispatch->run, OUTCOME_STOPPED, STATUS_CHUNK_FAILED, text,
                       now_us);
    else
        run_state_drain(&dispatch->run, OUTCOME_STOPPED, STATUS_CHUNK_FAILED, text);
}

void failures_on_dead_letters(struct dispatch *dispatch, uint64_t tasks, int64_t now_us)
{
    struct failures *failures = &dispatch->failures;
    if (!failures->dead_known)
        failures->dead_before = tasks;
    failures->dead_known = true;
    dispatch->counts.dead =
        tasks > failures->dead_before ? tasks - failures->dead_before : 0;
    check_halt(dispatch, now_us);
}

/* ---- giving up ---- */

static struct dispatch_failure failure_of(const struct task *task, enum failure cause,
                                          uint32_t code, struct slice text)
{
    struct dispatch_failure failure = {.seq = task->seq,
                                       .attempts = task->fails + task->losses,
                                       .cause = cause,
                                       .code = code};
    failure.text_size =
        (uint32_t)(text.size < TEXT_MAX_BYTES ? text.size : TEXT_MAX_BYTES);
    if (failure.text_size)
        memcpy(failure.text, text.data, failure.text_size);
    return failure;
}

static void send_skip(struct dispatch *dispatch, uint64_t seq)
{
    if (dispatch->sink.begun)
        push_action(dispatch, DISPATCH_SKIP, dispatch->sink.said.peer)->seq = seq;
}

/* As many losses as it may have. Where its bad records are looked for, the bisection
 * says. */
static bool is_lost_for_good(const struct dispatch *dispatch, const struct task *task)
{
    if (task->bisect)
        return crash_bisect_hopeless(task->bisect);
    if (dispatch->config.on_error == ON_ERROR_ISOLATE && task->records)
        return false;
    return dispatch->config.losses && task->losses >= dispatch->config.losses;
}

bool failures_all(const struct dispatch *dispatch)
{
    return dispatch->failures.none_good && dispatch->counts.done == 0;
}

/* Another attempt would take as long and fail in the same way, or ask a person at the
 * terminal again. Where other attempts
 * were done, the worker has trouble, and not the program. */
static bool is_vain(const struct dispatch *dispatch, enum failure cause, uint32_t code)
{
    bool mute = cause == FAILURE_PROTOCOL && code == FAILURE_PROTOCOL_MUTE;
    bool asks = cause == FAILURE_SIGNAL && (code == TTIN || code == TTOU);
    return ((mute || asks) && dispatch->counts.done == 0) ||
           (cause != FAILURE_LOST && failures_all(dispatch));
}

/* The worker says of an ISOLATE how its records fail, where none goes well. */
static bool is_of_records(enum failure cause)
{
    return cause != FAILURE_PROTOCOL && cause != FAILURE_TOO_LARGE &&
           cause != FAILURE_KIND;
}

/* Gives the task up, if it failed or was lost as often as it may, or failed in vain;
 * true: it is given up. */
static bool give_up(struct dispatch *dispatch, struct task *task, enum failure cause,
                    uint32_t code, struct slice text, int64_t now_us)
{
    const struct dispatch_config *config = &dispatch->config;
    bool failed = config->retries &&
                  (task->fails >= config->retries || is_vain(dispatch, cause, code));
    if (failed && standing_excuses(dispatch, task, config->retries))
        failed = false;
    if (attempts_in_good_hands(task) || (!failed && !is_lost_for_good(dispatch, task)))
        return false;
    task->state = TASK_GIVEN_UP;
    completions_on_given_up(&dispatch->completions, task, cause, code);
    struct dispatch_failure failure = failure_of(task, cause, code, text);
    if (config->on_error == ON_ERROR_STOP) {
        if (!dispatch->failures.stopped_by.attempts) /* else it has stopped already */
            dispatch->failures.stopped_by = failure;
        run_state_stop(&dispatch->run, OUTCOME_STOPPED, STATUS_CHUNK_FAILED, "",
                       now_us);
        return true;
    }
    failure.none_good = failures_all(dispatch);
    dispatch->counts.given_up++;
    task->failure = allocate(sizeof *task->failure);
    *task->failure = failure;
    send_skip(dispatch, task->seq);
    check_halt(dispatch, now_us);
    return true;
}

void failures_on_failed(struct dispatch *dispatch, struct attempt *attempt,
                        enum failure cause, uint32_t code, struct slice text,
                        int64_t now_us)
{
    struct task *task = attempt->task;
    struct dispatch_failure failure = failure_of(task, cause, code, text);
    task->fails += standing_on_failed(dispatch, attempt, &failure, now_us);
    task->patient_us = now_us + dispatch->config.liveness_us;
    if (task->bisect && task->bisect->attempt == attempt->number)
        crash_bisect_on_survived(task->bisect); /* it did not take its worker down */
    /* Of one that a ledger named, nobody knows for sure that it isolates. */
    if (attempt->isolates && attempt->sent_us && !attempt->probe &&
        is_of_records(cause))
        dispatch->failures.none_good = true;
    attempts_close(attempt);
    dispatch->counts.failed++;
    if (task_is_wanted(task) && !give_up(dispatch, task, cause, code, text, now_us))
        attempts_requeue(dispatch, task);
}

bool failures_on_lost(struct dispatch *dispatch, struct task *task, int64_t now_us)
{
    return task_is_wanted(task) &&
           give_up(dispatch, task, FAILURE_LOST, 0, (struct slice){0}, now_us);
}

void failures_skip_again(struct dispatch *dispatch)
{
    const struct task_table *table = &dispatch->table;
    for (uint64_t seq = table->first; seq < table->cut; seq++) {
        const struct task *task = task_table_find(table, seq);
        if (task->state == TASK_GIVEN_UP && task->failure)
            send_skip(dispatch, seq);
    }
}

/* ---- finding bad records ---- */

bool failures_isolates(const struct dispatch *dispatch, const struct task *task)
{
    const struct dispatch_config *config = &dispatch->config;
    if (config->on_error != ON_ERROR_ISOLATE || !task->records ||
        (!task->bisect && failures_all(dispatch)))
        return false;
    return task->bisect || (config->retries && task->fails + 1 >= config->retries);
}

const struct isolation *failures_isolation(struct dispatch *dispatch, uint64_t seq)
{
    const struct task *task = task_table_find(&dispatch->table, seq);
    uint32_t retries = dispatch->config.retries;
    struct failures *failures = &dispatch->failures;
    struct isolation *isolation = &failures->isolation;
    *isolation = (struct isolation){.tries = retries ? retries : TRIES_WITHOUT_LIMIT};
    if (!task || !task->bisect)
        return isolation;
    if (!failures->except)
        failures->except = allocate_zeroed(BAD_MAX, sizeof *failures->except);
    isolation->probe = crash_bisect_probes(task->bisect);
    isolation->count = crash_bisect_except(task->bisect, failures->except);
    isolation->except = failures->except;
    return isolation;
}
