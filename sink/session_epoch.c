/* SPDX-License-Identifier: MIT */
/*
 * Run and epoch, which are given out here, in one local step: on WELCOME from another
 * ventilator than the last the epoch rises, what is parked is dropped, and only when
 * that is safe (and everything that was given out is written) BEGIN is said.
 */
#include "sink/session_state.h"

#include "common/exit_status.h"

#include <string.h>

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
        sink_session_act(session, SINK_DROP)->cargo = cargo;
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

void sink_session_on_welcome(struct sink_session *session,
                             const struct message *message, int64_t now_us)
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

/* Nothing is written: the run is this input's, whichever was offered before. Marks of
 * one input must never lie beside the name of another. */
static void take_input(struct sink_session *session)
{
    if (session->sequence.written)
        return;
    session->input_size = session->offered_size;
    memcpy(session->input, session->offered, session->offered_size);
}

void sink_session_mind_begin(struct sink_session *session, int64_t now_us)
{
    if (!session->begin_owed || session->finished || session->failed ||
        !session->contact.open)
        return;
    if (session->commits.sure_epoch != session->epoch &&
        !sequence_writing(&session->sequence) && !commits_waiting(&session->commits)) {
        take_input(session);
        sink_session_commit(session, now_us);
    }
    if (session->commits.sure_epoch != session->epoch)
        return;
    session->begin_owed = false;
    news_clear(&session->news); /* BEGIN lists all that is held, */
    session->news.moved = true; /* but not what is committed: PROGRESS may be lost */
    sink_session_act(session, SINK_BEGIN)->uid = session->begin_uid;
}
