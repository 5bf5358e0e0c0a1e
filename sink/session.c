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
    uint64_t nonce; /* of the last HELLO */
    struct sequence sequence;
    struct commits commits;
    struct news news;

    struct id run;
    struct id uid; /* of the ventilator that has this epoch */
    uint64_t epoch;
    uint8_t input[INPUT_MAX_BYTES], offered[INPUT_MAX_BYTES];
    uint8_t input_size, offered_size; /* the run's; the last WELCOME's */
    uint64_t buffer;
    uint32_t header_out;
    bool told;       /* WELCOME has come: how results are to be written is known */
    bool begin_owed; /* to begin_uid */
    struct id begin_uid;

    bool ended;          /* END has come, or the sink gave up */
    bool failed;         /* the sink gave up: what is given out is not waited for */
    bool parted;         /* nobody is there to be told of the end */
    bool journal_lost;   /* nothing more can be committed */
    uint64_t total;      /* valid once ended with OUTCOME_COMPLETE */
    bool final;          /* all is written, and to be committed as such */
    bool finished;       /* all is safe: FINISHED may be said */
    int64_t finished_us; /* since when; or the start */
    int64_t told_us;     /* the last FINISHED; 0: none */
    bool dismissed;      /* GOODBYE has come */
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

static struct sink_action *act(struct sink_session *session, enum sink_action_kind kind)
{
    struct sink_action *action = queue_push(&session->actions);
    *action = (struct sink_action){.kind = kind};
    return action;
}

static void say_hello(struct sink_session *session, int64_t now_us)
{
    contact_asked(&session->contact, now_us);
    act(session, SINK_HELLO)->nonce = ++session->nonce;
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
    contact_carried(&session->contact);
    return take(session, message->skip.epoch, &arrival, cargo);
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
    if (!session->failed && !session->finished &&
        session->commits.sure_epoch == session->epoch &&
        commits_due(&session->commits, sequence->written, sequence->bytes,
                    session->buffer, now_us))
        commit(session, now_us);
}

/* ---- the end ---- */

static bool complete(const struct sink_session *session)
{
    return session->verdict.outcome == OUTCOME_COMPLETE;
}

/* All that is to be written before the end is told is. */
static bool all_written(const struct sink_session *session)
{
    if (session->failed)
        return true; /* what is given out, and not written yet, may never be */
    return !sequence_writing(&session->sequence) &&
           (!complete(session) || session->sequence.written == session->total);
}

/* What is written is safe, or going to be; a complete run is committed as such. */
static void commit_all(struct sink_session *session, int64_t now_us)
{
    bool pending = session->commits.next != session->sequence.written;
    if (complete(session) && !session->final)
        session->final = pending = true;
    if (pending && !session->journal_lost)
        commit(session, now_us);
}

static int status_of_complete(const struct sink_session *session)
{
    int said = session->verdict.status;
    if (session->config.position.dead_letters + session->sequence.dead_letters)
        return STATUS_DEAD_LETTERS;
    /* What was given up may have come all the same. */
    return said == STATUS_DEAD_LETTERS ? STATUS_OK : said;
}

/* Everything is written, or what was in order when the run was stopped; then it has to
 * be safe. */
static void mind_end(struct sink_session *session, int64_t now_us)
{
    if (!session->ended || session->finished || !all_written(session))
        return;
    commit_all(session, now_us);
    if (commits_waiting(&session->commits) && !session->journal_lost)
        return;
    session->finished = true;
    session->finished_us = now_us;
    session->told_us = 0;
    if (complete(session))
        session->verdict.status = status_of_complete(session);
    if (session->parted || (session->failed && !session->contact.open))
        leave(session);
}

/* Without waiting for what is given out. A run that is on its way to its end keeps the
 * reason that it has, and one that only has to be made safe is complete all the same.
 */
static void give_up_for(struct sink_session *session,
                        const struct sink_verdict *verdict, int64_t now_us)
{
    bool safe_soon = session->final && !session->journal_lost;
    if (!safe_soon) {
        if (!session->ended || complete(session))
            session->verdict = *verdict;
        session->ended = session->failed = true;
        session->final = false;
    }
    mind_end(session, now_us);
}

void sink_session_fail(struct sink_session *session, enum outcome outcome, int status,
                       const char *text, int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = outcome, .status = status};
    if (session->finished || session->failed || session->left)
        return;
    snprintf(verdict.text, sizeof verdict.text, "%s", text);
    session->ended &= session->final; /* its own reason, whatever it was told before */
    give_up_for(session, &verdict, now_us);
}

void sink_session_on_journal_failed(struct sink_session *session, const char *text,
                                    int64_t now_us)
{
    session->journal_lost = true;
    sink_session_fail(session, OUTCOME_STOPPED, STATUS_IO, text, now_us);
    mind_end(session, now_us);
}

/* The ventilator is gone for good: leave as soon as what is written is safe. */
static void part(struct sink_session *session, const struct sink_verdict *verdict,
                 int64_t now_us)
{
    session->parted = true;
    if (session->finished)
        leave(session);
    else
        give_up_for(session, verdict, now_us);
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
    session->ended = session->final = false;
    session->verdict = (struct sink_verdict){.outcome = OUTCOME_COMPLETE};
    news_clear(&session->news);
    void *cargo;
    while ((cargo = sequence_take_parked(&session->sequence)))
        act(session, SINK_DROP)->cargo = cargo;
}

