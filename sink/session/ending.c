/* SPDX-License-Identifier: MIT */
/*
 * How the sink's core comes to its end: END comes, the sink fails, or the ventilator is
 * gone; then the core makes safe all that is written, and says FINISHED until GOODBYE.
 */
#include "sink/session/ending.h"

#include "common/clock.h"
#include "common/exit_status.h"
#include "sink/session/actions.h"

#include <stdio.h>

enum {
    FINISHED_US = 20000,   /* between two FINISHED */
    FAREWELL_US = 2000000, /* how long a sink that gave up waits for GOODBYE */
};

void sink_ending_init(struct sink_ending *ending, const struct position *position,
                      int64_t now_us)
{
    *ending = (struct sink_ending){
        .phase = position->finished ? SINK_PHASE_FINISHED : SINK_PHASE_RUNNING,
        .finished_us = now_us,
    };
    if (position->finished && position->dead_letters)
        ending->verdict.status = STATUS_DEAD_LETTERS;
}

void sink_ending_run_on(struct sink_ending *ending)
{
    sink_phase_set(&ending->phase, SINK_PHASE_RUNNING);
    ending->verdict = (struct sink_verdict){.outcome = OUTCOME_COMPLETE};
}

void sink_ending_refuse_input(struct sink_ending *ending, int64_t now_us)
{
    ending->verdict = (struct sink_verdict){
        .outcome = OUTCOME_STOPPED,
        .status = STATUS_IO,
        .text = "the output is complete, but belongs to another input, or to this "
                "one before it changed: remove its journal to keep it as it is",
    };
    ending->finished_us = now_us;
    ending->announced_us = 0;
}

bool sink_ending_is_complete(const struct sink_ending *ending)
{
    return ending->verdict.outcome == OUTCOME_COMPLETE;
}

/* ---- the way to FINISHED ---- */

static void leave(struct sink_session *session)
{
    sink_phase_set(&session->ending.phase, SINK_PHASE_LEFT);
    sink_actions_add(session, SINK_LEAVE);
}

/* All that is to be written before the end is told is. */
static bool all_written(const struct sink_session *session)
{
    const struct release_queue *queue = &session->queue;
    switch (session->ending.phase) {
    case SINK_PHASE_COMPLETING:
    case SINK_PHASE_SAVING:
        return !release_queue_writing(queue) && queue->written == session->ending.total;
    case SINK_PHASE_STOPPING:
        return !release_queue_writing(queue);
    case SINK_PHASE_FAILING:
        return true; /* what is given out, and not written yet, may never be */
    case SINK_PHASE_RUNNING:
    case SINK_PHASE_FINISHED:
    case SINK_PHASE_LEFT:
        break;
    }
    return false;
}

/* What is written is safe, or going to be; a complete run is committed as such. */
static void commit_all(struct sink_session *session, int64_t now_us)
{
    struct commit_schedule *schedule = &session->commit_schedule;
    bool missing = schedule->next != session->queue.written;
    if (session->ending.phase == SINK_PHASE_COMPLETING) {
        sink_phase_set(&session->ending.phase, SINK_PHASE_SAVING);
        missing = true;
    }
    if (missing && !schedule->lost)
        sink_actions_commit(session, session->epoch.number, now_us);
}

static int status_of_complete(const struct sink_session *session)
{
    int said = session->ending.verdict.status;
    if (session->config.position.dead_letters + session->queue.dead_letters)
        return STATUS_DEAD_LETTERS;
    /* What was given up may have come all the same. */
    return said == STATUS_DEAD_LETTERS ? STATUS_OK : said;
}

void sink_ending_check(struct sink_session *session, int64_t now_us)
{
    struct sink_ending *ending = &session->ending;
    if (!all_written(session))
        return;
    commit_all(session, now_us);
    if (commit_schedule_waiting(&session->commit_schedule))
        return;
    bool heard = ending->farewell == VENTILATOR_STAYS &&
                 (ending->phase != SINK_PHASE_FAILING || session->liveness.open);
    sink_phase_set(&ending->phase, SINK_PHASE_FINISHED);
    ending->finished_us = now_us;
    ending->announced_us = 0;
    if (sink_ending_is_complete(ending))
        ending->verdict.status = status_of_complete(session);
    if (!heard)
        leave(session);
}

/* ---- the sink gives up ---- */

/* All is written, and the last commit can still be answered: the run is complete,
 * whatever comes. */
static bool is_all_but_safe(const struct sink_session *session)
{
    return session->ending.phase == SINK_PHASE_SAVING && !session->commit_schedule.lost;
}

/* Without waiting for what is given out. */
static void give_up_for(struct sink_session *session,
                        const struct sink_verdict *verdict, int64_t now_us)
{
    if (!is_all_but_safe(session)) {
        session->ending.verdict = *verdict;
        sink_phase_set(&session->ending.phase, SINK_PHASE_FAILING);
    }
    sink_ending_check(session, now_us);
}

