/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/loss_charges.h"

#include "common/memory.h"
#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/failures.h"
#include <stdlib.h>

enum { LOSSES_TO_BISECT = 2 };

void loss_charges_deinit(struct loss_charges *losses)
{
    free(losses->charges);
}

uint32_t loss_charges_pending(const struct loss_charges *losses, uint64_t seq,
                              uint32_t attempt)
{
    uint32_t pending = 0;
    for (size_t i = 0; i < losses->count; i++) {
        const struct charge *charge = &losses->charges[i];
        pending += charge->seq == seq && charge->state == CHARGE_PENDING &&
                   (!attempt || charge->attempt == attempt);
    }
    return pending;
}

bool loss_charges_awaited(const struct dispatch *dispatch, const struct task *task)
{
    const struct loss_charges *losses = &dispatch->losses;
    if (!task->charges_pending || !task->records ||
        dispatch->config.on_error != ON_ERROR_ISOLATE)
        return false;
    if (task->bisect)
        return task->bisect->attempt &&
               loss_charges_pending(losses, task->seq, task->bisect->attempt);
    return task->losses + task->charges_pending >= LOSSES_TO_BISECT;
}

void loss_charges_add(struct dispatch *dispatch, const struct attempt *attempt,
                      int64_t now_us)
{
    struct loss_charges *losses = &dispatch->losses;
    losses->charges = room_for_one_more(losses->charges, losses->count,
                                        &losses->capacity, sizeof *losses->charges);
    losses->charges[losses->count++] = (struct charge){
        .due_us = now_us + dispatch->config.liveness_us,
        .seq = attempt->task->seq,
        .attempt = attempt->number,
        .worker = attempt->session->worker->number,
    };
    attempt->task->charges_pending++;
    completions_on_cut_off(&dispatch->completions, attempt, now_us);
}

static void remove_over(struct dispatch *dispatch)
{
    struct loss_charges *losses = &dispatch->losses;
    size_t left = 0;
    for (size_t i = 0; i < losses->count; i++)
        if (losses->charges[i].state != CHARGE_OVER &&
            task_table_find(&dispatch->table, losses->charges[i].seq))
            losses->charges[left++] = losses->charges[i];
    losses->count = left;
}

void loss_charges_waive(struct dispatch *dispatch, const struct known_worker *worker)
{
    struct loss_charges *losses = &dispatch->losses;
    for (size_t i = 0; i < losses->count; i++) {
        struct charge *charge = &losses->charges[i];
        struct task *task = task_table_find(&dispatch->table, charge->seq);
        enum charge_state before = charge->state;
        if (charge->worker != worker->number)
            continue;
        charge->state = CHARGE_OVER;
        if (before == CHARGE_PENDING && task)
            task->charges_pending--;
        if (before == CHARGE_MADE && task)
            task->losses--;
        else if (task && dispatch->config.on_error == ON_ERROR_ISOLATE)
            attempts_requeue(dispatch, task);
    }
    remove_over(dispatch);
}

/* A task whose bad records may be found has one more loss. */
static void bisect(struct dispatch *dispatch, struct task *task,
                   const struct charge *charge)
{
    if (!task->bisect && task->losses >= LOSSES_TO_BISECT && task->records)
        task->bisect = crash_bisect_new(task->records);
    else if (task->bisect && task->bisect->attempt == charge->attempt)
        crash_bisect_on_lost(task->bisect);
    attempts_requeue(dispatch, task);
}

/* Charges the task; false: it is settled, or the attempt has come back. */
static bool charge_loss(struct dispatch *dispatch, struct task *task,
                        const struct charge *charge, int64_t now_us)
{
    if (!task_is_wanted(task) || task_has_attempt(task, charge->attempt))
        return false;
    task->losses++;
    if (dispatch->config.on_error == ON_ERROR_ISOLATE)
        bisect(dispatch, task, charge);
    failures_on_lost(dispatch, task, now_us);
    return true;
}

void loss_charges_settle(struct dispatch *dispatch, int64_t now_us)
{
    struct loss_charges *losses = &dispatch->losses;
    for (size_t i = 0; i < losses->count; i++) {
        struct charge *charge = &losses->charges[i];
        if (charge->state != CHARGE_PENDING || charge->due_us > now_us)
            continue;
        struct task *task = task_table_find(&dispatch->table, charge->seq);
        if (!task)
            continue;
        charge->state = CHARGE_MADE;
        task->charges_pending--;
        if (!charge_loss(dispatch, task, charge, now_us))
            charge->state = CHARGE_OVER;
    }
    remove_over(dispatch);
}