/* The run was over before this sink began, and this is a ventilator with an input that
 * the run did not have. */
static bool is_of_another(const struct sink_session *session,
                          const struct message *message)
{
    const struct slice *offered = &message->welcome.input;
    bool same = offered->size == session->input_size &&
                (offered->size == 0 ||
                 memcmp(offered->data, session->input, offered->size) == 0);
    return session->config.position.finished && !same &&
           !id_equal(&message->welcome.uid, &session->uid);
}

static void refuse_input(struct sink_session *session, int64_t now_us)
{
    session->verdict = (struct sink_verdict){
        .outcome = OUTCOME_STOPPED,
        .status = STATUS_IO,
        .text = "the output is complete, and that of another input, or of this one "
                "before it changed: remove its journal to leave it as it is",
    };
    session->finished_us = now_us;
    session->told_us = 0;
}

static void on_welcome(struct sink_session *session, const struct message *message,
                       int64_t now_us)
{
    contact_welcomed(&session->contact, message->welcome.heartbeat_ms,
                     message->welcome.liveness_ms);
    session->buffer = message->welcome.buffer;
    if (session->finished && is_of_another(session, message))
        refuse_input(session, now_us);
    if (session->finished || session->failed)
        return; /* FINISHED will say it all */
    session->offered_size = (uint8_t)message->welcome.input.size;
    if (session->offered_size)
        memcpy(session->offered, message->welcome.input.data, session->offered_size);
    session->header_out = message->welcome.header_out;
    session->told = true;
    if (!session->epoch || !id_equal(&message->welcome.uid, &session->uid))
        begin_epoch(session, &message->welcome.uid, now_us);
    session->begin_owed = true;
    session->begin_uid = message->welcome.uid;
}

static void on_end(struct sink_session *session, const struct message *message,
                   int64_t now_us)
{
    if (message->end.epoch != session->epoch || session->final || session->finished ||
        (session->ended && session->verdict.outcome))
        return;
    if (message->end.outcome == OUTCOME_COMPLETE &&
        message->end.total < session->sequence.written) {
        sink_session_fail(session, OUTCOME_STOPPED, STATUS_PEER,
                          "the ventilator counts fewer tasks than are written", now_us);
        return;
    }
    session->ended = true;
    session->total = message->end.total;
    session->verdict.outcome = message->end.outcome;
    session->verdict.status = (int)message->end.status;
    session->verdict.relayed = message->end.outcome != OUTCOME_COMPLETE;
    if (session->verdict.relayed)
        snprintf(session->verdict.text, sizeof session->verdict.text,
                 "the ventilator stopped the run (status %d)", session->verdict.status);
}

static void on_goodbye(struct sink_session *session, int64_t now_us)
{
    struct sink_verdict verdict = {
        .outcome = OUTCOME_STOPPED,
        .status = STATUS_PEER,
        .relayed = true,
        .text = "the ventilator ended the run before all of it was here",
    };
    session->dismissed = true;
    part(session, &verdict, now_us);
}

static void on_reject(struct sink_session *session, const struct message *message,
                      int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    int size = message->reject.text.size < 400 ? (int)message->reject.text.size : 400;
    snprintf(verdict.text, sizeof verdict.text,
             "the ventilator rejects this sink: %.*s", size,
             size ? (const char *)message->reject.text.data : "");
    part(session, &verdict, now_us);
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
        on_end(session, message, now_us);
        break;
    case MESSAGE_GOODBYE:
        on_goodbye(session, now_us);
        break;
    case MESSAGE_REJECT:
        on_reject(session, message, now_us);
        break;
    default:
        break;
    }
}

/* ---- time ---- */

/* FINISHED again and again, until GOODBYE or the time limit: no protocol can do
 * without. */
static void tell_finished(struct sink_session *session, int64_t now_us)
{
    int64_t limit_us = complete(session) ? 4 * session->contact.liveness_us
                                         : FAREWELL_US;
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

static void give_up(struct sink_session *session, int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    contact_complaint(&session->contact, verdict.text, sizeof verdict.text);
    part(session, &verdict, now_us);
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
            give_up(session, now_us);
        return;
    case CONTACT_NOTHING:
        return;
    }
}

/* Nothing is written: the run is this input's, whichever was offered before. Marks of
 * one input must never lie beside the name of another. */
static void take_input(struct sink_session *session)
{
    if (session->sequence.written)
        return;
    session->input_size = session->offered_size;
    memcpy(session->input, session->offered, session->offered_size);
}

/* BEGIN only once the journal has the epoch, and nothing of the old one is on its way
 * to the output. */
static void mind_begin(struct sink_session *session, int64_t now_us)
{
    if (!session->begin_owed || session->finished || session->failed ||
        !session->contact.open)
        return;
    if (session->commits.sure_epoch != session->epoch &&
        !sequence_writing(&session->sequence) && !commits_waiting(&session->commits)) {
        take_input(session);
        commit(session, now_us);
    }
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
    if (session->left)
        return NEVER_US;
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
    return session->finished && complete(session);
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
