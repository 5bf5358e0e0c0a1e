/* SPDX-License-Identifier: MIT */
/*
 * The sink's core.
 *
 *     sequence.written   what is written: everything before it; the position
 *     commits.sure       what is safe; without a journal the same as written
 *
 * Run and epoch are given out here, in one local step: on WELCOME from another
 * ventilator than the last the epoch rises, what is parked is dropped, and only when
 * that is safe (and everything that was given out is written) BEGIN is said.
 */
#include "sink/session.h"

#include "common/clock.h"
#include "common/contact.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/queue.h"
#include "sink/commits.h"
#include "sink/news.h"
#include "sink/sequence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FINISHED_US = 20000,   /* between two FINISHED */
    FAREWELL_US = 2000000, /* how long a sink that gave up waits for GOODBYE */
};

struct sink_session {
    struct sink_session_config config;
    struct queue actions; /* of struct sink_action */
    struct contact contact;
    struct sequence sequence;
    struct commits commits;
    struct news news;

    struct id run;
    struct id uid; /* of the ventilator that has this epoch */
    uint64_t epoch;
    uint64_t buffer;
    bool begin_owed; /* to begin_uid */
    struct id begin_uid;

    bool ended;          /* END has come, or the sink gave up */
    uint64_t total;      /* valid once ended with OUTCOME_COMPLETE */
    bool final;          /* all is written, and to be committed as such */
    bool finished;       /* all is safe: FINISHED may be said */
    int64_t finished_us; /* since when; or the start */
    int64_t told_us;     /* the last FINISHED; 0: none */
    bool left;
    struct sink_verdict verdict;
};

struct sink_session *sink_session_new(const struct sink_session_config *config,
                                      int64_t now_us)
{
    struct sink_session *session = allocate_zeroed(1, sizeof *session);
    session->config = *config;
    session->run = config->position.run;
    session->uid = config->position.uid;
    session->epoch = config->position.epoch;
    session->finished = session->final = config->position.finished;
    session->finished_us = now_us;
    contact_init(&session->contact, config->liveness_us, config->patience_us, now_us);
    sequence_init(&session->sequence, config->position.next, config->ordered);
    commits_init(&session->commits, config->journal, config->position.next,
                 session->epoch, now_us);
    queue_init(&session->actions, sizeof(struct sink_action));
    return session;
}

/* ---- actions ---- */

static struct sink_action *act(struct sink_session *session, enum sink_action_kind kind)
{
    struct sink_action *action = queue_push(&session->actions);
    *action = (struct sink_action){.kind = kind};
    return action;
}

static void say_hello(struct sink_session *session, int64_t now_us)
{
    contact_asked(&session->contact, now_us);
    act(session, SINK_HELLO);
}

static void leave(struct sink_session *session)
{
    if (session->left)
        return;
    session->left = true;
    act(session, SINK_LEAVE);
}

/* ---- results ---- */

static void release(struct sink_session *session)
{
    uint64_t seq;
    void *cargo;
    while ((cargo = sequence_give(&session->sequence, &seq))) {
        struct sink_action *action = act(session, SINK_WRITE);
        action->seq = seq;
        action->cargo = cargo;
    }
}

static bool stopped(const struct sink_session *session)
{
    return session->left || session->finished ||
           (session->ended && session->verdict.outcome != OUTCOME_COMPLETE);
}

bool sink_session_on_result(struct sink_session *session, const struct id *run,
                            uint64_t epoch, const struct result_entry *entry,
                            void *cargo)
{
    if (stopped(session) || epoch != session->epoch || !id_equal(run, &session->run) ||
        entry->seq == UINT64_MAX || /* no range can end behind it */
        !sequence_offer(&session->sequence, entry, cargo))
        return false;
    news_add(&session->news, entry->seq);
    release(session);
    return true;
}

static void commit(struct sink_session *session, int64_t now_us)
{
    const struct sequence *sequence = &session->sequence;
    uint64_t ticket = commits_add(&session->commits, sequence->written, session->epoch,
                                  sequence->bytes, now_us);
    if (ticket)
        act(session, SINK_COMMIT)->ticket = ticket;
    session->news.moved = true;
}

void sink_session_on_written(struct sink_session *session, uint64_t seq, int64_t now_us)
{
    sequence_on_written(&session->sequence, seq);
    session->news.moved = true;
    if (!session->config.journal && session->commits.sure_epoch == session->epoch)
        commit(session, now_us);
}

void sink_session_on_committed(struct sink_session *session, uint64_t ticket,
                               int64_t now_us)
{
    (void)now_us;
    commits_on_committed(&session->commits, ticket);
    session->news.moved = true;
}

/* The commit of a new epoch is BEGIN's, and waits for it. */
static void mind_commit(struct sink_session *session, int64_t now_us)
{
    const struct sequence *sequence = &session->sequence;
    if (session->commits.sure_epoch == session->epoch &&
        commits_due(&session->commits, sequence->written, sequence->bytes,
                    session->buffer, now_us))
        commit(session, now_us);
}

