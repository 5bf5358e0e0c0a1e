/* SPDX-License-Identifier: MIT */
/*
 * What workers say: HELLO and its ledger, DONE, FAILED, RETURNED, PING, GOODBYE; and
 * what their silence says. Rules 1, 2, 3, 6 and 11 of DESIGN.
 */
#include "common/memory.h"
#include "ventilator/dispatch_state.h"

#include <stdlib.h>

bool dispatch_in_good_hands(const struct task *task)
{
    const struct attempt *attempt;
    LIST_FOREACH (attempt, &task->open, of_task)
        if (crew_trusts(attempt->session))
            return true;
    return false;
}

/* Off both lists. */
static void close_attempt(struct attempt *attempt)
{
    struct crew_session *session = attempt->session;
    LIST_REMOVE(attempt, of_task);
    if (attempt->done) {
        TAILQ_REMOVE(&session->done, attempt, of_session);
        session->done_count--;
    } else {
        TAILQ_REMOVE(&session->owed, attempt, of_session);
        session->owed_count--;
    }
    free(attempt);
}

static void send_forget(struct dispatch *dispatch, const struct crew_session *session,
                        uint64_t seq, uint32_t attempt)
{
    struct dispatch_action *action =
        dispatch_act(dispatch, DISPATCH_FORGET, session->peer);
    action->session = session->number;
    action->seq = seq;
    action->attempt = attempt;
}

void dispatch_send_forget(struct dispatch *dispatch, const struct attempt *attempt)
{
    send_forget(dispatch, attempt->session, attempt->seq, attempt->number);
}

void dispatch_forget(struct dispatch *dispatch, struct attempt *attempt)
{
    if (attempt->done)
        attempt->session->worker->doubts = 0;
    dispatch_send_forget(dispatch, attempt);
    close_attempt(attempt);
}

void dispatch_requeue(struct dispatch *dispatch, uint64_t seq)
{
    struct task *task = book_find(&dispatch->book, seq);
    if (task_is_wanted(task) && !dispatch_in_good_hands(task))
        book_requeue(&dispatch->book, seq);
}

/* A probe has told what it was to tell; there is no result to wait for. */
static void end_probe(struct dispatch *dispatch, struct attempt *attempt)
{
    uint64_t seq = attempt->seq;
    struct search *search = book_find(&dispatch->book, seq)->search;
    if (search && search->attempt == attempt->number)
        search_on_survived(search);
    dispatch_forget(dispatch, attempt);
    dispatch_requeue(dispatch, seq);
}

/* ---- sessions ---- */

/* Charged as often as it may be, and in nobody's hands any more: charges come when the
 * task is with the next worker already, so this is where they count. */
static bool is_lost_for_good(struct dispatch *dispatch, uint64_t seq, int64_t now_us)
{
    const struct task *task = book_find(&dispatch->book, seq);
    return task_is_wanted(task) &&
           dispatch_give_up(dispatch, seq, FAILURE_LOST, 0, (struct slice){0}, now_us);
}

/* Its session is gone. */
static void lose_attempt(struct dispatch *dispatch, struct attempt *attempt, bool lost,
                         int64_t now_us)
{
    uint64_t seq = attempt->seq;
    struct task *task = book_find(&dispatch->book, seq);
    bool charge = lost && attempt->running;
    bool waits = charge && dispatch_awaits_charge(dispatch, task, attempt);
    if (charge)
        dispatch_add_charge(dispatch, attempt, now_us);
    close_attempt(attempt);
    if (waits && !dispatch_in_good_hands(task))
        task->state = TASK_QUEUED; /* and not among those to be sent, yet */
    else if (!lost || !is_lost_for_good(dispatch, seq, now_us))
        dispatch_requeue(dispatch, seq);
}

