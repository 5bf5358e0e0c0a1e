/* SPDX-License-Identifier: MIT */
/*
 * The sink's core.
 *
 *     position.next        what is written: everything before it
 *     reorder_next         what was given to the output; between the two it is being
 * written committed            what is safe; without a journal the same as written
 *
 * Run and epoch are given out here, in one local step: on WELCOME from another
 * ventilator than the last the epoch rises, what is parked is dropped, and only when
 * that is safe (and everything that was given out is written) BEGIN is said.
 */
#include "sink/session.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "common/memory.h"
#include "common/queue.h"
#include "sink/reorder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEARTBEAT_US = 250000, /* until WELCOME says another */
    PROGRESS_US = 1000,    /* news are gathered for so long */
    FINISHED_US = 20000,   /* between two FINISHED */
    FAREWELL_US = 2000000, /* how long a sink that gave up waits for GOODBYE */
    PATIENCE_S = 300,
    COMMIT_US = 1000000,     /* a commit is due after this, */
    COMMIT_BYTES = 64 << 20, /* or this, */
    COMMIT_TASKS = 100000,   /* or this, whichever is first */
};

/* A result that was taken: the loop's cargo, and the mark, which goes into the position
 * when it is written. */
struct item {
    void *cargo;
    uint64_t length;
    uint8_t mark_size;
    uint8_t mark[];
};

/* Given to the output and not yet written, in order. */
struct pending {
    uint64_t seq;
    uint64_t next;     /* everything before it is written once this one is */
    struct item *item; /* without its cargo */
};

struct commit {
    uint64_t ticket;
    uint64_t next;
    uint64_t epoch;
};

struct sink_session {
    struct sink_session_config config;
    struct queue actions; /* of struct sink_action */
    struct reorder *reorder;
    struct queue pending; /* of struct pending */
    struct position position;

    bool connected, hello_sent, welcomed; /* the last HELLO is answered */
    int64_t asked_us, heard_us, alone_us, ping_us;
    int64_t liveness_us, heartbeat_us;
    uint64_t buffer;
    bool had_company;

    bool begin_owed; /* to begin_uid */
    struct id begin_uid;
    uint64_t sure_epoch; /* the epoch that is safe */

    struct range *news; /* newly held */
    uint32_t news_count, news_capacity;
    bool news_moved;     /* written or committed has moved */
    int64_t progress_us; /* the last PROGRESS */

    uint64_t committed, last_ticket;
    struct queue commits; /* of struct commit; given out, not answered */
    int64_t commit_us;    /* the last one given out */
    uint64_t commit_next, commit_bytes;

    bool ended;     /* END has come, or the sink gave up */
    uint64_t total; /* valid once ended with OUTCOME_COMPLETE */
    bool finished;  /* all is safe: FINISHED may be said */
    int64_t finished_us, told_us;
    bool left;
    struct sink_verdict verdict;
};

static bool same_id(const struct id *a, const struct id *b)
{
    return !memcmp(a, b, sizeof *a);
}

struct sink_session *sink_session_new(const struct sink_session_config *config,
                                      int64_t now_us)
{
    struct sink_session *session = allocate_zeroed(1, sizeof *session);
    session->config = *config;
    session->position = config->position;
    session->sure_epoch = config->position.epoch;
    session->committed = session->commit_next = config->position.next;
    session->finished = config->position.finished;
    session->finished_us = session->commit_us = now_us;
    session->liveness_us = config->liveness_us;
    session->heartbeat_us = HEARTBEAT_US;
    session->heard_us = session->alone_us = session->ping_us = now_us;
    session->reorder = reorder_new(config->position.next, config->ordered);
    queue_init(&session->actions, sizeof(struct sink_action));
    queue_init(&session->pending, sizeof(struct pending));
    queue_init(&session->commits, sizeof(struct commit));
    return session;
}

/* ---- actions
 * -----------------------------------------------------------------------------------------------------
 */

static struct sink_action *act(struct sink_session *session, enum sink_action_kind kind)
{
    struct sink_action *action = queue_push(&session->actions);
    *action = (struct sink_action){.kind = kind};
    return action;
}

static void say_hello(struct sink_session *session, int64_t now_us)
{
    session->hello_sent = true;
    session->welcomed = false;
    session->asked_us = now_us;
    act(session, SINK_HELLO);
}