/* ---- messages ---- */

/* Another ventilator: the next epoch, in which chunks may have other borders. */
static void begin_epoch(struct sink_session *session, const struct id *uid,
                        int64_t now_us)
{
    if (!session->config.ordered && session->sequence.given) {
        sink_session_fail(
            session, OUTCOME_STOPPED, STATUS_PEER,
            "another ventilator came, and --unordered output cannot go on with it",
            now_us);
        return;
    }
    session->uid = *uid;
    session->epoch++;
    session->ended = false;
    news_clear(&session->news);
    void *cargo;
    while ((cargo = sequence_take_parked(&session->sequence)))
        act(session, SINK_DROP)->cargo = cargo;
}

static void on_welcome(struct sink_session *session, const struct message *message,
                       int64_t now_us)
{
    contact_welcomed(&session->contact, message->welcome.heartbeat_ms,
                     message->welcome.liveness_ms);
    session->buffer = message->welcome.buffer;
    if (session->finished)
        return; /* FINISHED will say it all */
    if (!session->epoch || !id_equal(&message->welcome.uid, &session->uid))
        begin_epoch(session, &message->welcome.uid, now_us);
    session->begin_owed = true;
    session->begin_uid = message->welcome.uid;
}

static void on_end(struct sink_session *session, const struct message *message)
{
    if (message->end.epoch != session->epoch ||
        (session->ended && session->verdict.outcome))
        return;
    session->ended = true;
    session->total = message->end.total;
    session->verdict.outcome = message->end.outcome;
    session->verdict.status = (int)message->end.status;
    session->verdict.relayed = message->end.outcome != OUTCOME_COMPLETE;
    if (session->verdict.relayed)
        snprintf(session->verdict.text, sizeof session->verdict.text,
                 "the ventilator stopped the run (status %d)", session->verdict.status);
}

static void on_goodbye(struct sink_session *session)
{
    if (!session->finished) {
        session->verdict = (struct sink_verdict){
            .outcome = OUTCOME_STOPPED,
            .status = STATUS_PEER,
            .relayed = true,
            .text = "the ventilator ended the run before all of it was here",
        };
    }
    leave(session);
}

