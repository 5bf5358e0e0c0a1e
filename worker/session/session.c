/* SPDX-License-Identifier: MIT */
/*
 * The worker's core. A session is open from WELCOME until the next HELLO, whose nonce
 * is its number. The worker ignores what the ventilator sends outside of it, or with
 * another session's number. Outside of a session the worker says nothing of attempts
 * either: the ledger may be of an epoch that the ventilator has left, where seq and
 * attempt named another chunk. A task that is done waits on the ledger for WELCOME; one
 * that fails or goes back leaves the ledger, and the next HELLO shows that.
 *
 * A task leaves the ledger by FORGET, by failing, by being handed back, or with its
 * epoch; never because it is done.
 */
#include "worker/session/session.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "worker/session/session_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EARLY_PINGS_AT_ONCE = 4,     /* a heartbeat; each tells what has started */
    EARLY_PINGS_A_HEARTBEAT = 8, /* beyond these, however much starts */
    STAY_US = 500000,            /* before a worker that stays looks for the next run */
    GOODBYE_US = 1000000,        /* how long to wait for the answer to GOODBYE */
};

struct session *session_new(const struct session_config *config, int64_t now_us)
{
    struct session *session = allocate_zeroed(1, sizeof *session);
    session->config = *config;
    slot_table_init(&session->slot_table, config->slots, config->depth);
    liveness_init(&session->liveness, config->liveness_us, config->patience_us, now_us);
    session->liveness.wait_us = config->wait_us;
    session->link = config->monitor ? LINK_SHUT : LINK_UNKNOWN;
    session->drained = true;
    ring_init(&session->actions, sizeof(struct session_action));
    ledger_init(&session->ledger);
    return session;
}

void session_destroy(struct session **session_p, void (*drop)(void *cargo))
{
    struct session *session = *session_p;
    if (!session)
        return;
    struct session_action action;
    while (ring_pop(&session->actions, &action))
        if (action.kind == SESSION_DROP)
            drop(action.cargo);
    struct ledger_task *task;
    while ((task = ledger_any(&session->ledger))) {
        drop(task->cargo);
        ledger_remove(&session->ledger, task);
    }
    ledger_deinit(&session->ledger);
    ring_deinit(&session->actions);
    slot_table_deinit(&session->slot_table);
    free(session->header);
    free(session);
    *session_p = NULL;
}

/* ---- what it sends ---- */

static void send_hello(struct session *session, int64_t now_us)
{
    session->nonce++;
    session->hello_due = false;
    liveness_asked(&session->liveness, now_us);
    session_act(session, SESSION_HELLO);
}

static void send_ping(struct session *session, int64_t now_us)
{
    liveness_pinged(&session->liveness, now_us);
    session->pinged_us = now_us;
    session->started = false;
    session_act(session, SESSION_PING)->session =
        session->liveness.open ? session->nonce : 0;
}

