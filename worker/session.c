/* SPDX-License-Identifier: MIT */
/*
 * The worker's core. A session is open from WELCOME until the next HELLO; what the
 * ventilator sends outside of it, or bears another session's number, is ignored. The
 * number is HELLO's nonce. Outside of a session nothing is said of attempts either: the
 * ledger may be of an epoch that the ventilator has left, where seq and attempt named
 * another chunk. What ends well waits as done for WELCOME; what fails or goes back is
 * off the ledger, and HELLO says so again.
 *
 * An entry leaves the ledger by FORGET, by failing, by being handed back, or with its
 * epoch; never because it is done.
 */
#include "worker/session.h"

#include "common/clock.h"
#include "common/contact.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/queue.h"
#include "worker/ledger.h"
#include "worker/seats.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    STAY_US = 500000,      /* before a worker that stays looks for the next run */
    FAREWELL_US = 1000000, /* how long to wait for the answer to GOODBYE */
};

enum phase {
    PHASE_SERVING,
    PHASE_RESTING, /* between two runs, with --stay */
    PHASE_PARTING, /* GOODBYE is said, its answer awaited */
    PHASE_LEFT,
};

struct session {
    struct session_config config;
    struct queue actions; /* of struct session_action */
    struct ledger ledger;
    struct seats seats;
    struct contact contact;
    enum phase phase;
    int64_t phase_us; /* since when */
    uint64_t nonce;   /* of the last HELLO: the session's number */
    bool unsaid;      /* since it was sent, something left the ledger */

    struct id run;
    uint64_t epoch;
    char endpoint[NAME_MAX_BYTES + 1];
    uint64_t max_result;
    enum way way;
    bool leaving;
    char farewell[512];
};

struct session *session_new(const struct session_config *config, int64_t now_us)
{
    struct session *session = allocate_zeroed(1, sizeof *session);
    session->config = *config;
    seats_init(&session->seats, config->slots, config->depth);
    contact_init(&session->contact, config->liveness_us, config->patience_us, now_us);
    session->way = config->monitor ? WAY_SHUT : WAY_UNKNOWN;
    queue_init(&session->actions, sizeof(struct session_action));
    ledger_init(&session->ledger);
    return session;
}

void session_destroy(struct session **session_p, void (*drop)(void *cargo))
{
    struct session *session = *session_p;
    if (!session)
        return;
    struct session_action action;
    while (queue_pop(&session->actions, &action))
        if (action.kind == SESSION_DROP)
            drop(action.cargo);
    struct ledger_task *task;
    while ((task = ledger_any(&session->ledger))) {
        drop(task->cargo);
        ledger_remove(&session->ledger, task);
    }
    ledger_deinit(&session->ledger);
    queue_deinit(&session->actions);
    seats_deinit(&session->seats);
    free(session);
    *session_p = NULL;
}

/* ---- actions ---- */

static struct session_action *act(struct session *session,
                                  enum session_action_kind kind)
{
    struct session_action *action = queue_push(&session->actions);
    *action = (struct session_action){.kind = kind, .session = session->nonce};
    return action;
}

static struct session_action *act_on(struct session *session,
                                     enum session_action_kind kind,
                                     const struct ledger_task *task)
{
    struct session_action *action = act(session, kind);
    action->slot = task->slot;
    action->seq = task->seq;
    action->attempt = task->attempt;
    action->run_us = task->run_us;
    action->cargo = task->cargo;
    return action;
}

static void say_hello(struct session *session, int64_t now_us)
{
    session->nonce++;
    session->unsaid = false;
    contact_asked(&session->contact, now_us);
    act(session, SESSION_HELLO);
}

static void say_ping(struct session *session, int64_t now_us)
{
    contact_pinged(&session->contact, now_us);
    act(session, SESSION_PING)->session = session->contact.open ? session->nonce : 0;
}

/* Off the ledger; its slot is free of it, and killed if it runs. */
static void remove_task(struct session *session, struct ledger_task *task)
{
    if (task->state == ENTRY_RUNNING) {
        seats_give_back(&session->seats, task->slot);
        seats_set_ready(&session->seats, task->slot, false);
        act_on(session, SESSION_KILL, task);
    }
    act_on(session, SESSION_DROP, task);
    ledger_remove(&session->ledger, task);
}

static void remove_all(struct session *session)
{
    struct ledger_task *task;
    while ((task = ledger_any(&session->ledger)))
        remove_task(session, task);
}

static void send_results(struct session *session)
{
    for (struct ledger_task *task = session->ledger.tasks; task; task = task->hh.next)
        if (task->state == ENTRY_DONE)
            act_on(session, SESSION_RESULT, task);
}

/* What was done while there was no session to say it in; DONE may be said again. */
static void say_done(struct session *session)
{
    for (struct ledger_task *task = session->ledger.tasks; task; task = task->hh.next)
        if (task->state == ENTRY_DONE)
            act_on(session, SESSION_DONE, task);
}

