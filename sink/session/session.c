/* SPDX-License-Identifier: MIT */
/*
 * The sink's core: its life, results, messages and time.
 *
 *     queue.written          everything before it is written: the position
 *     commit_schedule.safe   everything before it is safe; without a journal the same
 *
 * state.h says what the other files change.
 */
#include "sink/session/session.h"

#include "common/clock.h"
#include "common/memory.h"
#include "sink/session/actions.h"
#include "sink/session/ending.h"
#include "sink/session/epoch.h"
#include "sink/session/refusal.h"

#include <stdlib.h>
#include <string.h>

struct sink_session *sink_session_new(const struct sink_session_config *config,
                                      int64_t now_us)
{
    struct sink_session *session = allocate_zeroed(1, sizeof *session);
    session->config = *config;
    sink_epoch_init(&session->epoch, &config->position);
    sink_ending_init(&session->ending, &config->position, now_us);
    liveness_init(&session->liveness, config->liveness_us, config->patience_us, now_us);
    release_queue_init(&session->queue, config->position.next, config->ordered);
    commit_schedule_init(&session->commit_schedule, config->journal,
                         config->position.next, config->position.epoch, now_us);
    ring_init(&session->actions, sizeof(struct sink_action));
    ring_init(&session->refusals, sizeof(struct sink_refusal));
    return session;
}

static void say_hello(struct sink_session *session, int64_t now_us)
{
    liveness_asked(&session->liveness, now_us);
    sink_actions_add(session, SINK_HELLO)->nonce = ++session->nonce;
}

/* ---- results ---- */

static void release(struct sink_session *session)
{
    uint64_t seq;
    void *cargo;
    while ((cargo = release_queue_give(&session->queue, &seq))) {
        struct sink_action *action = sink_actions_add(session, SINK_WRITE);
        action->seq = seq;
        action->cargo = cargo;
    }
}

/* Takes the first of a seq, result or SKIP; nothing before the first epoch is ours.
 * What comes before the first WELCOME is sent again after BEGIN, as all that BEGIN does
 * not name. */
static bool take(struct sink_session *session, uint64_t epoch,
                 const struct result_info *info, void *cargo)
{
    if (!sink_phase_takes(session->ending.phase) ||
        session->epoch.phase == SINK_EPOCH_UNKNOWN || !epoch ||
        epoch != session->epoch.number ||
        info->seq == UINT64_MAX || /* no range can end behind it */
        !release_queue_offer(&session->queue, info, cargo))
        return false;
    progress_add(&session->progress, info->seq);
    release(session);
    return true;
}

/* Of this run and epoch, as far as a ventilator has begun them. */
static bool is_ours(const struct sink_session *session, const struct id *run,
                    uint64_t epoch)
{
    return id_equal(run, &session->config.position.run) &&
           sink_phase_takes(session->ending.phase) &&
           session->epoch.phase != SINK_EPOCH_UNKNOWN && epoch &&
           epoch == session->epoch.number;
}

bool sink_session_on_result(struct sink_session *session, const struct id *run,
                            uint64_t epoch, const struct id *uuid,
                            const struct result_entry *entry, void *cargo)
{
    if (is_ours(session, run, epoch) && sink_refusal_check(session, uuid, entry))
        return false;
    struct result_info info = {
        .seq = entry->seq,
        .length = entry->length,
        .mark = entry->mark,
        .dead_letters = entry->bad_count,
    };
    return id_equal(run, &session->config.position.run) &&
           take(session, epoch, &info, cargo);
}

void sink_session_on_unread(struct sink_session *session, const struct id *run,
                            uint64_t epoch, const struct id *uuid,
                            const struct result_entry *entry, enum failure cause)
{
    bool late = cause == FAILURE_REFERENCE &&
                reorder_has(session->queue.reorder, entry->seq);
    if (is_ours(session, run, epoch) && !late)
        sink_refusal_add_unread(session, uuid, entry, cause);
}

bool sink_session_on_skip(struct sink_session *session, const struct message *message,
                          void *cargo, int64_t now_us)
{
    struct result_info info = {
        .seq = message->skip.seq, .mark = message->skip.mark, .dead_letters = 1};
    liveness_heard(&session->liveness, now_us);
    return take(session, message->skip.epoch, &info, cargo);
}