void dispatch_drop(struct dispatch *dispatch, struct crew_session *session, bool lost,
                   int64_t now_us)
{
    for (int list = 0; list < 2; list++) {
        struct attempt_queue *attempts = list ? &session->done : &session->owed;
        struct attempt *attempt;
        while ((attempt = TAILQ_FIRST(attempts)))
            lose_attempt(dispatch, attempt, lost, now_us);
    }
    dispatch->counts.lost_sessions += lost;
    crew_remove(&dispatch->crew, session);
}

/* Where a task's records are searched, only its last attempt is known for what it is.
 */
static bool wanted(const struct dispatch *dispatch, const struct crew_session *session,
                   const struct ledger_entry *entry)
{
    const struct task *task = book_find(&dispatch->book, entry->seq);
    if (!task_is_wanted(task))
        return false;
    if (task->search && entry->attempt != task->search->attempt)
        return false;
    return entry->attempt <= task->attempts &&
           !dispatch_has_attempt(task, entry->attempt) &&
           !book_attempt(&dispatch->book, entry->seq, session);
}

/* One entry of a ledger: what is still wanted moves over to the new session, the rest
 * is to be forgotten. */
static void adopt(struct dispatch *dispatch, struct crew_session *session,
                  const struct ledger_entry *entry, int64_t now_us)
{
    if (!wanted(dispatch, session, entry)) {
        send_forget(dispatch, session, entry->seq, entry->attempt);
        return;
    }
    struct task *task = book_find(&dispatch->book, entry->seq);
    struct attempt *attempt = allocate_zeroed(1, sizeof *attempt);
    *attempt = (struct attempt){
        .session = session,
        .seq = entry->seq,
        .number = entry->attempt,
        .running = entry->state == ENTRY_RUNNING,
        .running_us = now_us,
        .isolates = dispatch_isolates(dispatch, task),
        .probe = task->search && search_probes(task->search),
        .done = entry->state == ENTRY_DONE,
        .done_us = now_us,
    };
    LIST_INSERT_HEAD(&task->open, attempt, of_task);
    TAILQ_INSERT_TAIL(attempt->done ? &session->done : &session->owed, attempt,
                      of_session);
    *(attempt->done ? &session->done_count : &session->owed_count) += 1;
    if (crew_trusts(session))
        task->state = TASK_OUT;
    dispatch->counts.adopted++;
    if (attempt->probe && attempt->done)
        end_probe(dispatch, attempt);
}

static struct crew_session *open_session(struct dispatch *dispatch, uint32_t peer,
                                         struct crew_worker *worker, uint32_t slots,
                                         enum way way, int64_t now_us)
{
    struct crew_session *session = crew_find_worker(&dispatch->crew, worker);
    if (session)
        dispatch_drop(dispatch, session, false, now_us);
    session = crew_find(&dispatch->crew, peer);
    if (session) /* one connection, another worker: the old one is gone */
        dispatch_drop(dispatch, session, true, now_us);
    dispatch_waive_charges(dispatch, worker);
    session = crew_add(&dispatch->crew, peer, worker, slots);
    session->way = way;
    session->heard_us = session->shut_us = session->welcomed_us = now_us;
    struct dispatch_action *action = dispatch_act(dispatch, DISPATCH_WELCOME, peer);
    action->session = session->number;
    action->nonce = worker->nonce;
    return session;
}

static void hold_hello(struct dispatch *dispatch, uint32_t peer,
                       struct crew_worker *worker, uint32_t slots, enum way way)
{
    struct held_hello hello = {
        .peer = peer, .worker = worker, .slots = slots, .way = way};
    for (uint32_t i = 0; i < dispatch->held_count; i++)
        if (dispatch->held[i].worker == worker) {
            dispatch->held[i] = hello;
            return;
        }
    dispatch->held = room_for_one_more(dispatch->held, dispatch->held_count,
                                       &dispatch->held_capacity, sizeof hello);
    dispatch->held[dispatch->held_count++] = hello;
}

