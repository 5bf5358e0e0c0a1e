/* SPDX-License-Identifier: MIT */
/*
 * How the sink's core comes to its end: END, a failure of its own, or a ventilator that
 * is gone; then all that is written is made safe, and FINISHED is said until GOODBYE.
 */
#include "sink/session_state.h"

#include "common/clock.h"
#include "common/exit_status.h"

#include <stdio.h>

enum {
    FINISHED_US = 20000,   /* between two FINISHED */
    FAREWELL_US = 2000000, /* how long a sink that gave up waits for GOODBYE */
};

bool sink_session_complete(const struct sink_session *session)
{
    return session->verdict.outcome == OUTCOME_COMPLETE;
}

/* All that is to be written before the end is told is. */
static bool all_written(const struct sink_session *session)
{
    if (session->failed)
        return true; /* what is given out, and not written yet, may never be */
    return !sequence_writing(&session->sequence) &&
           (!sink_session_complete(session) ||
            session->sequence.written == session->total);
}

/* What is written is safe, or going to be; a complete run is committed as such. */
static void commit_all(struct sink_session *session, int64_t now_us)
{
    bool pending = session->commits.next != session->sequence.written;
    if (sink_session_complete(session) && !session->final)
        session->final = pending = true;
    if (pending && !session->journal_lost)
        sink_session_commit(session, now_us);
}

static int status_of_complete(const struct sink_session *session)
{
    int said = session->verdict.status;
    if (session->config.position.dead_letters + session->sequence.dead_letters)
        return STATUS_DEAD_LETTERS;
    /* What was given up may have come all the same. */
    return said == STATUS_DEAD_LETTERS ? STATUS_OK : said;
}

void sink_session_mind_end(struct sink_session *session, int64_t now_us)
{
    if (!session->ended || session->finished || !all_written(session))
        return;
    commit_all(session, now_us);
    if (commits_waiting(&session->commits) && !session->journal_lost)
        return;
    session->finished = true;
    session->finished_us = now_us;
    session->told_us = 0;
    if (sink_session_complete(session))
        session->verdict.status = status_of_complete(session);
    if (session->parted || (session->failed && !session->contact.open))
        sink_session_leave(session);
}

/* Without waiting for what is given out. A run that is on its way to its end keeps the
 * reason that it has, and one that only has to be made safe is complete all the same.
 */
static void give_up_for(struct sink_session *session,
                        const struct sink_verdict *verdict, int64_t now_us)
{
    bool safe_soon = session->final && !session->journal_lost;
    if (!safe_soon) {
        if (!session->ended || sink_session_complete(session))
            session->verdict = *verdict;
        session->ended = session->failed = true;
        session->final = false;
    }
    sink_session_mind_end(session, now_us);
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
    sink_session_mind_end(session, now_us);
}

/* The ventilator is gone for good: leave as soon as what is written is safe. */
static void part(struct sink_session *session, const struct sink_verdict *verdict,
                 int64_t now_us)
{
    session->parted = true;
    if (session->finished)
        sink_session_leave(session);
    else
        give_up_for(session, verdict, now_us);
}

/* ---- what the ventilator says of it ---- */

void sink_session_on_end(struct sink_session *session, const struct message *message,
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

void sink_session_on_goodbye(struct sink_session *session, int64_t now_us)
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

void sink_session_on_reject(struct sink_session *session, const struct message *message,
                            int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    int size = message->reject.text.size < 400 ? (int)message->reject.text.size : 400;
    snprintf(verdict.text, sizeof verdict.text,
             "the ventilator rejects this sink: %.*s", size,
             size ? (const char *)message->reject.text.data : "");
    part(session, &verdict, now_us);
}

void sink_session_give_up(struct sink_session *session, int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    contact_complaint(&session->contact, verdict.text, sizeof verdict.text);
    part(session, &verdict, now_us);
}

/* ---- FINISHED ---- */

int64_t sink_session_tell_finished(struct sink_session *session, int64_t now_us)
{
    int64_t limit_us = sink_session_complete(session) ? 4 * session->contact.liveness_us
                                                      : FAREWELL_US;
    if (now_us - session->finished_us > limit_us) {
        sink_session_leave(session);
        return NEVER_US;
    }
    if (session->contact.open &&
        (!session->told_us || now_us - session->told_us >= FINISHED_US)) {
        session->told_us = now_us;
        sink_session_act(session, SINK_FINISHED);
    }
    return now_us + FINISHED_US;
}