void sink_session_on_written(struct sink_session *session, uint64_t seq, int64_t now_us)
{
    release_queue_on_written(&session->queue, seq);
    session->progress.moved = true;
    if (!session->config.journal &&
        session->commit_schedule.safe_epoch == session->epoch.number)
        sink_actions_commit(session, session->epoch.number, now_us);
}

void sink_session_on_stood_still(struct sink_session *session, int64_t for_us,
                                 int64_t now_us)
{
    liveness_excuse(&session->liveness, for_us, now_us);
}

void sink_session_on_committed(struct sink_session *session, uint64_t ticket)
{
    commit_schedule_on_committed(&session->commit_schedule, ticket);
    session->progress.moved = true;
}

/* Before BEGIN what is written, and waits for it, is still of the epoch before: BEGIN
 * makes its own safe when all of it is. */
bool sink_session_commit(struct sink_session *session, int64_t now_us)
{
    if (sink_phase_is_closing(session->ending.phase) ||
        session->ending.phase == SINK_PHASE_SAVING ||
        session->epoch.phase == SINK_EPOCH_UNKNOWN)
        return false;
    bool begun = session->epoch.phase == SINK_EPOCH_OPEN;
    sink_actions_commit(
        session, begun ? session->epoch.number : session->commit_schedule.safe_epoch,
        now_us);
    return true;
}

/* The commit of a new epoch is BEGIN's, and waits for it. */
static void check_commit(struct sink_session *session, int64_t now_us)
{
    const struct release_queue *queue = &session->queue;
    if (!sink_phase_is_closing(session->ending.phase) &&
        session->commit_schedule.safe_epoch == session->epoch.number &&
        commit_schedule_due(&session->commit_schedule, queue->written, queue->bytes,
                            session->buffer, now_us))
        sink_actions_commit(session, session->epoch.number, now_us);
}

/* ---- messages ---- */

void sink_session_on_message(struct sink_session *session,
                             const struct message *message, int64_t now_us)
{
    if (session->ending.phase == SINK_PHASE_LEFT)
        return;
    liveness_heard(&session->liveness, now_us);
    switch ((int)message->type) {
    case MESSAGE_WHO:
        if (liveness_answers_who(&session->liveness, now_us))
            say_hello(session, now_us);
        break;
    case MESSAGE_WELCOME:
        if (message->welcome.version == PROTOCOL_VERSION)
            sink_epoch_on_welcome(session, message, now_us);
        else
            sink_ending_on_version(session, message->welcome.version, now_us);
        break;
    case MESSAGE_END:
        sink_ending_on_end(session, message, now_us);
        break;
    case MESSAGE_GOODBYE:
        sink_ending_on_goodbye(session, now_us);
        break;
    case MESSAGE_REJECT:
        sink_ending_on_reject(session, message, now_us);
        break;
    default:
        break;
    }
}

void sink_session_fail(struct sink_session *session, enum outcome outcome, int status,
                       const char *text, int64_t now_us)
{
    sink_ending_fail(session, outcome, status, text, now_us);
}

void sink_session_lose_commits(struct sink_session *session)
{
    commit_schedule_lose(&session->commit_schedule);
}

void sink_session_on_journal_failed(struct sink_session *session, const char *text,
                                    int64_t now_us)
{
    sink_ending_on_journal_failed(session, text, now_us);
}

/* ---- time ---- */

static void tick_liveness(struct sink_session *session, int64_t now_us)
{
    switch (liveness_tick(&session->liveness, now_us)) {
    case LIVENESS_CONNECT:
        liveness_carried(&session->liveness); /* nothing large comes to a sink */
        sink_actions_add(session, SINK_CONNECT);
        say_hello(session, now_us);
        return;
    case LIVENESS_HELLO:
        say_hello(session, now_us);
        return;
    case LIVENESS_GIVE_UP:
        if (!sink_phase_is_finished(session->ending.phase))
            sink_ending_give_up(session, now_us);
        return;
    case LIVENESS_NOTHING:
        return;
    }
}

