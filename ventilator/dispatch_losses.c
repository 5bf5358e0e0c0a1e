/* SPDX-License-Identifier: MIT */
/*
 * What is charged to a task, and when it is given up: attempts that failed, and
 * attempts that ran at a worker that was lost. Rule 10 of DESIGN.
 */
#include "common/exit_status.h"
#include "common/memory.h"
#include "ventilator/dispatch_state.h"

#include <string.h>

static void fail_run(struct dispatch *dispatch, uint64_t seq, const struct task *task,
                     enum failure how, uint32_t code, struct slice text, int64_t now_us)
{
    struct dispatch_failure *failure = &dispatch->failure;
    *failure = (struct dispatch_failure){
        .seq = seq, .attempts = task->fails + task->losses, .how = how, .code = code};
    failure->text_size =
        (uint32_t)(text.size < TEXT_MAX_BYTES ? text.size : TEXT_MAX_BYTES);
    if (failure->text_size)
        memcpy(failure->text, text.data, failure->text_size);
    dispatch_stop(dispatch, OUTCOME_STOPPED, STATUS_CHUNK_FAILED, "", now_us);
}

bool dispatch_give_up(struct dispatch *dispatch, uint64_t seq, enum failure how,
                      uint32_t code, struct slice text, int64_t now_us)
{
    const struct dispatch_config *config = &dispatch->config;
    struct task *task = book_find(&dispatch->book, seq);
    bool failed = config->retries && task->fails >= config->retries;
    bool lost = config->losses && task->losses >= config->losses;
    if (dispatch_in_good_hands(task) || (!failed && !lost))
        return false;
    task->state = TASK_GIVEN_UP;
    fail_run(dispatch, seq, task, how, code, text, now_us);
    return true;
}

void dispatch_add_charge(struct dispatch *dispatch, const struct attempt *attempt,
                         int64_t now_us)
{
    dispatch->charges = room_for_one_more(dispatch->charges, dispatch->charge_count,
                                          &dispatch->charge_capacity,
                                          sizeof *dispatch->charges);
    dispatch->charges[dispatch->charge_count++] = (struct charge){
        .due_us = now_us + dispatch->config.liveness_us,
        .seq = attempt->seq,
        .attempt = attempt->number,
        .worker = attempt->session->worker->number,
    };
}

void dispatch_waive_charges(struct dispatch *dispatch, const struct crew_worker *worker)
{
    size_t kept = 0;
    for (size_t i = 0; i < dispatch->charge_count; i++) {
        const struct charge *charge = &dispatch->charges[i];
        struct task *task = book_find(&dispatch->book, charge->seq);
        if (charge->worker != worker->number)
            dispatch->charges[kept++] = *charge;
        else if (charge->charged && task)
            task->losses--;
    }
    dispatch->charge_count = kept;
}

bool dispatch_has_attempt(const struct task *task, uint32_t number)
{
    const struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (attempt->number == number)
            return true;
    return false;
}

/* Charges the task; false: it is not to be charged, as it was settled otherwise. */
static bool charge_loss(struct dispatch *dispatch, const struct charge *charge,
                        int64_t now_us)
{
    struct task *task = book_find(&dispatch->book, charge->seq);
    if ((task->state != TASK_QUEUED && task->state != TASK_OUT) ||
        dispatch_has_attempt(task, charge->attempt))
        return false;
    task->losses++;
    dispatch_give_up(dispatch, charge->seq, FAILURE_LOST, 0, (struct slice){0}, now_us);
    return true;
}

void dispatch_settle_charges(struct dispatch *dispatch, int64_t now_us)
{
    size_t kept = 0;
    for (size_t i = 0; i < dispatch->charge_count; i++) {
        struct charge charge = dispatch->charges[i];
        if (!book_find(&dispatch->book, charge.seq))
            continue;
        if (!charge.charged && charge.due_us <= now_us) {
            charge.charged = charge_loss(dispatch, &charge, now_us);
            if (!charge.charged)
                continue;
        }
        dispatch->charges[kept++] = charge;
    }
    dispatch->charge_count = kept;
}