static void leave(struct sink_session *session)
{
    if (session->left)
        return;
    session->left = true;
    act(session, SINK_LEAVE);
}

/* ---- results
 * -----------------------------------------------------------------------------------------------------
 */

static void add_news(struct sink_session *session, uint64_t seq)
{
    struct range *last = session->news_count ? &session->news[session->news_count - 1]
                                             : NULL;
    if (last && last->first + last->count == seq) {
        last->count++;
        return;
    }
    if (session->news_count == RANGES_MAX)
        return; /* it is told with `released`, or at the next BEGIN */
    if (session->news_count == session->news_capacity) {
        session->news_capacity = session->news_capacity ? 2 * session->news_capacity
                                                        : 64;
        session->news =
            reallocate(session->news, session->news_capacity, sizeof *session->news);
    }
    session->news[session->news_count++] = (struct range){.first = seq, .count = 1};
}

static void release(struct sink_session *session)
{
    uint64_t seq;
    struct item *item;
    while ((item = reorder_release(session->reorder, &seq))) {
        struct sink_action *action = act(session, SINK_WRITE);
        action->seq = seq;
        action->cargo = item->cargo;
        item->cargo = NULL;
        struct pending *pending = queue_push(&session->pending);
        *pending = (struct pending){.seq = seq, .item = item};
        pending->next = session->config.ordered ? seq + 1
                                                : reorder_next(session->reorder);
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
    if (stopped(session) || epoch != session->position.epoch ||
        !same_id(run, &session->position.run) ||
        entry->seq == UINT64_MAX || /* no range can end behind it */
        reorder_has(session->reorder, entry->seq))
        return false;
    struct item *item = allocate(sizeof *item + entry->mark.size);
    item->cargo = cargo;
    item->length = entry->length;
    item->mark_size = (uint8_t)entry->mark.size;
    if (entry->mark.size)
        memcpy(item->mark, entry->mark.data, entry->mark.size);
    reorder_offer(session->reorder, entry->seq, item);
    add_news(session, entry->seq);
    release(session);
    return true;
}

static void advance(struct sink_session *session, const struct pending *pending)
{
    const struct item *item = pending->item;
    session->position.next = pending->next;
    session->position.mark_size = item->mark_size;
    memcpy(session->position.mark, item->mark, item->mark_size);
    session->commit_bytes += item->length;
    session->news_moved = true;
}

void sink_session_on_written(struct sink_session *session, uint64_t seq, int64_t now_us)
{
    (void)now_us;
    struct pending pending;
    bool more = true;
    while (more && queue_pop(&session->pending, &pending)) {
        advance(session, &pending);
        more = pending.seq != seq;
        free(pending.item);
    }
    if (!session->config.journal)
        session->committed = session->position.next;
}

/* ---- commits
 * -----------------------------------------------------------------------------------------------------
 */

static void on_sure(struct sink_session *session, const struct commit *commit)
{
    if (commit->next > session->committed)
        session->committed = commit->next;
    if (commit->epoch > session->sure_epoch)
        session->sure_epoch = commit->epoch;
    session->news_moved = true;
}

static void commit(struct sink_session *session, int64_t now_us)
{
    struct commit commit = {
        .ticket = ++session->last_ticket,
        .next = session->position.next,
        .epoch = session->position.epoch,
    };
    session->commit_us = now_us;
    session->commit_next = commit.next;
    session->commit_bytes = 0;
    if (!session->config.journal) {
        on_sure(session, &commit);
        return;
    }
    *(struct commit *)queue_push(&session->commits) = commit;
    act(session, SINK_COMMIT)->ticket = commit.ticket;
}

void sink_session_on_committed(struct sink_session *session, uint64_t ticket,
                               int64_t now_us)
{
    (void)now_us;
    struct commit commit = {0};
    while (commit.ticket != ticket && queue_pop(&session->commits, &commit))
        on_sure(session, &commit);
}

static uint64_t commit_bytes_due(const struct sink_session *session)
{
    uint64_t quarter = session->buffer / 2; /* of --buffer: half of the sink's share */
    return quarter && quarter < COMMIT_BYTES ? quarter : COMMIT_BYTES;
}

static void mind_commit(struct sink_session *session, int64_t now_us)
{
    if (!session->config.journal || session->commits.count ||
        session->commit_next == session->position.next ||
        session->sure_epoch !=
            session->position.epoch) /* BEGIN's commit, which waits */
        return;
    if (now_us - session->commit_us >= COMMIT_US ||
        session->commit_bytes >= commit_bytes_due(session) ||
        session->position.next - session->commit_next >= COMMIT_TASKS)
        commit(session, now_us);
}

/* ---- messages
 * ----------------------------------------------------------------------------------------------------
 */

static void drop_item(struct sink_session *session, struct item *item)
{
    act(session, SINK_DROP)->cargo = item->cargo;
    free(item);
}

/* Another ventilator: the next epoch, in which chunks may have other borders. */
static void begin_epoch(struct sink_session *session, const struct id *uid,
                        int64_t now_us)
{
    if (!session->config.ordered && session->position.epoch &&
        reorder_next(session->reorder)) {
        sink_session_fail(
            session, OUTCOME_STOPPED, STATUS_PEER,
            "another ventilator came, and --unordered output cannot go on with it",
            now_us);
        return;
    }
    session->position.uid = *uid;
    session->position.epoch++;
    session->ended = false;
    session->news_count = 0;
    struct item *item;
    while ((item = reorder_take_parked(session->reorder)))
        drop_item(session, item);
}

static void on_welcome(struct sink_session *session, const struct message *message,
                       int64_t now_us)
{
    session->welcomed = session->had_company = true;
    session->buffer = message->welcome.buffer;
    uint32_t liveness_ms = message->welcome.liveness_ms,
             heartbeat_ms = message->welcome.heartbeat_ms;
    session->liveness_us = (int64_t)(liveness_ms > 100 ? liveness_ms : 100) * 1000;
    session->heartbeat_us = (int64_t)(heartbeat_ms > 10 ? heartbeat_ms : 10) * 1000;
    if (session->finished)
        return; /* FINISHED will say it all */
    if (!session->position.epoch ||
        !same_id(&message->welcome.uid, &session->position.uid))
        begin_epoch(session, &message->welcome.uid, now_us);
    session->begin_owed = true;
    session->begin_uid = message->welcome.uid;
}

static void on_end(struct sink_session *session, const struct message *message)
{
    if (message->end.epoch != session->position.epoch ||
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
    session->heard_us = session->alone_us = now_us;
    switch ((int)message->type) {
    case MESSAGE_WHO:
        if (session->welcomed)
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

/* ---- the end
 * -----------------------------------------------------------------------------------------------------
 */

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
    if (!session->welcomed)
        leave(session);
}

/* Everything is written, or what was in order when the run was stopped; then it has to
 * be safe. */
static void mind_end(struct sink_session *session, int64_t now_us)
{
    if (!session->ended || session->finished || session->pending.count)
        return;
    if (session->verdict.outcome == OUTCOME_COMPLETE &&
        session->position.next != session->total)
        return;
    if (session->verdict.outcome == OUTCOME_COMPLETE && !session->position.finished) {
        session->position.finished = true;
        commit(session, now_us);
    }
    if (session->commits.count)
        return;
    if (session->commit_next != session->position.next) {
        commit(session, now_us);
        if (session->commits.count)
            return;
    }
    session->finished = true;
    session->finished_us = now_us;
}

/* FINISHED again and again, until GOODBYE or the time limit: no protocol can do
 * without. */
static void tell_finished(struct sink_session *session, int64_t now_us)
{
    bool complete = session->verdict.outcome == OUTCOME_COMPLETE;
    int64_t limit_us = complete ? 4 * session->liveness_us : FAREWELL_US;
    if (now_us - session->finished_us > limit_us) {
        leave(session);
        return;
    }
    if (!session->welcomed ||
        (session->told_us && now_us - session->told_us < FINISHED_US))
        return;
    session->told_us = now_us;
    act(session, SINK_FINISHED);
}

/* ---- time
 * --------------------------------------------------------------------------------------------------------
 */

static void mind_ventilator(struct sink_session *session, int64_t now_us)
{
    if (!session->connected || now_us - session->heard_us > session->liveness_us) {
        session->connected = true;
        session->heard_us = now_us;
        act(session, SINK_CONNECT);
        say_hello(session, now_us);
    } else if (!session->welcomed &&
               now_us - session->asked_us > session->liveness_us) {
        say_hello(session, now_us);
    }
    int64_t patience_us = session->config.patience_us;
    if (patience_us < 0)
        patience_us = session->had_company ? PATIENCE_S * SECOND_US : NEVER_US;
    if (now_us - session->alone_us < patience_us || session->finished)
        return;
    session->verdict =
        (struct sink_verdict){.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    snprintf(session->verdict.text, sizeof session->verdict.text,
             "no word from a ventilator for %lld s",
             (long long)(patience_us / SECOND_US));
    leave(session);
}

/* BEGIN only once the journal has the epoch, and nothing of the old one is on its way
 * to the output. */
static void mind_begin(struct sink_session *session, int64_t now_us)
{
    if (!session->begin_owed || session->finished || !session->welcomed)
        return;
    if (session->sure_epoch != session->position.epoch && !session->pending.count &&
        !session->commits.count)
        commit(session, now_us);
    if (session->sure_epoch != session->position.epoch)
        return;
    session->begin_owed = false;
    session->news_count = 0;    /* BEGIN lists all that is held, */
    session->news_moved = true; /* but not what is committed: PROGRESS may be lost */
    struct sink_action *action = act(session, SINK_BEGIN);
    action->uid = session->begin_uid;
}

static int64_t tell_progress(struct sink_session *session, int64_t now_us)
{
    if ((!session->news_count && !session->news_moved) || session->begin_owed ||
        !session->welcomed)
        return NEVER_US;
    if (now_us - session->progress_us < PROGRESS_US)
        return session->progress_us + PROGRESS_US;
    session->progress_us = now_us;
    act(session, SINK_PROGRESS);
    return NEVER_US;
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
    if (now_us >= session->ping_us) {
        session->ping_us = now_us + session->heartbeat_us;
        act(session, SINK_PING);
    }
    return earlier(deadline_us, session->ping_us);
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
    struct pending pending;
    while (queue_pop(&session->pending, &pending))
        free(pending.item);
    struct item *item;
    while ((item = reorder_take_parked(session->reorder))) {
        drop(item->cargo);
        free(item);
    }
    reorder_destroy(&session->reorder, NULL);
    queue_deinit(&session->actions);
    queue_deinit(&session->pending);
    queue_deinit(&session->commits);
    free(session->news);
    free(session);
    *session_p = NULL;
}

/* ---- queries
 * -----------------------------------------------------------------------------------------------------
 */

struct position sink_session_position(const struct sink_session *session)
{
    return session->position;
}

const struct range *sink_session_held(struct sink_session *session, uint32_t *ret_count)
{
    uint32_t parked_count;
    const struct range *parked = reorder_held(session->reorder, &parked_count);
    uint64_t next = reorder_next(session->reorder);
    if (session->news_capacity < parked_count + 1) {
        session->news_capacity = parked_count + 1;
        session->news =
            reallocate(session->news, session->news_capacity, sizeof *session->news);
    }
    uint32_t count = 0;
    if (next > session->position.next)
        session->news[count++] = (struct range){.first = session->position.next,
                                                .count = next - session->position.next};
    for (uint32_t i = 0; i < parked_count && count < RANGES_MAX; i++)
        session->news[count++] = parked[i];
    session->news_count = 0;
    *ret_count = count;
    return session->news;
}

struct sink_progress sink_session_progress(struct sink_session *session)
{
    struct sink_progress progress = {
        .epoch = session->position.epoch,
        .held = session->news,
        .count = session->news_count,
        .released = session->position.next,
        .committed = session->committed,
        .parked = reorder_parked_ever(session->reorder),
    };
    session->news_count = 0;
    session->news_moved = false;
    return progress;
}

uint64_t sink_session_parked_ever(const struct sink_session *session)
{
    return reorder_parked_ever(session->reorder);
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
    return session->welcomed;
}

struct spill_wish {
    bool (*wanted)(const void *cargo);
};

static bool item_wanted(const void *cargo, void *context)
{
    const struct item *item = cargo;
    return ((struct spill_wish *)context)->wanted(item->cargo);
}

void *sink_session_last_parked(const struct sink_session *session,
                               bool (*wanted)(const void *cargo))
{
    struct item *item = reorder_last(session->reorder, item_wanted,
                                     &(struct spill_wish){.wanted = wanted});
    return item ? item->cargo : NULL;
}

uint64_t sink_session_buffer(const struct sink_session *session)
{
    return session->buffer;
}
