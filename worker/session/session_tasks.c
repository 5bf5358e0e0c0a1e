/* SPDX-License-Identifier: MIT */
/*
 * The tasks of the worker's core: from TASK on the ledger, through a slot, to done,
 * failed or handed back, and off the ledger.
 */
#include "worker/session/session_state.h"

enum { ANNOUNCEMENTS = 2 /* PINGs that announce a task, and PONGs it waits for */ };

/* Takes it off the ledger, and kills its slot if it runs. */
static void remove_task(struct session *session, struct ledger_task *task)
{
    if (task->state == ENTRY_RUNNING) {
        slot_table_give_back(&session->slot_table, task->slot);
        slot_table_doom(&session->slot_table, task->slot);
        session_act_on(session, SESSION_KILL, task);
    }
    session_act_on(session, SESSION_DROP, task);
    ledger_remove(&session->ledger, task);
}

void session_remove_all(struct session *session)
{
    struct ledger_task *task;
    while ((task = ledger_any(&session->ledger)))
        remove_task(session, task);
}

void session_send_results(struct session *session)
{
    for (struct ledger_task *task = session->ledger.tasks; task; task = task->hh.next)
        if (task->state == ENTRY_DONE && !task->probe)
            session_act_on(session, SESSION_RESULT, task);
}

/* Some were done while no session was open; the others' DONEs are sent again. */
void session_send_dones(struct session *session)
{
    for (struct ledger_task *task = session->ledger.tasks; task; task = task->hh.next)
        if (task->state == ENTRY_DONE)
            session_act_on(session, SESSION_DONE, task);
}

/* ---- on and off the ledger ---- */

static struct ledger_task *take(struct session *session, uint64_t session_number,
                                uint64_t seq, uint32_t attempt, void *cargo)
{
    if (session->phase != PHASE_SERVING || !session->liveness.open ||
        session_number != session->nonce)
        return NULL;
    liveness_carried(&session->liveness);
    struct ledger_task *task = ledger_find(&session->ledger, seq);
    if (session->leaving) {
        struct session_action *action = session_act(session, SESSION_RETURNED);
        action->seq = seq;
        action->attempt = attempt;
        return NULL;
    }
    if (task && task->attempt >= attempt)
        return NULL;
    if (task) /* an older attempt: the ventilator has given it up */
        remove_task(session, task);
    return ledger_add(&session->ledger, seq, attempt, cargo);
}

bool session_on_task(struct session *session, uint64_t session_number,
                     const struct task_entry *entry, void *cargo)
{
    struct ledger_task *task =
        take(session, session_number, entry->seq, entry->attempt, cargo);
    if (task)
        task->careful = entry->attempt > 1;
    return task != NULL;
}

bool session_on_isolate(struct session *session, const struct message *message,
                        void *cargo)
{
    struct ledger_task *task = take(session, message->isolate.session,
                                    message->isolate.seq, message->isolate.attempt,
                                    cargo);
    if (task) {
        task->careful = true;
        task->probe = message->isolate.probe;
    }
    return task != NULL;
}

void session_on_refused(struct session *session, uint64_t seq)
{
    struct ledger_task *task = ledger_find(&session->ledger, seq);
    if (!task || task->state != ENTRY_QUEUED)
        return;
    session_act_on(session, SESSION_FAILED, task);
    session_act_on(session, SESSION_DROP, task);
    ledger_remove(&session->ledger, task);
}

void session_on_forget(struct session *session, const struct message *message)
{
    if (!session->liveness.open || message->forget.session != session->nonce)
        return;
    for (uint32_t i = 0; i < message->forget.count; i++) {
        const struct attempt_entry *entry = &message->forget.entries[i];
        struct ledger_task *task = ledger_find(&session->ledger, entry->seq);
        if (!task || task->attempt != entry->attempt)
            continue;
        if (message->forget.only_queued) {
            if (task->state != ENTRY_QUEUED)
                continue;
            session_act_on(session, SESSION_RETURNED, task);
        }
        remove_task(session, task);
    }
}

void session_hand_back(struct session *session, bool all)
{
    struct ledger_task *task;
    while ((task = all ? ledger_any(&session->ledger)
                       : ledger_first_queued(&session->ledger))) {
        if (session->liveness.open)
            session_act_on(session, SESSION_RETURNED, task);
        else
            session->hello_due = true;
        remove_task(session, task);
    }
}

