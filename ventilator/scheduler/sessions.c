/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/sessions.h"

#include "common/clock.h"
#include "ventilator/scheduler/attempts.h"
#include "ventilator/scheduler/failures.h"
#include "ventilator/scheduler/loss_charges.h"
#include "ventilator/scheduler/standing.h"

enum {
    BACKOFF_MAX = 20, /* doublings of the time for a confirmation, */
    PAUSE_MAX = 5,    /* and of the pause before a chance: there may be nobody else */
};

/* One that was told to leave may be ended before it has left, and one that is excused
 * was ended by others: that costs nothing. */
static void lose_attempt(struct dispatch *dispatch, struct attempt *attempt, bool lost,
                         int64_t now_us)
{
    struct task *task = attempt->task;
    bool charge = lost && attempt->running && !attempt->session->leaving &&
                  !attempt->session->worker->excused;
    if (charge)
        loss_charges_add(dispatch, attempt, now_us);
    attempts_close(attempt);
    if (!lost || !failures_on_lost(dispatch, task, now_us))
        attempts_requeue(dispatch, task);
}

/* Nobody misses one that was told to leave. */
static void note_lost(struct dispatch *dispatch, struct worker_session *session,
                      int64_t now_us)
{
    struct known_worker *worker = session->worker;
    drain_state_on_lost(&worker->drain, now_us);
    if (session->leaving)
        return;
    dispatch->company.lost += !worker->lost;
    dispatch->company.last_lost = worker;
    worker->lost = true;
}

void sessions_drop(struct dispatch *dispatch, struct worker_session *session, bool lost,
                   int64_t now_us)
{
    struct attempt *attempt;
    while ((attempt = worker_session_first(session)))
        lose_attempt(dispatch, attempt, lost, now_us);
    dispatch->counts.lost_sessions += lost;
    if (lost)
        note_lost(dispatch, session, now_us);
    worker_pool_remove(&dispatch->pool, session);
}

/* What it has done may never arrive. */
static void give_to_others(struct dispatch *dispatch, struct worker_session *session)
{
    struct attempt *attempt;
    while ((attempt = worker_session_first(session))) {
        struct task *task = attempt->task;
        attempts_forget(dispatch, attempt);
        attempts_requeue(dispatch, task);
    }
}

/* It has results that it says are done, and that no live sink holds. */
static bool is_unconfirmed(const struct dispatch *dispatch,
                           const struct worker_session *session, int64_t now_us)
{
    const struct attempt *oldest = TAILQ_FIRST(&session->done);
    int64_t liveness_us = dispatch->config.liveness_us;
    uint32_t doublings = session->worker->unconfirmed;
    if (doublings > BACKOFF_MAX)
        doublings = BACKOFF_MAX;
    int64_t since_us = oldest ? sink_word_confirms_from_us(&dispatch->sink.word,
                                                           oldest->done_us, liveness_us,
                                                           now_us)
                              : NEVER_US;
    return since_us != NEVER_US && now_us - since_us > liveness_us << doublings;
}

static void requeue_untrusted(struct dispatch *dispatch,
                              const struct worker_session *session)
{
    struct attempt *attempt;
    TAILQ_FOREACH (attempt, &session->in_flight, of_session)
        attempts_requeue(dispatch, attempt->task);
    TAILQ_FOREACH (attempt, &session->done, of_session)
        attempts_requeue(dispatch, attempt->task);
}

static void tell(struct dispatch *dispatch, const struct worker_session *session,
                 enum dispatch_notice notice)
{
    struct dispatch_action *action =
        push_action(dispatch, DISPATCH_NOTICE, session->peer);
    action->notice = notice;
    action->worker.host = session->worker->host;
    action->worker.pid = session->worker->pid;
}

/* The worker answers WHO with its ledger, and sends its results again. The second time
 * somebody else gets its tasks, too: what it has done may never arrive. */
static void ask_again(struct dispatch *dispatch, struct worker_session *session)
{
    bool trusted = worker_session_is_trusted(session);
    session->worker->unconfirmed++;
    worker_session_touch(session);
    push_action(dispatch, DISPATCH_WHO, session->peer);
    if (trusted && !worker_session_is_trusted(session)) {
        session->worker->distrusted_us = dispatch->now_us;
        if (!session->worker->chances)
            tell(dispatch, session, NOTICE_UNCONFIRMED);
    }
    requeue_untrusted(dispatch, session);
}

