/* SPDX-License-Identifier: MIT */
/*
 * What is charged to a task for the loss of workers: attempts that ran there, and only
 * once it is sure that they do not come back. Rule 10 of DESIGN.
 *
 * Where records are searched that take workers down, the charge is also the answer that
 * the search waits for: the task is queued again only when it is settled or waived. So
 * it is with the loss that would begin a search, which else would take down one worker
 * after the other until the first charge is due.
 */
#include "common/memory.h"
#include "ventilator/dispatch_state.h"

enum { LOSSES_TO_SEARCH = 2 };

static uint32_t pending_charges(const struct dispatch *dispatch, uint64_t seq)
{
    uint32_t pending = 0;
    for (size_t i = 0; i < dispatch->charge_count; i++)
        pending += dispatch->charges[i].seq == seq && !dispatch->charges[i].charged;
    return pending;
}

bool dispatch_awaits_charge(const struct dispatch *dispatch, const struct task *task,
                            const struct attempt *attempt)
{
    if (!task || !task->records || dispatch->config.on_error != ON_ERROR_ISOLATE)
        return false;
    if (task->search)
        return task->search->attempt == attempt->number;
    return task->losses + pending_charges(dispatch, attempt->seq) + 1 >=
           LOSSES_TO_SEARCH;
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
    dispatch_note_cut_off(dispatch, attempt, now_us);
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
        else if (task && dispatch->config.on_error == ON_ERROR_ISOLATE)
            dispatch_requeue(dispatch, charge->seq);
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

/* One loss more of a task whose bad records may be found. */
static void search_on(struct dispatch *dispatch, struct task *task,
                      const struct charge *charge)
{
    if (!task->search && task->losses >= LOSSES_TO_SEARCH && task->records)
        task->search = search_new(task->records);
    else if (task->search && task->search->attempt == charge->attempt)
        search_on_lost(task->search);
    dispatch_requeue(dispatch, charge->seq);
}

/* Charges the task; false: it is not to be charged, as it was settled otherwise. */
static bool charge_loss(struct dispatch *dispatch, const struct charge *charge,
                        int64_t now_us)
{
    struct task *task = book_find(&dispatch->book, charge->seq);
    if (!task_is_wanted(task) || dispatch_has_attempt(task, charge->attempt))
        return false;
    task->losses++;
    if (dispatch->config.on_error == ON_ERROR_ISOLATE)
        search_on(dispatch, task, charge);
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