static void set_phase(struct session *session, enum session_phase phase, int64_t now_us)
{
#define BIT(name)     (1U << PHASE_##name)
#define X(name, next) [PHASE_##name] = (next),
    static const unsigned next[] = {SESSION_PHASES(X)};
#undef X
#undef BIT
    assert(next[session->phase] & 1U << phase);
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

/* Only where another run or epoch begins: running tasks read the header. */
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

static void on_other_version(struct session *session, uint32_t version, int64_t now_us)
{
    snprintf(session->exit_reason, sizeof session->exit_reason,
             "the ventilator speaks FANFOLD/%u, this worker FANFOLD/%d: start programs "
             "of one version",
             version, PROTOCOL_VERSION);
    leave(session, STATUS_PEER, now_us);
}

static void on_welcome(struct session *session, const struct message *message,
                       int64_t now_us)
{
    if (session->liveness.open || message->welcome.nonce != session->nonce ||
        message->welcome.session != session->nonce || session->phase != PHASE_SERVING)
        return;
    liveness_welcomed(&session->liveness, message->welcome.heartbeat_ms,
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
    session_take_endpoints(session, message);
    session->link = session->config.monitor ? LINK_SHUT : LINK_UNKNOWN;
    session->shut_us = now_us;
    session_act(session, SESSION_OPEN_LINK);
    session_send_dones(session);
    if (session->doubted)
        session_act(session, SESSION_DOUBT);
    if (!session->config.monitor)
        session_send_results(session); /* into the new socket, at once */
    send_ping(session, now_us);
}

static void on_stop(struct session *session, int64_t now_us)
{
    session_act(session, SESSION_GOODBYE);
    session->drain_owed = false;
    if (!session->config.stay || session->leaving || session->doubted) {
        leave(session, STATUS_OK, now_us);
        return;
    }
    session_remove_all(session);
    session->liveness.open = false;
    session->link = session->config.monitor ? LINK_SHUT : LINK_UNKNOWN;
    session_act(session, SESSION_CLOSE_LINK);
    if (session->config.drains && !session->drained)
        session_drain(session); /* what is in doubt is no concern of the next run */
    set_phase(session, PHASE_RESTING, now_us);
}

static void on_reject(struct session *session, const struct message *message,
                      int64_t now_us)
{
    char text[400];
    slice_copy_printable(message->reject.text, text, sizeof text);
    snprintf(session->exit_reason, sizeof session->exit_reason,
             "the ventilator rejects this worker: %s", text);
    if (message->reject.reason == REJECT_VERSION) {
        size_t length = strlen(session->exit_reason);
        snprintf(session->exit_reason + length, sizeof session->exit_reason - length,
                 " (this worker speaks FANFOLD/%d)", PROTOCOL_VERSION);
    }
    leave(session, STATUS_PEER, now_us);
}

void session_on_message(struct session *session, const struct message *message,
                        int64_t now_us)
{
    if (session->phase == PHASE_LEFT || session->phase == PHASE_RESTING)
        return;
    liveness_heard(&session->liveness, now_us);
    switch ((int)message->type) {
    case MESSAGE_WHO:
        if (liveness_answers_who(&session->liveness, now_us))
            send_hello(session, now_us);
        break;
    case MESSAGE_WELCOME:
        if (message->welcome.version == PROTOCOL_VERSION)
            on_welcome(session, message, now_us);
        else
            on_other_version(session, message->welcome.version, now_us);
        break;
    case MESSAGE_FORGET:
        session_on_forget(session, message);
        break;
    case MESSAGE_DRAIN:
        session_on_drain(session, message);
        break;
    case MESSAGE_STOP:
        on_stop(session, now_us);
        break;
    case MESSAGE_REJECT:
        on_reject(session, message, now_us);
        break;
    case MESSAGE_PONG:
        if (session->liveness.open)
            session_on_pong(session);
        break;
    case MESSAGE_GOODBYE:
        if (session->phase == PHASE_PARTING)
            leave(session, STATUS_OK, now_us);
        break;
    default:
        break;
    }
}

void session_on_link(struct session *session, bool open, int64_t now_us)
{
    if (!session->liveness.open || !session->config.monitor)
        return;
    session->link = open ? LINK_OPEN : LINK_SHUT;
    session->shut_us = now_us;
    if (open)
        session_send_results(session);
    send_ping(session, now_us);
}

/* ---- leaving ---- */

static void part(struct session *session, int64_t now_us)
{
    if (!session->liveness.open) {
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
        send_ping(session,
                  now_us); /* says that it leaves, and ends the flow of tasks */
    else
        leave(session, STATUS_OK, now_us);
}

/* ---- time ---- */

static void check_ventilator(struct session *session, int64_t now_us)
{
    switch (liveness_tick(&session->liveness, now_us)) {
    case LIVENESS_CONNECT:
        session_act(session, SESSION_CONNECT);
        send_hello(session, now_us);
        return;
    case LIVENESS_HELLO:
        send_hello(session, now_us);
        return;
    case LIVENESS_NOTHING:
        if (session->hello_due) /* a WELCOME since then did not know of it */
            send_hello(session, now_us);
        return;
    case LIVENESS_GIVE_UP:
        liveness_complaint(&session->liveness, session->exit_reason,
                           sizeof session->exit_reason);
        leave(session, STATUS_PEER, now_us);
        return;
    }
}

static void check_leaving(struct session *session, int64_t now_us)
{
    bool alone = !session->liveness.open &&
                 now_us - session->liveness.alone_us > session->liveness.liveness_us;
    session_hand_back(session,
                      false); /* slots have given back what they had not begun */
    if (session->ledger.count && !alone)
        return;
    if (session->config.drains && session->liveness.open && !session->drained)
        session_drain(session);
    else
        part(session, now_us);
}

/* When a worker is lost, the ventilator knows by its last PING which tasks it ran. So
 * the worker tells of a start at once, or soon where starts are many: a program that
 * takes its worker down may do so within a millisecond, and will again at the next
 * worker. */
static int64_t ping_at_us(const struct session *session)
{
    int64_t due_us = session->liveness.ping_us;
    int64_t pause_us = session->early_pings < EARLY_PINGS_AT_ONCE
                           ? 0
                           : session->liveness.heartbeat_us / EARLY_PINGS_A_HEARTBEAT;
    int64_t early_us = session->pinged_us + pause_us;
    bool early = session->started && session->liveness.open;
    return early && early_us < due_us ? early_us : due_us;
}

static void serve(struct session *session, int64_t now_us)
{
    check_ventilator(session, now_us);
    if (session->phase != PHASE_SERVING)
        return;
    session_check_link(session, now_us);
    if (session->leaving)
        check_leaving(session, now_us);
    enum session_loss loss = session->leaving ? LOSS_NONE
                                              : session_loss(session, now_us);
    if (loss == LOSS_LEAVES)
        leave(session, STATUS_PEER, now_us);
    for (uint32_t left = loss ? 0 : session_start_tasks(session); left > 0; left--)
        send_ping(session, now_us);
    if (now_us >= ping_at_us(session)) {
        bool due = liveness_ping_due(&session->liveness, now_us);
        session->early_pings = due ? 0 : session->early_pings + 1;
        send_ping(session, now_us);
    }
}

int64_t session_tick(struct session *session, int64_t now_us)
{
    if (session->phase == PHASE_RESTING && !session->draining &&
        now_us - session->phase_us >= STAY_US) {
        set_phase(session, PHASE_SERVING, now_us);
        liveness_renew(&session->liveness, now_us);
    }
    if (session->phase == PHASE_PARTING && now_us - session->phase_us >= GOODBYE_US)
        leave(session, STATUS_OK, now_us);
    if (session->phase == PHASE_SERVING)
        serve(session, now_us);
    switch (session->phase) {
    case PHASE_RESTING:
        return session->draining ? NEVER_US : session->phase_us + STAY_US;
    case PHASE_PARTING:
        return session->phase_us + GOODBYE_US;
    case PHASE_SERVING:
        return ping_at_us(session);
    case PHASE_LEFT:
        break;
    }
    return NEVER_US;
}

/* ---- queries ---- */

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

bool session_is_open(const struct session *session)
{
    return session->liveness.open && session->phase == PHASE_SERVING;
}

struct id session_run(const struct session *session)
{
    return session->run;
}

uint64_t session_epoch(const struct session *session)
{
    return session->epoch;
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

const char *session_exit_reason(const struct session *session)
{
    return session->exit_reason;
}

enum session_waits session_waits(const struct session *session)
{
    if (!session->liveness.open)
        return SESSION_WAITS_VENTILATOR;
    if (session->link == LINK_SHUT)
        return SESSION_WAITS_SINK;
    if (session->ledger.count == 0)
        return SESSION_WAITS_TASKS;
    bool work = session->ledger.running || ledger_first_queued(&session->ledger);
    return work ? SESSION_WAITS_NOTHING : SESSION_WAITS_HELD;
}

uint64_t session_finished(const struct session *session)
{
    return session->slot_table.finished;
}
