/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/admission.h"

#include "common/memory.h"
#include "common/protocol/payload_compression.h"
#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/ending.h"
#include "ventilator/scheduler/failures.h"
#include "ventilator/scheduler/loss_charges.h"
#include "ventilator/scheduler/sessions.h"
#include <stdlib.h>
#include <string.h>

enum { STALE_HELLOS = 3 }; /* in a row, until a person is told */

void admission_deinit(struct waiting_room *waiting)
{
    free(waiting->workers);
}

/* ---- the ledger ---- */

/* Where a task is bisected, its last attempt alone is known for what it is. */
static bool is_wanted(const struct task *task, const struct worker_session *session,
                      const struct ledger_entry *entry)
{
    if (!task_is_wanted(task))
        return false;
    if (task->bisect && entry->attempt != task->bisect->attempt)
        return false;
    return entry->attempt <= task->attempts &&
           !task_has_attempt(task, entry->attempt) && !task_attempt_at(task, session);
}

/* An entry that is still wanted moves over to the new session; the worker forgets the
 * rest. */
static void adopt(struct dispatch *dispatch, struct worker_session *session,
                  const struct ledger_entry *entry, int64_t now_us)
{
    struct task *task = task_table_find(&dispatch->table, entry->seq);
    if (!is_wanted(task, session, entry)) {
        push_attempt_action(dispatch, DISPATCH_FORGET, session, entry->seq,
                            entry->attempt);
        return;
    }
    struct attempt *attempt = attempts_add(&(struct attempt){
        .session = session,
        .task = task,
        .number = entry->attempt,
        .running = entry->state == ENTRY_RUNNING,
        .running_us = now_us,
        .isolates = failures_isolates(dispatch, task),
        .probe = task->bisect && crash_bisect_probes(task->bisect),
        .done = entry->state == ENTRY_DONE,
        .done_us = now_us,
    });
    if (worker_session_is_trusted(session))
        task->state = TASK_ASSIGNED;
    dispatch->counts.adopted++;
    if (attempt->probe && attempt->done)
        attempts_end_probe(dispatch, attempt);
}

/* ---- sessions ---- */

static struct worker_session *open_session(struct dispatch *dispatch,
                                           const struct waiting_worker *hello,
                                           int64_t now_us)
{
    struct worker_session *session = hello->worker->session;
    bool still_shut = session && session->link == LINK_SHUT && hello->link == LINK_SHUT;
    int64_t shut_us = still_shut ? session->shut_us : now_us;
    if (session)
        sessions_drop(dispatch, session, false, now_us);
    session = worker_pool_find(&dispatch->pool, hello->peer);
    if (session) /* one connection, another worker: the old one is gone */
        sessions_drop(dispatch, session, true, now_us);
    loss_charges_waive(dispatch, hello->worker);
    dispatch->company.lost -= hello->worker->lost;
    hello->worker->lost = false;
    session =
        worker_pool_add(&dispatch->pool, hello->peer, hello->worker, hello->slots);
    session->link = hello->link;
    session->heard_us = session->welcomed_us = now_us;
    session->shut_us = shut_us; /* a HELLO opens no link */
    push_action(dispatch, DISPATCH_WELCOME, hello->peer)->session = session->number;
    return session;
}

/* WELCOME says which run it is, and what every chunk begins with. */
static bool may_welcome(const struct dispatch *dispatch)
{
    return dispatch->epoch && !dispatch->config.awaits_header;
}

static void wait_for_welcome(struct waiting_room *waiting,
                             const struct waiting_worker *hello)
{
    for (uint32_t i = 0; i < waiting->count; i++)
        if (waiting->workers[i].worker == hello->worker) {
            waiting->workers[i] = *hello;
            return;
        }
    waiting->workers = room_for_one_more(waiting->workers, waiting->count,
                                         &waiting->capacity, sizeof *hello);
    waiting->workers[waiting->count++] = *hello;
}

void admission_welcome(struct dispatch *dispatch, int64_t now_us)
{
    if (!may_welcome(dispatch))
        return;
    for (uint32_t i = 0; i < dispatch->waiting.count; i++)
        open_session(dispatch, &dispatch->waiting.workers[i], now_us);
    dispatch->waiting.count = 0;
}

void admission_on_unreachable(struct dispatch *dispatch, uint32_t peer)
{
    struct waiting_room *waiting = &dispatch->waiting;
    for (uint32_t i = 0; i < waiting->count; i++)
        if (waiting->workers[i].peer == peer)
            waiting->workers[i--] = waiting->workers[--waiting->count];
}

