/* SPDX-License-Identifier: MIT */
/*
 * Credit (PROTOCOL.md, rule 8): the slots; plus a prefetch, which is what runs while
 * the next task is on its way (the round trip, and 20 ms for what else may hold it up),
 * at most 4 MiB a slot, and nothing for tasks over a second; plus room for as many
 * results that nobody holds yet. The prefetch of all workers together stays within half
 * of the window: otherwise the first workers to ask would take all of it and leave the
 * others idle.
 */
#include "ventilator/scheduler/state/worker_session.h"

enum {
    PREFETCH_BYTES = 4 << 20, /* of a slot's prefetch, however short the tasks */
    PREFETCH_US = 20000,      /* of a slot's short tasks, besides the round trip */
    TRIP_MAX_US = 500000,     /* the prefetch covers no longer round trip */
    TRIP_PARTS = 20,     /* of a run: slots that end together wait for a longer trip */
    TRIP_WEIGHT = 8,     /* as MEAN_WEIGHT: a longer trip may have been held up */
    LONG_US = 1000000,   /* a task that runs longer has none queued behind it */
    MEAN_WEIGHT = 8,     /* of the past in the running mean, against one new measure */
    UNCONFIRMED_MAX = 2, /* unconfirmed DONEs of a worker that is trusted no more */
    ROOM = 2,            /* results more than slots and prefetch */
};

void worker_session_touch(struct worker_session *session)
{
    if (session->stale || !session->stale_list)
        return;
    session->stale = true;
    LIST_INSERT_HEAD(session->stale_list, session, of_stale);
}

void known_worker_touch(const struct known_worker *worker)
{
    if (worker->session)
        worker_session_touch(worker->session);
}

bool worker_session_is_trusted(const struct worker_session *session)
{
    return session->worker->unconfirmed < UNCONFIRMED_MAX;
}

void worker_session_distrust(struct worker_session *session)
{
    if (session->worker->unconfirmed < UNCONFIRMED_MAX)
        session->worker->unconfirmed = UNCONFIRMED_MAX;
    worker_session_touch(session);
}

void worker_session_confirm(struct worker_session *session)
{
    session->worker->unconfirmed = session->worker->chances = 0;
    worker_session_touch(session);
}

void worker_session_give_chance(struct worker_session *session)
{
    session->worker->unconfirmed = UNCONFIRMED_MAX - 1;
    session->worker->chances++;
    worker_session_touch(session);
}

bool worker_session_serves(const struct worker_session *session)
{
    return !session->leaving && session->link != LINK_SHUT &&
           worker_session_is_trusted(session);
}

bool worker_session_is_idle(const struct worker_session *session)
{
    return session->in_flight_count < session->slots;
}

struct attempt *worker_session_first(const struct worker_session *session)
{
    struct attempt *attempt = TAILQ_FIRST(&session->in_flight);
    return attempt ? attempt : TAILQ_FIRST(&session->done);
}

/* ---- credit ---- */

/* Tasks that wait at the worker so that no slot waits for a round trip. Slots that
 * end at the same time find one each, where the round trip is a considerable part
 * of a run. */
static uint32_t prefetch(const struct worker_session *session,
                         const struct credit_terms *terms)
{
    uint64_t ahead_us = PREFETCH_US + session->rtt_us;
    if (!session->measured)
        return terms->learns ? 0 : 1;
    if (session->run_us > LONG_US || (terms->learns && session->run_us > ahead_us))
        return 0;
    uint64_t run_us = session->run_us ? session->run_us : 1;
    uint64_t tasks = (session->slots * ahead_us + run_us - 1) / run_us;
    if (session->rtt_us > run_us / TRIP_PARTS && tasks < session->slots)
        tasks = session->slots;
    uint64_t a_slot = terms->a_slot;
    if (a_slot * session->length > PREFETCH_BYTES)
        a_slot = PREFETCH_BYTES / session->length;
    if (terms->learns)
        a_slot = 1;
    if (tasks > a_slot * session->slots)
        tasks = a_slot * session->slots;
    if (tasks > LEDGER_MAX / 4)
        return LEDGER_MAX / 4;
    return tasks ? (uint32_t)tasks : 1;
}

uint32_t worker_session_credit(const struct worker_session *session,
                               const struct credit_terms *terms)
{
    const struct attempt *first = TAILQ_FIRST(&session->in_flight);
    if (!worker_session_serves(session) || (first && first->alone))
        return 0;
    uint32_t tasks = session->slots + prefetch(session, terms);
    uint32_t all = 2 * tasks + ROOM;
    uint32_t has = session->in_flight_count + session->done_count;
    if (session->in_flight_count >= tasks || has >= all)
        return 0;
    if (session->rests)
        return session->on_trial && !first ? 1 : 0;
    uint32_t free_tasks = tasks - session->in_flight_count, free_all = all - has;
    return free_tasks < free_all ? free_tasks : free_all;
}

/* ---- measures ---- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t mean(uint64_t before, uint64_t measure)
{
    return before + (measure + MEAN_WEIGHT / 2) / MEAN_WEIGHT - before / MEAN_WEIGHT;
}

void worker_session_measure(struct worker_session *session, uint64_t run_us,
                            uint64_t length)
{
    session->run_us = session->measured ? mean(session->run_us, run_us) : run_us;
    session->length = session->measured ? mean(session->length, length) : length;
    session->measured = true;
    worker_session_touch(session);
}

void worker_session_measure_trip(struct worker_session *session, int64_t trip_us)
{
    uint64_t us = trip_us < 1 ? 1 : least((uint64_t)trip_us, TRIP_MAX_US);
    if (!session->rtt_us || us < session->rtt_us)
        session->rtt_us = us;
    else
        session->rtt_us += (us - session->rtt_us) / TRIP_WEIGHT;
    worker_session_touch(session);
}

struct journey journey_of(const struct attempt *attempt)
{
    const struct task *task = attempt->task;
    return (struct journey){
        .seq = task->seq,
        .attempt = attempt->number,
        .sent_us = attempt->sent_us,
        .missing_us = attempt->missing_us,
        .at_once = attempt->at_once,
        .length = task->length,
        .records = task->records,
    };
}

void worker_session_keep_journey(struct worker_session *session,
                                 const struct attempt *attempt)
{
    session->journeys[session->journey_next] = journey_of(attempt);
    session->journey_next = (session->journey_next + 1) % JOURNEYS_KEPT;
}

bool worker_session_take_journey(struct worker_session *session, uint64_t seq,
                                 uint32_t attempt, struct journey *ret_journey)
{
    for (size_t i = 0; i < JOURNEYS_KEPT; i++) {
        struct journey *kept = &session->journeys[i];
        if (!kept->attempt || kept->seq != seq || kept->attempt != attempt)
            continue;
        *ret_journey = *kept;
        kept->attempt = 0;
        return true;
    }
    return false;
}

double worker_session_pace(const struct worker_session *session)
{
    if (!session->measured)
        return 0;
    return (double)most(session->length, 1) / (double)most(session->run_us, 1);
}