/* WELCOME says what run it is, and what every chunk begins with. */
static bool may_welcome(const struct dispatch *dispatch)
{
    return dispatch->epoch && !dispatch->config.awaits_header;
}

void dispatch_welcome_held(struct dispatch *dispatch, int64_t now_us)
{
    if (!may_welcome(dispatch))
        return;
    for (uint32_t i = 0; i < dispatch->held_count; i++) {
        const struct held_hello *hello = &dispatch->held[i];
        open_session(dispatch, hello->peer, hello->worker, hello->slots, hello->way,
                     now_us);
    }
    dispatch->held_count = 0;
}

void dispatch_hello_worker(struct dispatch *dispatch, uint32_t peer,
                           const struct message *message, int64_t now_us)
{
    if (dispatch->gone)
        return;
    if (dispatch->over) {
        dispatch_act(dispatch, DISPATCH_STOP, peer);
        return;
    }
    struct crew_worker *worker =
        crew_worker(&dispatch->crew, &message->hello_worker.uuid);
    if (message->hello_worker.nonce <= worker->nonce)
        return; /* older than what is known */
    worker->nonce = message->hello_worker.nonce;
    if (dispatch->config.tells_ends)
        crew_name(worker, message->hello_worker.host, message->hello_worker.command);
    if (!dispatch->program)
        dispatch->program = message->hello_worker.program;
    uint32_t slots = message->hello_worker.slots;
    enum way way = message->hello_worker.way;
    if (!may_welcome(dispatch)) {
        hold_hello(dispatch, peer, worker, slots, way);
        return;
    }
    struct crew_session *session =
        open_session(dispatch, peer, worker, slots, way, now_us);
    bool same = message->hello_worker.epoch == dispatch->epoch &&
                id_equal(&message->hello_worker.run, &dispatch->run);
    for (uint32_t i = 0; same && i < message->hello_worker.count; i++)
        adopt(dispatch, session, &message->hello_worker.ledger[i], now_us);
    if (!session->done_count)
        worker->doubts = 0; /* all that it had done is held: none is left to confirm */
}

/* ---- what a session says ---- */

/* The attempt that it names, if the session has it: no other, no older one. */
static struct attempt *named(const struct dispatch *dispatch,
                             const struct crew_session *session, uint64_t seq,
                             uint32_t number)
{
    struct attempt *attempt = book_attempt(&dispatch->book, seq, session);
    return attempt && attempt->number == number ? attempt : NULL;
}

/* What is not run time of a task that did not wait for a slot is its way there, and
 * back. */
static void measure_trip(const struct attempt *attempt, uint64_t run_us, int64_t now_us)
{
    uint64_t all_us = (uint64_t)(now_us - attempt->sent_us);
    int64_t trip_us = run_us < all_us ? (int64_t)(all_us - run_us) : 0;
    bool came_late = attempt->missing_us &&
                     attempt->sent_us + trip_us > attempt->missing_us;
    if (attempt->at_once || came_late)
        crew_measure_trip(attempt->session, trip_us);
}

/* An attempt at it ran there for so long. */
static void note_run(struct dispatch *dispatch, const struct crew_session *session,
                     uint64_t seq, uint64_t run_us, bool well, int64_t now_us)
{
    struct task_run run = {.ended_us = now_us,
                           .run_us = run_us,
                           .worker = session->worker->number,
                           .well = well};
    dispatch_note_run(dispatch, seq, &run);
}