/* Results that wait to be sent are of the epoch that ends; sent later, they would bear
 * the name of the next. */
static void unsend_results(struct session *session)
{
    struct session_action action;
    for (size_t left = session->actions.count; left > 0; left--) {
        queue_pop(&session->actions, &action);
        if (action.kind != SESSION_RESULT)
            *(struct session_action *)queue_push(&session->actions) = action;
    }
}

static void set_phase(struct session *session, enum phase phase, int64_t now_us)
{
    session->phase = phase;
    session->phase_us = now_us;
}

static void leave(struct session *session, int status, int64_t now_us)
{
    if (session->phase == PHASE_LEFT)
        return;
    remove_all(session);
    set_phase(session, PHASE_LEFT, now_us);
    act(session, SESSION_LEAVE)->status = status;
}

/* ---- messages ---- */

static void on_welcome(struct session *session, const struct message *message,
                       int64_t now_us)
{
    if (session->contact.open || message->welcome.nonce != session->nonce ||
        message->welcome.session != session->nonce || session->phase != PHASE_SERVING)
        return;
    contact_welcomed(&session->contact, message->welcome.heartbeat_ms,
                     message->welcome.liveness_ms);
    bool same = message->welcome.epoch == session->epoch &&
                id_equal(&message->welcome.run, &session->run);
    if (!same) {
        unsend_results(session);
        remove_all(session);
    }
    session->run = message->welcome.run;
    session->epoch = message->welcome.epoch;
    session->max_result = message->welcome.max_result;
    slice_copy_text(message->welcome.endpoint, session->endpoint,
                    sizeof session->endpoint);
    session->way = session->config.monitor ? WAY_SHUT : WAY_UNKNOWN;
    act(session, SESSION_OPEN_WAY);
    say_done(session);
    if (!session->config.monitor)
        send_results(session); /* into the new socket, at once */
    say_ping(session, now_us);
}

static void on_forget(struct session *session, const struct message *message)
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

static void on_stop(struct session *session, int64_t now_us)
{
    act(session, SESSION_GOODBYE);
    if (!session->config.stay || session->leaving) {
        leave(session, STATUS_OK, now_us);
        return;
    }
    remove_all(session);
    session->contact.open = false;
    session->way = session->config.monitor ? WAY_SHUT : WAY_UNKNOWN;
    act(session, SESSION_CLOSE_WAY);
    set_phase(session, PHASE_RESTING, now_us);
}

static void on_reject(struct session *session, const struct message *message,
                      int64_t now_us)
{
    char text[400];
    slice_copy_text(message->reject.text, text, sizeof text);
    snprintf(session->farewell, sizeof session->farewell,
             "the ventilator rejects this worker: %s", text);
    leave(session, STATUS_PEER, now_us);
}

void session_on_message(struct session *session, const struct message *message,
                        int64_t now_us)
{
    if (session->phase == PHASE_LEFT || session->phase == PHASE_RESTING)
        return;
    contact_heard(&session->contact, now_us);
    switch ((int)message->type) {
    case MESSAGE_WHO:
        if (contact_answers_who(&session->contact, now_us))
            say_hello(session, now_us);
        break;
    case MESSAGE_WELCOME:
        on_welcome(session, message, now_us);
        break;
    case MESSAGE_FORGET:
        on_forget(session, message);
        break;
    case MESSAGE_STOP:
        on_stop(session, now_us);
        break;
    case MESSAGE_REJECT:
        on_reject(session, message, now_us);
        break;
    case MESSAGE_GOODBYE:
        if (session->phase == PHASE_PARTING)
            leave(session, STATUS_OK, now_us);
        break;
    default:
        break;
    }
}

bool session_on_task(struct session *session, uint64_t session_number,
                     const struct task_entry *entry, void *cargo, int64_t now_us)
{
    (void)now_us;
    if (session->phase != PHASE_SERVING || !session->contact.open ||
        session_number != session->nonce)
        return false;
    contact_carried(&session->contact);
    struct ledger_task *task = ledger_find(&session->ledger, entry->seq);
    if (session->leaving) {
        struct session_action *action = act(session, SESSION_RETURNED);
        action->seq = entry->seq;
        action->attempt = entry->attempt;
        return false;
    }
    if (task && task->attempt >= entry->attempt)
        return false;
    if (task) /* an attempt that the ventilator does not count on any more */
        remove_task(session, task);
    ledger_add(&session->ledger, entry->seq, entry->attempt, cargo);
    return true;
}