/* ---- HELLO ---- */

static void tell(struct dispatch *dispatch, uint32_t peer,
                 const struct known_worker *worker, enum dispatch_notice notice)
{
    struct dispatch_action *action = push_action(dispatch, DISPATCH_NOTICE, peer);
    action->notice = notice;
    action->worker.host = worker->host;
    action->worker.pid = worker->pid;
}

/* Another process than the one that said HELLO with this uuid first. Two such workers
 * would take each other's session, for ever. */
static bool is_another(const struct known_worker *worker, const struct message *message)
{
    struct slice host = message->hello_worker.host;
    return worker->host &&
           (message->hello_worker.pid != worker->pid ||
            strlen(worker->host) != host.size ||
            (host.size && memcmp(worker->host, host.data, host.size) != 0));
}

/* What is open here needs no path that leads to it there. */
static enum reference_way references_of(const struct message *message)
{
    const struct capability *can = message->hello_worker.capabilities;
    uint32_t count = message->hello_worker.capability_count;
    return capability_is_named(can, count, CAPABILITY_EXTENTS) ? REFERENCE_OPENED
           : capability_is_named(can, count, CAPABILITY_ROOT)  ? REFERENCE_NAMED
                                                               : REFERENCE_NONE;
}

/* The worker that says HELLO; NULL: this HELLO is older than the last one. */
static struct known_worker *know_worker(struct dispatch *dispatch, uint32_t peer,
                                        const struct message *message)
{
    struct known_worker *worker =
        worker_pool_know(&dispatch->pool, &message->hello_worker.uuid);
    if (is_another(worker, message)) {
        push_action(dispatch, DISPATCH_REJECT, peer)->reason = REJECT_TAKEN;
        tell(dispatch, peer, worker, NOTICE_UUID);
        return NULL;
    }
    if (message->hello_worker.nonce <= worker->nonce) {
        if (++worker->stale_hellos == STALE_HELLOS)
            tell(dispatch, peer, worker, NOTICE_NONCE);
        return NULL;
    }
    worker->nonce = message->hello_worker.nonce;
    worker->stale_hellos = 0;
    worker_pool_name(worker, message);
    if (!dispatch->program)
        dispatch->program = message->hello_worker.program;
    worker->compressions = payload_compressions_named(
        message->hello_worker.capabilities, message->hello_worker.capability_count);
    worker->references = references_of(message);
    drain_state_on_hello(&worker->drain, message,
                         id_equal(&message->hello_worker.run, &dispatch->run_id));
    dispatch->drains |= worker->drain.drains;
    return worker;
}

static void admit(struct dispatch *dispatch, const struct waiting_worker *hello,
                  const struct message *message, int64_t now_us)
{
    const struct worker_session *before = hello->worker->session;
    bool owed = before && before->done_count;
    struct worker_session *session = open_session(dispatch, hello, now_us);
    bool same = message->hello_worker.epoch == dispatch->epoch &&
                id_equal(&message->hello_worker.run, &dispatch->run_id);
    for (uint32_t i = 0; same && i < message->hello_worker.count; i++) {
        drain_state_on_ledger(&hello->worker->drain, &message->hello_worker.ledger[i]);
        adopt(dispatch, session, &message->hello_worker.ledger[i], now_us);
    }
    if (!session->done_count && !owed)
        worker_session_confirm(session); /* the sink holds all that it had done */
    sessions_check_link(dispatch, session, now_us); /* its HELLO has opened none */
}

void admission_on_hello(struct dispatch *dispatch, uint32_t peer,
                        const struct message *message, int64_t now_us)
{
    if (run_state_is_over(&dispatch->run)) {
        if (dispatch->run.phase != RUN_GONE)
            push_action(dispatch, DISPATCH_STOP, peer);
        return;
    }
    if (ending_is_told(dispatch) && drain_state_named(message)) {
        push_action(dispatch, DISPATCH_REJECT, peer)->reason = REJECT_STATE;
        return;
    }
    struct waiting_worker hello = {.peer = peer,
                                   .worker = know_worker(dispatch, peer, message),
                                   .slots = message->hello_worker.slots,
                                   .link = message->hello_worker.link};
    if (!hello.worker)
        return;
    if (may_welcome(dispatch))
        admit(dispatch, &hello, message, now_us);
    else
        wait_for_welcome(&dispatch->waiting, &hello);
}
