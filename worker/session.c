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
#include "common/exit_status.h"
#include "common/memory.h"
#include "worker/session_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NEWS_AT_ONCE = 4,      /* PINGs a heartbeat that tell what was started */
    NEWS_A_HEARTBEAT = 8,  /* beyond these, however much is started */
    STAY_US = 500000,      /* before a worker that stays looks for the next run */
    FAREWELL_US = 1000000, /* how long to wait for the answer to GOODBYE */
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
    free(session->header);
    free(session);
    *session_p = NULL;
}

/* ---- actions ---- */

struct session_action *session_act(struct session *session,
                                   enum session_action_kind kind)
{
    struct session_action *action = queue_push(&session->actions);
    *action = (struct session_action){.kind = kind, .session = session->nonce};
    return action;
}

static void say_hello(struct session *session, int64_t now_us)
{
    session->nonce++;
    session->unsaid = false;
    contact_asked(&session->contact, now_us);
    session_act(session, SESSION_HELLO);
}

static void say_ping(struct session *session, int64_t now_us)
{
    contact_pinged(&session->contact, now_us);
    session->pinged_us = now_us;
    session->started = false;
    session_act(session, SESSION_PING)->session = session->contact.open ? session->nonce
                                                                        : 0;
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
    session_remove_all(session);
    set_phase(session, PHASE_LEFT, now_us);
    session_act(session, SESSION_LEAVE)->status = status;
}

/* ---- messages ---- */

/* Once a run and epoch: what runs reads it. */
static void keep_headers(struct session *session, const struct message *message)
{
    struct slice header = message->welcome.header;
    free(session->header);
    session->header = NULL;
    session->header_size = header.size;
    session->header_out = message->welcome.header_out;
    if (header.size == 0)
        return;
    session->header = allocate(header.size);
    memcpy(session->header, header.data, header.size);
}

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
        session_unsend_results(session);
        session_remove_all(session);
        keep_headers(session, message);
    }
    session->run = message->welcome.run;
    session->epoch = message->welcome.epoch;
    session->max_result = message->welcome.max_result;
    session->format_size = message->welcome.format.size;
    if (session->format_size)
        memcpy(session->format, message->welcome.format.data, session->format_size);
    slice_copy_text(message->welcome.endpoint, session->endpoint,
                    sizeof session->endpoint);
    session->way = session->config.monitor ? WAY_SHUT : WAY_UNKNOWN;
    session_act(session, SESSION_OPEN_WAY);
    session_say_done(session);
    if (!session->config.monitor)
        session_send_results(session); /* into the new socket, at once */
    say_ping(session, now_us);
}

static void on_stop(struct session *session, int64_t now_us)
{
    session_act(session, SESSION_GOODBYE);
    if (!session->config.stay || session->leaving) {
        leave(session, STATUS_OK, now_us);
        return;
    }
    session_remove_all(session);
    session->contact.open = false;
    session->way = session->config.monitor ? WAY_SHUT : WAY_UNKNOWN;
    session_act(session, SESSION_CLOSE_WAY);
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
        session_on_forget(session, message);
        break;
    case MESSAGE_STOP:
        on_stop(session, now_us);
        break;
    case MESSAGE_REJECT:
        on_reject(session, message, now_us);
        break;
    case MESSAGE_PONG:
        if (session->contact.open)
            session_on_echo(session);
        break;
    case MESSAGE_GOODBYE:
        if (session->phase == PHASE_PARTING)
            leave(session, STATUS_OK, now_us);
        break;
    default:
        break;
    }
}

void session_on_way(struct session *session, bool open, int64_t now_us)
{
    if (!session->contact.open || !session->config.monitor)
        return;
    session->way = open ? WAY_OPEN : WAY_SHUT;
    if (open)
        session_send_results(session);
    say_ping(session, now_us);
}

/* ---- leaving ---- */

static void part(struct session *session, int64_t now_us)
{
    if (!session->contact.open) {
        leave(session, STATUS_OK, now_us);
        return;
    }
    session_act(session, SESSION_GOODBYE);
    set_phase(session, PHASE_PARTING, now_us);
}

void session_leave(struct session *session, int64_t now_us)
{
    if (session->phase == PHASE_LEFT || session->phase == PHASE_PARTING)
        return;
    bool again = session->leaving;
    session->leaving = true;
    session_hand_back(session, again);
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
        session_act(session, SESSION_CONNECT);
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

/* What a worker was running when it was lost is known by its last PING, so what is
 * started is told at once, or where that is often, soon: a program that takes its
 * worker down may do so within a millisecond, and will again at the next worker. */
static int64_t ping_at_us(const struct session *session)
{
    int64_t pause_us = session->contact.heartbeat_us / NEWS_A_HEARTBEAT;
    int64_t soon_us = session->pinged_us +
                      (session->news < NEWS_AT_ONCE ? 0 : pause_us);
    bool news = session->started && session->contact.open;
    return news && soon_us < session->contact.ping_us ? soon_us
                                                      : session->contact.ping_us;
}

static void serve(struct session *session, int64_t now_us)
{
    mind_ventilator(session, now_us);
    if (session->phase != PHASE_SERVING)
        return;
    if (session->leaving)
        mind_leaving(session, now_us);
    for (uint32_t left = session_start_tasks(session); left > 0; left--)
        say_ping(session, now_us);
    if (now_us >= ping_at_us(session)) {
        bool due = contact_ping_due(&session->contact, now_us);
        session->news = due ? 0 : session->news + 1;
        say_ping(session, now_us);
    }
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
        return ping_at_us(session);
    case PHASE_LEFT:
        break;
    }
    return NEVER_US;
}

bool session_next(struct session *session, struct session_action *ret_action)
{
    if (!queue_pop(&session->actions, ret_action))
        return false;
    if (ret_action->kind == SESSION_KILL)
        seats_killed(&session->seats, ret_action->slot);
    return true;
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

struct slice session_format(const struct session *session)
{
    return (struct slice){session->format, session->format_size};
}

struct slice session_header(const struct session *session)
{
    return (struct slice){session->header, session->header_size};
}

uint32_t session_header_out(const struct session *session)
{
    return session->header_out;
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