static void on_done(struct dispatch *dispatch, struct crew_session *session,
                    const struct done_entry *entry, int64_t now_us)
{
    struct attempt *attempt = named(dispatch, session, entry->seq, entry->attempt);
    if (!attempt || !attempt->probe)
        note_run(dispatch, session, entry->seq, entry->run_us, true, now_us);
    if (!attempt || attempt->done)
        return;
    dispatch->counts.done++;
    if (attempt->probe) {
        end_probe(dispatch, attempt);
        return;
    }
    TAILQ_REMOVE(&session->owed, attempt, of_session);
    TAILQ_INSERT_TAIL(&session->done, attempt, of_session);
    session->owed_count--;
    session->done_count++;
    attempt->done = true;
    attempt->running = false;
    attempt->done_us = now_us;
    if (attempt->isolates)
        return; /* it ran in parts, and some of them again */
    const struct task *task = book_find(&dispatch->book, entry->seq);
    if (attempt->number == 1 && attempt->sent_us)
        measure_trip(attempt, entry->run_us, now_us);
    crew_measure(session, entry->run_us, task->length);
    run_times_add(&dispatch->run_times, entry->run_us);
    if (dispatch->config.block_auto)
        block_size_add(&dispatch->block_size, entry->run_us, task->length,
                       task->records);
}

void dispatch_fail(struct dispatch *dispatch, struct attempt *attempt, enum failure how,
                   uint32_t code, struct slice text, int64_t now_us)
{
    uint64_t seq = attempt->seq;
    struct task *task = book_find(&dispatch->book, seq);
    task->failed_by = attempt->session->worker->number;
    task->fails++;
    if (task->search && task->search->attempt == attempt->number)
        search_on_survived(task->search); /* the worker was not lost with it */
    close_attempt(attempt);
    dispatch->counts.failed++;
    if (!task_is_wanted(task))
        return;
    if (!dispatch_give_up(dispatch, seq, how, code, text, now_us))
        dispatch_requeue(dispatch, seq);
}

static void on_failed(struct dispatch *dispatch, const struct crew_session *session,
                      const struct message *message, int64_t now_us)
{
    struct attempt *attempt =
        named(dispatch, session, message->failed.seq, message->failed.attempt);
    if (!attempt)
        return;
    note_run(dispatch, session, attempt->seq, message->failed.run_us, false, now_us);
    dispatch_fail(dispatch, attempt, message->failed.how, message->failed.code,
                  message->failed.text, now_us);
}

static void on_returned(struct dispatch *dispatch, struct crew_session *session,
                        const struct attempt_entry *entry)
{
    struct attempt *attempt = named(dispatch, session, entry->seq, entry->attempt);
    if (!attempt)
        return;
    close_attempt(attempt);
    dispatch->counts.returned++;
    book_find(&dispatch->book, entry->seq)->handed_back = true;
    dispatch_requeue(dispatch, entry->seq);
}

/* A worker with a free slot starts what it has: the oldest of what does not run is on
 * its way. (What is tried again starts later.) */
static void note_missing(struct crew_session *session, uint32_t running, int64_t now_us)
{
    struct attempt *attempt;
    if (running >= session->slots)
        return;
    TAILQ_FOREACH (attempt, &session->owed, of_session)
        if (!attempt->running) {
            attempt->missing_us = now_us;
            return;
        }
}

static void on_ping(struct dispatch *dispatch, struct crew_session *session,
                    const struct message *message, int64_t now_us)
{
    if (session->way == WAY_OPEN && message->ping.way == WAY_SHUT)
        session->shut_us = now_us;
    session->way = message->ping.way;
    session->leaving = message->ping.leaving;
    if (!session->answered)
        crew_measure_trip(session, now_us - session->welcomed_us);
    session->answered = true;
    struct attempt *attempt;
    TAILQ_FOREACH (attempt, &session->owed, of_session)
        attempt->was_running = attempt->running, attempt->running = false;
    for (uint32_t i = 0; i < message->ping.count; i++) {
        attempt = named(dispatch, session, message->ping.running[i].seq,
                        message->ping.running[i].attempt);
        if (!attempt || attempt->done)
            continue;
        attempt->running = true;
        if (!attempt->was_running)
            attempt->running_us = now_us;
    }
    note_missing(session, message->ping.count, now_us);
}

