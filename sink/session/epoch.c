/* SPDX-License-Identifier: MIT */
/*
 * The sink gives out run and epoch, in one local step: on WELCOME from another
 * ventilator than the last it raises the epoch and drops what is parked; it says BEGIN
 * only when the new epoch is safe and everything that was given out is written.
 */
#include "sink/session/epoch.h"

#include "common/exit_status.h"
#include "common/protocol/mark.h"
#include "sink/session/actions.h"
#include "sink/session/ending.h"

#include <string.h>

void sink_epoch_init(struct sink_epoch *epoch, const struct position *position)
{
    *epoch = (struct sink_epoch){
        .uid = position->uid,
        .number = position->epoch,
        .input_size = position->input_size,
    };
    memcpy(epoch->input, position->input, position->input_size);
}

/* Another ventilator: the next epoch, in which chunks may have other borders. */
static void begin_epoch(struct sink_session *session, const struct id *uid,
                        int64_t now_us)
{
    if (!session->config.ordered && session->queue.given) {
        sink_ending_fail(
            session, OUTCOME_STOPPED, STATUS_PEER,
            "another ventilator came, and --unordered output cannot be resumed",
            now_us);
        return;
    }
    session->epoch.uid = *uid;
    session->epoch.number++;
    sink_ending_run_on(&session->ending);
    progress_clear(&session->progress);
    void *cargo;
    while ((cargo = release_queue_take_parked(&session->queue)))
        sink_actions_add(session, SINK_DROP)->cargo = cargo;
}

/* The run was over before this sink began, and this is a ventilator with an input that
 * the run did not have. */
static bool is_of_another_run(const struct sink_session *session,
                              const struct message *message)
{
    const struct sink_epoch *epoch = &session->epoch;
    const struct slice *offered = &message->welcome.input;
    bool same =
        offered->size == epoch->input_size &&
        (offered->size == 0 || memcmp(offered->data, epoch->input, offered->size) == 0);
    return session->config.position.finished && !same &&
           !id_equal(&message->welcome.uid, &epoch->uid);
}

void sink_epoch_on_welcome(struct sink_session *session, const struct message *message,
                           int64_t now_us)
{
    struct sink_epoch *epoch = &session->epoch;
    const struct slice *input = &message->welcome.input;
    liveness_welcomed(&session->liveness, message->welcome.heartbeat_ms,
                      message->welcome.liveness_ms);
    session->buffer = message->welcome.buffer;
    if (sink_phase_is_finished(session->ending.phase) &&
        is_of_another_run(session, message))
        sink_ending_refuse_input(&session->ending, now_us);
    if (sink_phase_is_closing(session->ending.phase))
        return; /* FINISHED says it all */
    epoch->offered_size = (uint8_t)input->size;
    if (input->size)
        memcpy(epoch->offered, input->data, input->size);
    session->header_out = message->welcome.header_out;
    if (!epoch->number || !id_equal(&message->welcome.uid, &epoch->uid))
        begin_epoch(session, &message->welcome.uid, now_us);
    sink_epoch_phase_set(&epoch->phase, SINK_EPOCH_OPENING);
}

/* What waits in a spool is not to be left behind for what waits in another. */
static bool is_pinned(const struct sink_epoch *epoch)
{
    return epoch->input_size > 0 && (epoch->input[0] & INPUT_PINNED) != 0;
}

/* As long as nothing is written, the run is of the input that was offered last: a mark
 * of one input must never lie beside the name of another. */
static void take_input(struct sink_session *session)
{
    struct sink_epoch *epoch = &session->epoch;
    if (session->queue.written || is_pinned(epoch))
        return;
    epoch->input_size = epoch->offered_size;
    memcpy(epoch->input, epoch->offered, epoch->offered_size);
}

void sink_epoch_check_begin(struct sink_session *session, int64_t now_us)
{
    struct sink_epoch *epoch = &session->epoch;
    const struct commit_schedule *schedule = &session->commit_schedule;
    if (epoch->phase != SINK_EPOCH_OPENING ||
        sink_phase_is_closing(session->ending.phase) || !session->liveness.open)
        return;
    if (schedule->safe_epoch != epoch->number &&
        !release_queue_writing(&session->queue) && !commit_schedule_waiting(schedule)) {
        take_input(session);
        sink_actions_commit(session, session->epoch.number, now_us);
    }
    if (schedule->safe_epoch != epoch->number)
        return;
    sink_epoch_phase_set(&epoch->phase, SINK_EPOCH_OPEN);
    progress_clear(&session->progress); /* BEGIN lists all that is held, */
    session->progress.moved =
        true; /* but not what is committed: PROGRESS may be lost */
    sink_actions_add(session, SINK_BEGIN)->uid = epoch->uid;
}