/* ---- slots ---- */

static struct ledger_task *running(const struct session *session, uint32_t slot,
                                   uint64_t seq, uint32_t attempt)
{
    struct ledger_task *task = ledger_find(&session->ledger, seq);
    return task && task->attempt == attempt && task->state == ENTRY_RUNNING &&
                   task->slot == slot
               ? task
               : NULL;
}

void *session_slot_cargo(const struct session *session, uint32_t slot, uint64_t seq,
                         uint32_t attempt)
{
    const struct ledger_task *task = running(session, slot, seq, attempt);
    return task ? task->cargo : NULL;
}

void session_on_part(struct session *session, uint32_t slot, uint64_t seq,
                     uint32_t attempt)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (task)
        session_act_on(session, SESSION_START, task);
}

bool session_on_done(struct session *session, uint32_t slot, uint64_t seq,
                     uint32_t attempt, uint64_t run_us)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (!task)
        return false;
    slot_table_give_back(&session->slot_table, slot);
    slot_table_measure(&session->slot_table, run_us);
    task->run_us = run_us;
    session->drained = false;
    ledger_set_state(&session->ledger, task, ENTRY_DONE);
    if (session->link != LINK_SHUT && !task->probe)
        session_act_on(session, SESSION_RESULT, task);
    if (session->liveness.open)
        session_act_on(session, SESSION_DONE, task);
    return true;
}

bool session_on_failed(struct session *session, uint32_t slot, uint64_t seq,
                       uint32_t attempt, uint64_t run_us)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (!task)
        return false;
    slot_table_give_back(&session->slot_table, slot);
    task->run_us = run_us;
    if (session->liveness.open)
        session_act_on(session, SESSION_FAILED, task);
    else
        session->hello_due = true;
    session_act_on(session, SESSION_DROP, task);
    ledger_remove(&session->ledger, task);
    return true;
}

bool session_on_preempted(struct session *session, uint32_t slot, uint64_t seq,
                          uint32_t attempt)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (!task)
        return false;
    slot_table_give_back(&session->slot_table, slot);
    if (session->liveness.open)
        session_act_on(session, SESSION_RETURNED, task);
    else
        session->hello_due = true;
    session_act_on(session, SESSION_DROP, task);
    ledger_remove(&session->ledger, task);
    return true;
}

/* Back into the queue: its slot has not begun it. */
static void take_back(struct session *session, struct ledger_task *task)
{
    slot_table_give_back(&session->slot_table, task->slot);
    ledger_set_state(&session->ledger, task, ENTRY_QUEUED);
}

void session_on_unstarted(struct session *session, uint32_t slot, uint64_t seq,
                          uint32_t attempt)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (task)
        take_back(session, task);
}

void session_on_slot(struct session *session, uint32_t slot, bool ready)
{
    slot_table_set_ready(&session->slot_table, slot, ready);
}

/* A task that was tried before may take this worker down within a millisecond of its
 * start, and nobody would know the cause: so the worker announces it to the ventilator
 * by a PING first. The next PONG may answer an earlier PING; of two PONGs to two PINGs,
 * one is the answer. */
static void announce(struct session *session, struct ledger_task *task)
{
    task->pongs_due = ANNOUNCEMENTS;
    session->announced++;
}

void session_on_pong(struct session *session)
{
    if (!session->announced)
        return;
    session->announced = 0;
    for (struct ledger_task *task = session->ledger.tasks; task; task = task->hh.next) {
        if (task->state != ENTRY_RUNNING || !task->pongs_due)
            continue;
        if (--task->pongs_due)
            session->announced++;
        else if (slot_table_ready(&session->slot_table, task->slot))
            session_act_on(session, SESSION_START, task);
        else /* another task has cost the slot its life, and it is being replaced */
            take_back(session, task);
    }
}

uint32_t session_start_tasks(struct session *session)
{
    uint32_t announced = session->announced;
    struct ledger_task *task;
    uint32_t slot;
    while ((task = ledger_first_queued(&session->ledger)) &&
           slot_table_take(&session->slot_table, &slot)) {
        task->slot = slot;
        session->started = true;
        ledger_set_state(&session->ledger, task, ENTRY_RUNNING);
        if (task->careful)
            announce(session, task);
        else
            session_act_on(session, SESSION_START, task);
    }
    return session->announced > announced ? ANNOUNCEMENTS : 0;
}