static int64_t tick_progress(struct sink_session *session, int64_t now_us)
{
    int64_t due_us;
    if (session->epoch.phase == SINK_EPOCH_OPENING || !session->liveness.open)
        return NEVER_US;
    if (progress_due(&session->progress, now_us, &due_us))
        sink_actions_add(session, SINK_PROGRESS);
    return due_us;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sink_session_tick(struct sink_session *session, int64_t now_us)
{
    if (session->ending.phase == SINK_PHASE_LEFT)
        return NEVER_US;
    tick_liveness(session, now_us);
    sink_epoch_check_begin(session, now_us);
    check_commit(session, now_us);
    sink_ending_check(session, now_us);
    if (session->ending.phase == SINK_PHASE_LEFT)
        return NEVER_US;
    int64_t progress_us = tick_progress(session, now_us);
    int64_t finished_us = sink_ending_tick(session, now_us);
    if (liveness_ping_due(&session->liveness, now_us)) {
        liveness_pinged(&session->liveness, now_us);
        sink_actions_add(session, SINK_PING);
    }
    return earlier(earlier(progress_us, finished_us), session->liveness.ping_us);
}

bool sink_session_next(struct sink_session *session, struct sink_action *ret_action)
{
    if (!ring_pop(&session->actions, ret_action))
        return false;
    if (ret_action->kind == SINK_REFUSE)
        ring_pop(&session->refusals, &session->refusal);
    return true;
}

void sink_session_destroy(struct sink_session **session_p, void (*drop)(void *cargo))
{
    struct sink_session *session = *session_p;
    if (!session)
        return;
    struct sink_action action;
    while (ring_pop(&session->actions, &action))
        if (action.cargo)
            drop(action.cargo);
    release_queue_deinit(&session->queue, drop);
    commit_schedule_deinit(&session->commit_schedule);
    progress_deinit(&session->progress);
    ring_deinit(&session->actions);
    ring_deinit(&session->refusals);
    free(session);
    *session_p = NULL;
}

/* ---- queries ---- */

/* The run is complete, and is to be, or is, committed as such. */
static bool is_final(const struct sink_session *session)
{
    enum sink_phase phase = session->ending.phase;
    return session->config.position.finished ||
           ((phase == SINK_PHASE_SAVING || sink_phase_is_finished(phase)) &&
            sink_ending_is_complete(&session->ending));
}

struct position sink_session_position(const struct sink_session *session)
{
    const struct release_queue *queue = &session->queue;
    const struct sink_epoch *epoch = &session->epoch;
    struct position position = session->config.position;
    if (queue->written != position.next) {
        position.next = queue->written;
        position.mark_size = queue->mark_size;
        memcpy(position.mark, queue->mark, queue->mark_size);
    }
    position.uid = epoch->uid;
    position.epoch = epoch->number;
    position.dead_letters += queue->dead_letters;
    position.failed += queue->failed;
    position.input_size = epoch->input_size;
    memcpy(position.input, epoch->input, epoch->input_size);
    position.finished = is_final(session);
    return position;
}

struct sink_refusal sink_session_refusal(const struct sink_session *session)
{
    return session->refusal;
}

const struct range *sink_session_held(struct sink_session *session, uint32_t *ret_count)
{
    return release_queue_held(&session->queue, ret_count);
}

struct sink_progress sink_session_progress(struct sink_session *session)
{
    struct sink_progress progress = {
        .epoch = session->epoch.number,
        .held = session->progress.held,
        .count = session->progress.count,
        .released = session->queue.written,
        .committed = session->commit_schedule.safe,
        .parked = release_queue_parked_ever(&session->queue),
        .failed = session->config.position.failed + session->queue.failed,
    };
    progress_clear(&session->progress);
    session->progress.moved = false;
    return progress;
}

uint64_t sink_session_parked_ever(const struct sink_session *session)
{
    return release_queue_parked_ever(&session->queue);
}

struct sink_verdict sink_session_verdict(const struct sink_session *session)
{
    return session->ending.verdict;
}

bool sink_session_finished(const struct sink_session *session)
{
    return sink_phase_is_finished(session->ending.phase) &&
           sink_ending_is_complete(&session->ending);
}

bool sink_session_dismissed(const struct sink_session *session)
{
    return session->ending.farewell == VENTILATOR_SAID_GOODBYE;
}

bool sink_session_welcomed(const struct sink_session *session)
{
    return session->liveness.open;
}

bool sink_session_awaits_result(const struct sink_session *session, uint64_t *ret_seq)
{
    return release_queue_has_gap(&session->queue, ret_seq);
}

void *sink_session_name_last(struct sink_session *session)
{
    return release_queue_name_last(&session->queue);
}

const char *sink_session_phase_name(const struct sink_session *session)
{
    return sink_phase_name(session->ending.phase);
}

uint32_t sink_session_header_out(const struct sink_session *session)
{
    return session->header_out;
}

uint64_t sink_session_buffer(const struct sink_session *session)
{
    return session->buffer;
}
