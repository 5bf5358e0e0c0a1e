/* SPDX-License-Identifier: MIT */
/*
 * The tasks of the worker's core: from TASK on the ledger, through a slot, to done,
 * failed or handed back, and off the ledger.
 */
#include "worker/session_state.h"

static struct session_action *act_on(struct session *session,
                                     enum session_action_kind kind,
                                     const struct ledger_task *task)
{
    struct session_action *action = session_act(session, kind);
    action->slot = task->slot;
    action->seq = task->seq;
    action->attempt = task->attempt;
    action->run_us = task->run_us;
    action->cargo = task->cargo;
    return action;
}

/* Off the ledger; its slot is free of it, and killed if it runs. */
static void remove_task(struct session *session, struct ledger_task *task)
{
    if (task->state == ENTRY_RUNNING) {
        seats_give_back(&session->seats, task->slot);
        seats_doom(&session->seats, task->slot);
        act_on(session, SESSION_KILL, task);
    }
    act_on(session, SESSION_DROP, task);
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
            act_on(session, SESSION_RESULT, task);
}

/* What was done while there was no session to say it in; DONE may be said again. */
void session_say_done(struct session *session)
{
    for (struct ledger_task *task = session->ledger.tasks; task; task = task->hh.next)
        if (task->state == ENTRY_DONE)
            act_on(session, SESSION_DONE, task);
}

void session_unsend_results(struct session *session)
{
    struct session_action action;
    for (size_t left = session->actions.count; left > 0; left--) {
        queue_pop(&session->actions, &action);
        if (action.kind != SESSION_RESULT)
            *(struct session_action *)queue_push(&session->actions) = action;
    }
}

/* ---- on and off the ledger ---- */

static struct ledger_task *take(struct session *session, uint64_t session_number,
                                uint64_t seq, uint32_t attempt, void *cargo)
{
    if (session->phase != PHASE_SERVING || !session->contact.open ||
        session_number != session->nonce)
        return NULL;
    contact_carried(&session->contact);
    struct ledger_task *task = ledger_find(&session->ledger, seq);
    if (session->leaving) {
        struct session_action *action = session_act(session, SESSION_RETURNED);
        action->seq = seq;
        action->attempt = attempt;
        return NULL;
    }
    if (task && task->attempt >= attempt)
        return NULL;
    if (task) /* an attempt that the ventilator does not count on any more */
        remove_task(session, task);
    return ledger_add(&session->ledger, seq, attempt, cargo);
}

bool session_on_task(struct session *session, uint64_t session_number,
                     const struct task_entry *entry, void *cargo, int64_t now_us)
{
    (void)now_us;
    struct ledger_task *task =
        take(session, session_number, entry->seq, entry->attempt, cargo);
    if (task)
        task->careful = entry->attempt > 1;
    return task != NULL;
}

bool session_on_isolate(struct session *session, const struct message *message,
                        void *cargo, int64_t now_us)
{
    (void)now_us;
    struct ledger_task *task = take(session, message->isolate.session,
                                    message->isolate.seq, message->isolate.attempt,
                                    cargo);
    if (task) {
        task->careful = true;
        task->probe = message->isolate.probe;
    }
    return task != NULL;
}

void session_on_forget(struct session *session, const struct message *message)
{
    if (!session->contact.open || message->forget.session != session->nonce)
        return;
    for (uint32_t i = 0; i < message->forget.count; i++) {
        const struct attempt_entry *entry = &message->forget.entries[i];
        struct ledger_task *task = ledger_find(&session->ledger, entry->seq);
        if (!task || task->attempt != entry->attempt)
            continue;
        if (message->forget.only_queued) {
            if (task->state != ENTRY_QUEUED)
                continue;
            act_on(session, SESSION_RETURNED, task);
        }
        remove_task(session, task);
    }
}

void session_hand_back(struct session *session, bool all)
{
    struct ledger_task *task;
    while ((task = all ? ledger_any(&session->ledger)
                       : ledger_first_queued(&session->ledger))) {
        if (session->contact.open)
            act_on(session, SESSION_RETURNED, task);
        else
            session->unsaid = true;
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

bool session_is_running(const struct session *session, uint32_t slot, uint64_t seq,
                        uint32_t attempt)
{
    return running(session, slot, seq, attempt) != NULL;
}

void session_on_part(struct session *session, uint32_t slot, uint64_t seq,
                     uint32_t attempt)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (task)
        act_on(session, SESSION_START, task);
}

bool session_on_done(struct session *session, uint32_t slot, uint64_t seq,
                     uint32_t attempt, uint64_t run_us)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (!task)
        return false;
    seats_give_back(&session->seats, slot);
    seats_measure(&session->seats, run_us);
    task->run_us = run_us;
    ledger_set_state(&session->ledger, task, ENTRY_DONE);
    if (session->way != WAY_SHUT && !task->probe)
        act_on(session, SESSION_RESULT, task);
    if (session->contact.open)
        act_on(session, SESSION_DONE, task);
    return true;
}

bool session_on_failed(struct session *session, uint32_t slot, uint64_t seq,
                       uint32_t attempt, uint64_t run_us)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (!task)
        return false;
    seats_give_back(&session->seats, slot);
    task->run_us = run_us;
    if (session->contact.open)
        act_on(session, SESSION_FAILED, task);
    else
        session->unsaid = true;
    act_on(session, SESSION_DROP, task);
    ledger_remove(&session->ledger, task);
    return true;
}

/* Given to a slot that never began it. */
static void take_back(struct session *session, struct ledger_task *task)
{
    seats_give_back(&session->seats, task->slot);
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
    seats_set_ready(&session->seats, slot, ready);
}

/* What was tried before may take this worker down within a millisecond of its start,
 * and nobody would know what did it: so the ventilator is told first. A PONG may be one
 * that was on its way already; of two PONGs to two PINGs, one is an answer. */
static void announce(struct session *session, struct ledger_task *task)
{
    task->echoes = ANNOUNCEMENTS;
    session->announced++;
}

void session_on_echo(struct session *session)
{
    if (!session->announced)
        return;
    session->announced = 0;
    for (struct ledger_task *task = session->ledger.tasks; task; task = task->hh.next) {
        if (task->state != ENTRY_RUNNING || !task->echoes)
            continue;
        if (--task->echoes)
            session->announced++;
        else if (seats_ready(&session->seats, task->slot))
            act_on(session, SESSION_START, task);
        else /* the slot is being replaced, for another task's sake */
            take_back(session, task);
    }
}

uint32_t session_start_tasks(struct session *session)
{
    uint32_t announced = session->announced;
    struct ledger_task *task;
    uint32_t slot;
    while ((task = ledger_first_queued(&session->ledger)) &&
           seats_take(&session->seats, &slot)) {
        task->slot = slot;
        session->started = true;
        ledger_set_state(&session->ledger, task, ENTRY_RUNNING);
        if (task->careful)
            announce(session, task);
        else
            act_on(session, SESSION_START, task);
    }
    return session->announced > announced ? ANNOUNCEMENTS : 0;
}