static void on_reject(struct sink_session *session, const struct message *message)
{
    session->verdict =
        (struct sink_verdict){.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    int size = message->reject.text.size < 400 ? (int)message->reject.text.size : 400;
    snprintf(session->verdict.text, sizeof session->verdict.text,
             "the ventilator rejects this sink: %.*s", size,
             size ? (const char *)message->reject.text.data : "");
    leave(session);
}

void sink_session_on_message(struct sink_session *session,
                             const struct message *message, int64_t now_us)
{
    if (session->left)
        return;
    contact_heard(&session->contact, now_us);
    contact_carried(&session->contact); /* nothing large comes to a sink */
    switch ((int)message->type) {
    case MESSAGE_WHO:
        if (contact_answers_who(&session->contact, now_us))
            say_hello(session, now_us);
        break;
    case MESSAGE_WELCOME:
        on_welcome(session, message, now_us);
        break;
    case MESSAGE_END:
        on_end(session, message);
        break;
    case MESSAGE_GOODBYE:
        on_goodbye(session);
        break;
    case MESSAGE_REJECT:
        on_reject(session, message);
        break;
    default:
        break;
    }
}

/* ---- the end ---- */

void sink_session_fail(struct sink_session *session, enum outcome outcome, int status,
                       const char *text, int64_t now_us)
{
    if (session->finished || session->left)
        return;
    session->ended = session->finished = true;
    session->finished_us = now_us;
    session->told_us = 0;
    session->verdict = (struct sink_verdict){.outcome = outcome, .status = status};
    snprintf(session->verdict.text, sizeof session->verdict.text, "%s", text);
    if (!session->contact.open)
        leave(session);
}

/* Everything is written, or what was in order when the run was stopped; then it has to
 * be safe. */
static void mind_end(struct sink_session *session, int64_t now_us)
{
    uint64_t written = session->sequence.written;
    bool complete = session->verdict.outcome == OUTCOME_COMPLETE;
    if (!session->ended || session->finished || sequence_writing(&session->sequence) ||
        (complete && written != session->total))
        return;
    if (complete ? !session->final : session->commits.next != written) {
        session->final = complete;
        commit(session, now_us);
    }
    if (commits_waiting(&session->commits))
        return;
    session->finished = true;
    session->finished_us = now_us;
}

/* FINISHED again and again, until GOODBYE or the time limit: no protocol can do
 * without. */
static void tell_finished(struct sink_session *session, int64_t now_us)
{
    bool complete = session->verdict.outcome == OUTCOME_COMPLETE;
    int64_t limit_us = complete ? 4 * session->contact.liveness_us : FAREWELL_US;
    if (now_us - session->finished_us > limit_us) {
        leave(session);
        return;
    }
    if (!session->contact.open ||
        (session->told_us && now_us - session->told_us < FINISHED_US))
        return;
    session->told_us = now_us;
    act(session, SINK_FINISHED);
}

/* ---- time ---- */

static void give_up(struct sink_session *session)
{
    session->verdict =
        (struct sink_verdict){.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    contact_complaint(&session->contact, session->verdict.text,
                      sizeof session->verdict.text);
    leave(session);
}

static void mind_ventilator(struct sink_session *session, int64_t now_us)
{
    switch (contact_mind(&session->contact, now_us)) {
    case CONTACT_CONNECT:
        act(session, SINK_CONNECT);
        say_hello(session, now_us);
        return;
    case CONTACT_HELLO:
        say_hello(session, now_us);
        return;
    case CONTACT_GIVE_UP:
        if (!session->finished)
            give_up(session);
        return;
    case CONTACT_NOTHING:
        return;
    }
}

/* BEGIN only once the journal has the epoch, and nothing of the old one is on its way
 * to the output. */
static void mind_begin(struct sink_session *session, int64_t now_us)
{
    if (!session->begin_owed || session->finished || !session->contact.open)
        return;
    if (session->commits.sure_epoch != session->epoch &&
        !sequence_writing(&session->sequence) && !commits_waiting(&session->commits))
        commit(session, now_us);
    if (session->commits.sure_epoch != session->epoch)
        return;
    session->begin_owed = false;
    news_clear(&session->news); /* BEGIN lists all that is held, */
    session->news.moved = true; /* but not what is committed: PROGRESS may be lost */
    act(session, SINK_BEGIN)->uid = session->begin_uid;
}

static int64_t tell_progress(struct sink_session *session, int64_t now_us)
{
    int64_t due_us;
    if (session->begin_owed || !session->contact.open)
        return NEVER_US;
    if (news_due(&session->news, now_us, &due_us))
        act(session, SINK_PROGRESS);
    return due_us;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sink_session_tick(struct sink_session *session, int64_t now_us)
{
    if (session->left)
        return NEVER_US;
    mind_ventilator(session, now_us);
    mind_begin(session, now_us);
    mind_commit(session, now_us);
    mind_end(session, now_us);
    int64_t deadline_us = tell_progress(session, now_us);
    if (session->finished) {
        tell_finished(session, now_us);
        deadline_us = earlier(deadline_us, now_us + FINISHED_US);
    }
    if (contact_ping_due(&session->contact, now_us)) {
        contact_pinged(&session->contact, now_us);
        act(session, SINK_PING);
    }
    return earlier(deadline_us, session->contact.ping_us);
}

bool sink_session_next(struct sink_session *session, struct sink_action *ret_action)
{
    return queue_pop(&session->actions, ret_action);
}

void sink_session_destroy(struct sink_session **session_p, void (*drop)(void *cargo))
{
    struct sink_session *session = *session_p;
    if (!session)
        return;
    struct sink_action action;
    while (queue_pop(&session->actions, &action))
        if (action.cargo)
            drop(action.cargo);
    sequence_deinit(&session->sequence, drop);
    commits_deinit(&session->commits);
    news_deinit(&session->news);
    queue_deinit(&session->actions);
    free(session);
    *session_p = NULL;
}

/* ---- queries ---- */

struct position sink_session_position(const struct sink_session *session)
{
    const struct sequence *sequence = &session->sequence;
    struct position position = session->config.position;
    if (sequence->written != position.next) {
        position.next = sequence->written;
        position.mark_size = sequence->mark_size;
        memcpy(position.mark, sequence->mark, sequence->mark_size);
    }
    position.run = session->run;
    position.uid = session->uid;
    position.epoch = session->epoch;
    position.finished = session->final;
    return position;
}

const struct range *sink_session_held(struct sink_session *session, uint32_t *ret_count)
{
    return sequence_held(&session->sequence, ret_count);
}

struct sink_progress sink_session_progress(struct sink_session *session)
{
    struct sink_progress progress = {
        .epoch = session->epoch,
        .held = session->news.held,
        .count = session->news.count,
        .released = session->sequence.written,
        .committed = session->commits.sure,
        .parked = sequence_parked_ever(&session->sequence),
    };
    news_clear(&session->news);
    session->news.moved = false;
    return progress;
}

uint64_t sink_session_parked_ever(const struct sink_session *session)
{
    return sequence_parked_ever(&session->sequence);
}

struct sink_verdict sink_session_verdict(const struct sink_session *session)
{
    return session->verdict;
}

bool sink_session_finished(const struct sink_session *session)
{
    return session->finished && session->verdict.outcome == OUTCOME_COMPLETE;
}

bool sink_session_welcomed(const struct sink_session *session)
{
    return session->contact.open;
}

void *sink_session_last_parked(const struct sink_session *session,
                               bool (*wanted)(const void *cargo))
{
    return sequence_last_parked(&session->sequence, wanted);
}

uint64_t sink_session_buffer(const struct sink_session *session)
{
    return session->buffer;
}