void sink_ending_fail(struct sink_session *session, enum outcome outcome, int status,
                      const char *text, int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = outcome, .status = status};
    if (sink_phase_is_closing(session->ending.phase))
        return;
    snprintf(verdict.text, sizeof verdict.text, "%s", text);
    give_up_for(session, &verdict, now_us);
}

void sink_ending_on_journal_failed(struct sink_session *session, const char *text,
                                   int64_t now_us)
{
    commit_schedule_lose(&session->commit_schedule);
    sink_ending_fail(session, OUTCOME_STOPPED, STATUS_IO, text, now_us);
    sink_ending_check(session, now_us);
}

/* ---- the ventilator is gone ---- */

/* Leaves as soon as what is written is safe. A run that is on its way to its end keeps
 * the reason that it has. */
static void part(struct sink_session *session, enum ventilator_farewell farewell,
                 const struct sink_verdict *verdict, int64_t now_us)
{
    struct sink_ending *ending = &session->ending;
    if (farewell > ending->farewell)
        ending->farewell = farewell;
    if (sink_phase_is_finished(ending->phase))
        leave(session);
    else
        give_up_for(session,
                    sink_ending_is_complete(ending) ? verdict : &ending->verdict,
                    now_us);
}

void sink_ending_on_goodbye(struct sink_session *session, int64_t now_us)
{
    struct sink_verdict verdict = {
        .outcome = OUTCOME_STOPPED,
        .status = STATUS_PEER,
        .relayed = true,
        .text = "the ventilator ended the run before the sink had all results",
    };
    part(session, VENTILATOR_SAID_GOODBYE, &verdict, now_us);
}

void sink_ending_on_reject(struct sink_session *session, const struct message *message,
                           int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    char text[400];
    slice_copy_printable(message->reject.text, text, sizeof text);
    int length = snprintf(verdict.text, sizeof verdict.text,
                          "the ventilator rejects this sink: %s", text);
    if (message->reject.reason == REJECT_VERSION)
        snprintf(verdict.text + length, sizeof verdict.text - (size_t)length,
                 " (this sink speaks FANFOLD/%d)", PROTOCOL_VERSION);
    part(session, VENTILATOR_GONE, &verdict, now_us);
}

void sink_ending_on_version(struct sink_session *session, uint32_t version,
                            int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    snprintf(
        verdict.text, sizeof verdict.text,
        "the ventilator speaks FANFOLD/%u, this sink FANFOLD/%d: start programs of "
        "one version",
        version, PROTOCOL_VERSION);
    part(session, VENTILATOR_GONE, &verdict, now_us);
}

void sink_ending_give_up(struct sink_session *session, int64_t now_us)
{
    struct sink_verdict verdict = {.outcome = OUTCOME_STOPPED, .status = STATUS_PEER};
    liveness_complaint(&session->liveness, verdict.text, sizeof verdict.text);
    part(session, VENTILATOR_GONE, &verdict, now_us);
}

/* ---- the ventilator ends the run ---- */

void sink_ending_on_end(struct sink_session *session, const struct message *message,
                        int64_t now_us)
{
    struct sink_ending *ending = &session->ending;
    bool complete = message->end.outcome == OUTCOME_COMPLETE;
    if (message->end.epoch != session->epoch.number ||
        (ending->phase != SINK_PHASE_RUNNING && ending->phase != SINK_PHASE_COMPLETING))
        return;
    if (complete && message->end.total < session->queue.written) {
        sink_ending_fail(
            session, OUTCOME_STOPPED, STATUS_PEER,
            "the ventilator ended the run with fewer tasks than the sink has written",
            now_us);
        return;
    }
    sink_phase_set(&ending->phase,
                   complete ? SINK_PHASE_COMPLETING : SINK_PHASE_STOPPING);
    ending->total = message->end.total;
    ending->verdict.outcome = message->end.outcome;
    ending->verdict.status = (int)message->end.status;
    ending->verdict.relayed = !complete;
    if (!complete)
        snprintf(ending->verdict.text, sizeof ending->verdict.text,
                 "the ventilator stopped the run (status %d)", ending->verdict.status);
}

/* ---- FINISHED ---- */

int64_t sink_ending_tick(struct sink_session *session, int64_t now_us)
{
    struct sink_ending *ending = &session->ending;
    int64_t limit_us = sink_ending_is_complete(ending)
                           ? 4 * session->liveness.liveness_us
                           : FAREWELL_US;
    if (ending->phase != SINK_PHASE_FINISHED)
        return NEVER_US;
    if (now_us - ending->finished_us > limit_us) {
        leave(session);
        return NEVER_US;
    }
    if (session->liveness.open &&
        (!ending->announced_us || now_us - ending->announced_us >= FINISHED_US)) {
        if (!ending->announced_us && session->progress.moved && session->queue.failed)
            sink_actions_add(session, SINK_PROGRESS); /* it counts the last of them */
        ending->announced_us = now_us;
        sink_actions_add(session, SINK_FINISHED);
    }
    return now_us + FINISHED_US;
}