void session_on_way(struct session *session, bool open, int64_t now_us)
{
    if (!session->contact.open || !session->config.monitor)
        return;
    session->way = open ? WAY_OPEN : WAY_SHUT;
    if (open)
        send_results(session);
    say_ping(session, now_us);
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
    if (session->way != WAY_SHUT)
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

void session_on_unstarted(struct session *session, uint32_t slot, uint64_t seq,
                          uint32_t attempt)
{
    struct ledger_task *task = running(session, slot, seq, attempt);
    if (!task)
        return;
    seats_give_back(&session->seats, slot);
    ledger_set_state(&session->ledger, task, ENTRY_QUEUED);
}

void session_on_slot(struct session *session, uint32_t slot, bool ready)
{
    seats_set_ready(&session->seats, slot, ready);
}

static void start_tasks(struct session *session)
{
    struct ledger_task *task;
    uint32_t slot;
    while ((task = ledger_first_queued(&session->ledger)) &&
           seats_take(&session->seats, &slot)) {
        task->slot = slot;
        ledger_set_state(&session->ledger, task, ENTRY_RUNNING);
        act_on(session, SESSION_START, task);
    }
}

/* ---- leaving ---- */

static void hand_back(struct session *session, bool all)
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

static void part(struct session *session, int64_t now_us)
{
    if (!session->contact.open) {
        leave(session, STATUS_OK, now_us);
        return;
    }
    act(session, SESSION_GOODBYE);
    set_phase(session, PHASE_PARTING, now_us);
}

void session_leave(struct session *session, int64_t now_us)
{
    if (session->phase == PHASE_LEFT || session->phase == PHASE_PARTING)
        return;
    bool again = session->leaving;
    session->leaving = true;
    hand_back(session, again);
    if (session->phase == PHASE_SERVING)
        say_ping(session, now_us); /* says that it leaves: no more tasks */
    else
        leave(session, STATUS_OK, now_us);
}

/* ---- time ---- */

static void mind_ventilator(struct session *session, int64_t now_us)
{
    switch (contact_mind(&session->contact, now_us)) {
    case CONTACT_CONNECT:
        act(session, SESSION_CONNECT);
        say_hello(session, now_us);
        return;
    case CONTACT_HELLO:
        say_hello(session, now_us);
        return;
    case CONTACT_NOTHING:
        if (session->unsaid) /* also where WELCOME has come meanwhile */
            say_hello(session, now_us);
        return;
    case CONTACT_GIVE_UP:
        contact_complaint(&session->contact, session->farewell,
                          sizeof session->farewell);
        leave(session, STATUS_PEER, now_us);
        return;
    }
}

static void mind_leaving(struct session *session, int64_t now_us)
{
    bool alone = !session->contact.open &&
                 now_us - session->contact.alone_us > session->contact.liveness_us;
    if (!session->ledger.count || alone)
        part(session, now_us);
}

static void serve(struct session *session, int64_t now_us)
{
    mind_ventilator(session, now_us);
    if (session->phase != PHASE_SERVING)
        return;
    if (session->leaving)
        mind_leaving(session, now_us);
    start_tasks(session);
    if (contact_ping_due(&session->contact, now_us))
        say_ping(session, now_us);
}

int64_t session_tick(struct session *session, int64_t now_us)
{
    if (session->phase == PHASE_RESTING && now_us - session->phase_us >= STAY_US) {
        set_phase(session, PHASE_SERVING, now_us);
        contact_renew(&session->contact, now_us);
    }
    if (session->phase == PHASE_PARTING && now_us - session->phase_us >= FAREWELL_US)
        leave(session, STATUS_OK, now_us);
    if (session->phase == PHASE_SERVING)
        serve(session, now_us);
    switch (session->phase) {
    case PHASE_RESTING:
        return session->phase_us + STAY_US;
    case PHASE_PARTING:
        return session->phase_us + FAREWELL_US;
    case PHASE_SERVING:
        return session->contact.ping_us;
    case PHASE_LEFT:
        break;
    }
    return NEVER_US;
}

bool session_next(struct session *session, struct session_action *ret_action)
{
    return queue_pop(&session->actions, ret_action);
}

/* ---- queries ---- */

void *session_cargo(const struct session *session, uint64_t seq)
{
    const struct ledger_task *task = ledger_find(&session->ledger, seq);
    return task ? task->cargo : NULL;
}

const struct ledger_entry *session_ledger(struct session *session, uint32_t *ret_count)
{
    return ledger_list(&session->ledger, ret_count);
}

const struct attempt_entry *session_running(struct session *session,
                                            uint32_t *ret_count)
{
    return ledger_list_running(&session->ledger, ret_count);
}

bool session_leaving(const struct session *session)
{
    return session->leaving;
}

enum way session_way(const struct session *session)
{
    return session->way;
}

struct id session_run(const struct session *session)
{
    return session->run;
}

uint64_t session_epoch(const struct session *session)
{
    return session->epoch;
}

const char *session_endpoint(const struct session *session)
{
    return session->endpoint;
}

uint64_t session_max_result(const struct session *session)
{
    return session->max_result;
}

const char *session_farewell(const struct session *session)
{
    return session->farewell;
}

enum session_waits session_waits(const struct session *session)
{
    if (!session->contact.open)
        return SESSION_WAITS_VENTILATOR;
    return session->way == WAY_SHUT ? SESSION_WAITS_SINK : SESSION_WAITS_NOTHING;
}

uint64_t session_finished(const struct session *session)
{
    return session->seats.finished;
}
