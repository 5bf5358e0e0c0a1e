/* SPDX-License-Identifier: MIT */
/*
 * The sink's core.
 *
 *     sequence.written   what is written: everything before it; the position
 *     commits.sure       what is safe; without a journal the same as written
 *
 * The other files of it are named in the header that is included here.
 */
#include "sink/session_state.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct sink_session *sink_session_new(const struct sink_session_config *config,
                                      int64_t now_us)
{
    struct sink_session *session = allocate_zeroed(1, sizeof *session);
    session->config = *config;
    session->run = config->position.run;
    session->uid = config->position.uid;
    session->epoch = config->position.epoch;
    session->input_size = config->position.input_size;
    memcpy(session->input, config->position.input, session->input_size);
    if (config->position.finished && config->position.dead_letters)
        session->verdict.status = STATUS_DEAD_LETTERS;
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

struct sink_action *sink_session_act(struct sink_session *session,
                                     enum sink_action_kind kind)
{
    struct sink_action *action = queue_push(&session->actions);
    *action = (struct sink_action){.kind = kind};
    return action;
}

static void say_hello(struct sink_session *session, int64_t now_us)
{
    contact_asked(&session->contact, now_us);
    sink_session_act(session, SINK_HELLO)->nonce = ++session->nonce;
}

void sink_session_leave(struct sink_session *session)
{
    if (session->left)
        return;
    session->left = true;
    sink_session_act(session, SINK_LEAVE);
}

/* ---- results ---- */

static void release(struct sink_session *session)
{
    uint64_t seq;
    void *cargo;
    while ((cargo = sequence_give(&session->sequence, &seq))) {
        struct sink_action *action = sink_session_act(session, SINK_WRITE);
        action->seq = seq;
        action->cargo = cargo;
    }
}

static bool stopped(const struct sink_session *session)
{
    return session->left || session->finished || session->failed ||
           (session->ended && session->verdict.outcome != OUTCOME_COMPLETE);
}

/* The first of a seq, whatever it is; nothing before the first epoch is ours. What
 * comes before the first WELCOME is sent again after BEGIN, as all that BEGIN does not
 * name. */
static bool take(struct sink_session *session, uint64_t epoch,
                 const struct arrival *arrival, void *cargo)
{
    if (stopped(session) || !session->told || !epoch || epoch != session->epoch ||
        arrival->seq == UINT64_MAX || /* no range can end behind it */
        !sequence_offer(&session->sequence, arrival, cargo))
        return false;
    news_add(&session->news, arrival->seq);
    release(session);
    return true;
}

bool sink_session_on_result(struct sink_session *session, const struct id *run,
                            uint64_t epoch, const struct result_entry *entry,
                            void *cargo)
{
    struct arrival arrival = {
        .seq = entry->seq,
        .length = entry->length,
        .mark = entry->mark,
        .dead_letters = entry->bad_count,
    };
    return id_equal(run, &session->run) && take(session, epoch, &arrival, cargo);
}

bool sink_session_on_skip(struct sink_session *session, const struct message *message,
                          void *cargo, int64_t now_us)
{
    struct arrival arrival = {
        .seq = message->skip.seq, .mark = message->skip.mark, .dead_letters = 1};
    contact_heard(&session->contact, now_us);
    return take(session, message->skip.epoch, &arrival, cargo);
}

void sink_session_commit(struct sink_session *session, int64_t now_us)
{
    const struct sequence *sequence = &session->sequence;
    uint64_t ticket = commits_add(&session->commits, sequence->written, session->epoch,
                                  sequence->bytes, now_us);
    if (ticket)
        sink_session_act(session, SINK_COMMIT)->ticket = ticket;
    session->news.moved = true;
}

void sink_session_on_written(struct sink_session *session, uint64_t seq, int64_t now_us)
{
    sequence_on_written(&session->sequence, seq);
    session->news.moved = true;
    if (!session->config.journal && session->commits.sure_epoch == session->epoch)
        sink_session_commit(session, now_us);
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
    if (!session->failed && !session->finished &&
        session->commits.sure_epoch == session->epoch &&
        commits_due(&session->commits, sequence->written, sequence->bytes,
                    session->buffer, now_us))
        sink_session_commit(session, now_us);
}

/* ---- messages ---- */

void sink_session_on_message(struct sink_session *session,
                             const struct message *message, int64_t now_us)
{
    if (session->left)
        return;
    contact_heard(&session->contact, now_us);
    switch ((int)message->type) {
    case MESSAGE_WHO:
        if (contact_answers_who(&session->contact, now_us))
            say_hello(session, now_us);
        break;
    case MESSAGE_WELCOME:
        sink_session_on_welcome(session, message, now_us);
        break;
    case MESSAGE_END:
        sink_session_on_end(session, message, now_us);
        break;
    case MESSAGE_GOODBYE:
        sink_session_on_goodbye(session, now_us);
        break;
    case MESSAGE_REJECT:
        sink_session_on_reject(session, message, now_us);
        break;
    default:
        break;
    }
}

/* ---- time ---- */

static void mind_ventilator(struct sink_session *session, int64_t now_us)
{
    switch (contact_mind(&session->contact, now_us)) {
    case CONTACT_CONNECT:
        contact_carried(&session->contact); /* nothing large comes to a sink */
        sink_session_act(session, SINK_CONNECT);
        say_hello(session, now_us);
        return;
    case CONTACT_HELLO:
        say_hello(session, now_us);
        return;
    case CONTACT_GIVE_UP:
        if (!session->finished)
            sink_session_give_up(session, now_us);
        return;
    case CONTACT_NOTHING:
        return;
    }
}

static int64_t tell_progress(struct sink_session *session, int64_t now_us)
{
    int64_t due_us;
    if (session->begin_owed || !session->contact.open)
        return NEVER_US;
    if (news_due(&session->news, now_us, &due_us))
        sink_session_act(session, SINK_PROGRESS);
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
    sink_session_mind_begin(session, now_us);
    mind_commit(session, now_us);
    sink_session_mind_end(session, now_us);
    if (session->left)
        return NEVER_US;
    int64_t deadline_us = tell_progress(session, now_us);
    if (session->finished)
        deadline_us = earlier(deadline_us, sink_session_tell_finished(session, now_us));
    if (contact_ping_due(&session->contact, now_us)) {
        contact_pinged(&session->contact, now_us);
        sink_session_act(session, SINK_PING);
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
    position.dead_letters += sequence->dead_letters;
    position.failed += sequence->failed;
    position.input_size = session->input_size;
    memcpy(position.input, session->input, session->input_size);
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
        .failed = session->config.position.failed + session->sequence.failed,
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
    return session->finished && sink_session_complete(session);
}

bool sink_session_dismissed(const struct sink_session *session)
{
    return session->dismissed;
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

bool sink_session_takes(const struct sink_session *session)
{
    return session->told && !stopped(session);
}

uint32_t sink_session_header_out(const struct sink_session *session)
{
    return session->header_out;
}

uint64_t sink_session_buffer(const struct sink_session *session)
{
    return session->buffer;
}