void sessions_distrust(struct dispatch *dispatch, struct worker_session *session)
{
    if (worker_session_is_trusted(session)) {
        session->worker->distrusted_us = dispatch->now_us;
        if (!session->worker->chances)
            tell(dispatch, session, NOTICE_STRAY);
    }
    worker_session_distrust(session);
    requeue_untrusted(dispatch, session);
}

static struct attempt *find_refused(const struct dispatch *dispatch,
                                    const struct worker_session *session, uint64_t seq,
                                    uint32_t number)
{
    struct attempt *attempt =
        task_attempt_at(task_table_find(&dispatch->table, seq), session);
    return attempt && attempt->number == number ? attempt : NULL;
}

/* The worker has given a result that cannot be right: the attempt has failed. A result
 * of a task that it was not given says nothing of any attempt, but that what it gives
 * is not what was asked: it counts as one that cannot reach the sink.
 *
 * A result that the sink cannot borrow is as good as any: the worker sends it again
 * with its bytes, as the WELCOME that answers its HELLO says. */
void sessions_on_refused(struct dispatch *dispatch, const struct message *message,
                         int64_t now_us)
{
    struct known_worker *worker =
        worker_pool_look_up(&dispatch->pool, &message->refused.uuid);
    struct worker_session *session = worker ? worker->session : NULL;
    if (!session)
        return;
    if (message->refused.cause == FAILURE_REFERENCE) {
        if (!worker->unborrowed)
            push_action(dispatch, DISPATCH_WHO, session->peer);
        worker->unborrowed = true;
        return;
    }
    uint32_t number = message->refused.attempt;
    struct attempt *attempt =
        find_refused(dispatch, session, message->refused.seq, number);
    if (!attempt)
        attempt = find_refused(dispatch, session, message->refused.marked, number);
    if (!attempt) {
        sessions_distrust(dispatch, session);
        return;
    }
    push_attempt_action(dispatch, DISPATCH_FORGET, session, attempt->task->seq,
                        attempt->number);
    failures_on_failed(dispatch, attempt, message->refused.cause, message->refused.code,
                       message->refused.text, now_us);
}

/* Nothing of it is left that a sink could confirm: only another task can show whether
 * its results arrive now. */
static bool deserves_chance(const struct dispatch *dispatch,
                            const struct worker_session *session, int64_t now_us)
{
    const struct known_worker *worker = session->worker;
    uint32_t doublings = worker->chances < PAUSE_MAX ? worker->chances
                                                     : (uint32_t)PAUSE_MAX;
    return !worker_session_is_trusted(session) && !worker_session_first(session) &&
           now_us - worker->distrusted_us > dispatch->config.liveness_us << doublings;
}

void sessions_check_link(struct dispatch *dispatch, struct worker_session *session,
                         int64_t now_us)
{
    if (session->link == LINK_SHUT &&
        now_us - session->shut_us > dispatch->config.liveness_us)
        give_to_others(dispatch, session);
}

static void note_idle(struct worker_session *session, int64_t now_us)
{
    if (!session->idle_us && !worker_session_first(session))
        session->idle_us = now_us;
}

void sessions_check(struct dispatch *dispatch, int64_t now_us)
{
    int64_t liveness_us = dispatch->config.liveness_us;
    for (uint32_t i = dispatch->pool.count; i-- > 0;) {
        struct worker_session *session = dispatch->pool.sessions[i];
        if (now_us - session->heard_us > liveness_us) {
            sessions_drop(dispatch, session, true, now_us);
            continue;
        }
        push_action(dispatch, DISPATCH_PONG,
                    session->peer); /* EHOSTUNREACH tells where it is gone */
        sessions_check_link(dispatch, session, now_us);
        standing_check(dispatch, session, now_us);
        note_idle(session, now_us);
        if (is_unconfirmed(dispatch, session, now_us))
            ask_again(dispatch, session);
        if (deserves_chance(dispatch, session, now_us))
            worker_session_give_chance(session);
    }
}