/* The session that the message bears; 0 for types that bear none. */
static uint64_t session_of(const struct message *message)
{
    switch ((int)message->type) {
    case MESSAGE_DONE:
        return message->done.session;
    case MESSAGE_FAILED:
        return message->failed.session;
    case MESSAGE_RETURNED:
        return message->returned.session;
    case MESSAGE_PING:
        return message->ping.session;
    case MESSAGE_GOODBYE:
        return message->goodbye.session;
    default:
        return 0;
    }
}

void dispatch_on_worker_message(struct dispatch *dispatch, struct crew_session *session,
                                const struct message *message, int64_t now_us)
{
    session->heard_us = now_us;
    if (message->type == MESSAGE_PING)
        dispatch_act(dispatch, DISPATCH_PONG, session->peer);
    if (session_of(message) != session->number)
        return; /* of another session: HELLO says it all */
    switch ((int)message->type) {
    case MESSAGE_DONE:
        for (uint32_t i = 0; i < message->done.count; i++)
            on_done(dispatch, session, &message->done.entries[i], now_us);
        break;
    case MESSAGE_FAILED:
        on_failed(dispatch, session, message, now_us);
        break;
    case MESSAGE_RETURNED:
        for (uint32_t i = 0; i < message->returned.count; i++)
            on_returned(dispatch, session, &message->returned.entries[i]);
        break;
    case MESSAGE_PING:
        on_ping(dispatch, session, message, now_us);
        break;
    case MESSAGE_GOODBYE:
        dispatch_act(dispatch, DISPATCH_FAREWELL, session->peer);
        dispatch_drop(dispatch, session, false, now_us);
        break;
    default:
        break;
    }
}

/* ---- once a heartbeat ---- */

/* Its way to the sink is shut for too long: its tasks go to others. */
static void give_to_others(struct dispatch *dispatch, struct crew_session *session)
{
    for (int list = 0; list < 2; list++) {
        struct attempt_queue *attempts = list ? &session->done : &session->owed;
        struct attempt *attempt;
        while ((attempt = TAILQ_FIRST(attempts))) {
            uint64_t seq = attempt->seq;
            dispatch_forget(dispatch, attempt);
            dispatch_requeue(dispatch, seq);
        }
    }
}

/* Results that it says are done, and no live sink holds: it is asked what it has, and
 * sends them again. */
static void doubt(struct dispatch *dispatch, struct crew_session *session)
{
    session->worker->doubts++;
    dispatch_act(dispatch, DISPATCH_WHO, session->peer);
    struct attempt *attempt;
    TAILQ_FOREACH (attempt, &session->owed, of_session)
        dispatch_requeue(dispatch, attempt->seq);
    TAILQ_FOREACH (attempt, &session->done, of_session)
        dispatch_requeue(dispatch, attempt->seq);
}

static bool unconfirmed(const struct dispatch *dispatch,
                        const struct crew_session *session, int64_t now_us)
{
    const struct attempt *oldest = TAILQ_FIRST(&session->done);
    int64_t liveness_us = dispatch->config.liveness_us;
    uint32_t doubts = session->worker->doubts < 20 ? session->worker->doubts : 20;
    return oldest && now_us - dispatch->sink.heard_us < liveness_us &&
           now_us - oldest->done_us > liveness_us << doubts;
}

void dispatch_mind_sessions(struct dispatch *dispatch, int64_t now_us)
{
    int64_t liveness_us = dispatch->config.liveness_us;
    for (uint32_t i = dispatch->crew.count; i-- > 0;) {
        struct crew_session *session = dispatch->crew.sessions[i];
        if (now_us - session->heard_us > liveness_us) {
            dispatch_drop(dispatch, session, true, now_us);
            continue;
        }
        dispatch_act(dispatch, DISPATCH_PONG,
                     session->peer); /* EHOSTUNREACH tells where it is gone */
        if (session->way == WAY_SHUT && now_us - session->shut_us > liveness_us)
            give_to_others(dispatch, session);
        if (unconfirmed(dispatch, session, now_us))
            doubt(dispatch, session);
    }
}
