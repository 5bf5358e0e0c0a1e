/* SPDX-License-Identifier: MIT */
/*
 * Sessions in an array sorted by peer (a ROUTER numbers its peers upwards, so a new one
 * goes to the end), workers by uuid in a hash.
 *
 * Places (DESIGN, rule 8): slots, plus a prefetch of what runs while the next task is
 * on its way (the round trip, and 20 ms for what else may hold it up) and is no more
 * than 4 MiB a slot, none for tasks over a second, plus room for as many results that
 * nobody holds yet. The prefetch of all workers together stays within half of the
 * window: otherwise the first workers to ask would take all of it and leave the others
 * idle.
 */
#include "ventilator/crew.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum {
    PREFETCH_BYTES = 4 << 20, /* of a slot's store, however short the tasks */
    PREFETCH_US = 20000,  /* a slot's store of short tasks, besides the round trip */
    TRIP_MAX_US = 500000, /* a longer round trip is not made up for */
    TRIP_PARTS = 20,      /* of a run: slots that end together wait for a longer trip */
    TRIP_WEIGHT = 8,      /* as MEAN_WEIGHT: what is longer may have been held up */
    LONG_US = 1000000,    /* tasks that run longer are never queued behind another */
    MEAN_WEIGHT = 8,      /* of the past in the running mean, against one new measure */
    DOUBTS_MAX = 2,       /* unconfirmed DONEs of a worker without a monitor */
    ROOM = 2,             /* results more than slots and prefetch */
};

struct worker_index {
    struct id uuid;
    struct crew_worker *worker;
    UT_hash_handle hh;
};

void crew_init(struct crew *crew)
{
    *crew = (struct crew){0};
}

void crew_deinit(struct crew *crew)
{
    while (crew->count)
        crew_remove(crew, crew->sessions[crew->count - 1]);
    struct worker_index *entry, *next;
    HASH_ITER (hh, crew->index, entry, next) {
        HASH_DEL(crew->index, entry);
        free(entry->worker->host);
        free(entry->worker->command);
        free(entry->worker);
        free(entry);
    }
    free(crew->sessions);
    free(crew->workers);
}

struct crew_worker *crew_worker(struct crew *crew, const struct id *uuid)
{
    struct worker_index *entry;
    HASH_FIND(hh, crew->index, uuid, sizeof *uuid, entry);
    if (entry)
        return entry->worker;
    crew->workers = room_for_one_more(crew->workers, crew->worker_count,
                                      &crew->worker_capacity, sizeof *crew->workers);
    struct crew_worker *worker = allocate_zeroed(1, sizeof *worker);
    crew->workers[crew->worker_count++] = worker;
    worker->number = crew->worker_count;
    worker->uuid = *uuid;
    entry = allocate_zeroed(1, sizeof *entry);
    entry->uuid = *uuid;
    entry->worker = worker;
    HASH_ADD(hh, crew->index, uuid, sizeof entry->uuid, entry);
    return worker;
}

void crew_name(struct crew_worker *worker, struct slice host, struct slice command)
{
    if (worker->host)
        return;
    worker->host = allocate_text("%.*s", (int)host.size, (const char *)host.data);
    worker->command =
        allocate_text("%.*s", (int)command.size, (const char *)command.data);
}

/* The index of the first session whose peer is not below `peer`. */
static uint32_t lower_bound(const struct crew *crew, uint32_t peer)
{
    uint32_t low = 0, high = crew->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (crew->sessions[middle]->peer < peer)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct crew_session *crew_find(const struct crew *crew, uint32_t peer)
{
    uint32_t i = lower_bound(crew, peer);
    return i < crew->count && crew->sessions[i]->peer == peer ? crew->sessions[i]
                                                              : NULL;
}

struct crew_session *crew_find_worker(const struct crew *crew,
                                      const struct crew_worker *worker)
{
    for (uint32_t i = 0; i < crew->count; i++)
        if (crew->sessions[i]->worker == worker)
            return crew->sessions[i];
    return NULL;
}

struct crew_session *crew_add(struct crew *crew, uint32_t peer,
                              struct crew_worker *worker, uint32_t slots)
{
    uint32_t i = lower_bound(crew, peer);
    assert(i == crew->count || crew->sessions[i]->peer != peer);
    crew->sessions = room_for_one_more(crew->sessions, crew->count, &crew->capacity,
                                       sizeof(struct crew_session *));
    memmove(&crew->sessions[i + 1], &crew->sessions[i],
            (crew->count - i) * sizeof(struct crew_session *));
    struct crew_session *session = allocate_zeroed(1, sizeof *session);
    crew->sessions[i] = session;
    crew->count++;
    crew->slots += slots;
    session->peer = peer;
    session->number = worker->nonce;
    session->worker = worker;
    session->slots = slots;
    TAILQ_INIT(&session->owed);
    TAILQ_INIT(&session->done);
    return session;
}

void crew_remove(struct crew *crew, struct crew_session *session)
{
    assert(TAILQ_EMPTY(&session->owed) && TAILQ_EMPTY(&session->done));
    uint32_t i = lower_bound(crew, session->peer);
    crew->count--;
    memmove(&crew->sessions[i], &crew->sessions[i + 1],
            (crew->count - i) * sizeof(struct crew_session *));
    crew->slots -= session->slots;
    free(session);
}

bool crew_trusts(const struct crew_session *session)
{
    return session->way != WAY_UNKNOWN || session->worker->doubts < DOUBTS_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What runs at the worker in `us`, rounded up. Slots that end at the same time find one
 * each, where the round trip is a part of a run that is worth the while. */
static uint64_t tasks_in(const struct crew_session *session, uint64_t us)
{
    uint64_t run_us = most(session->run_us, 1);
    uint64_t tasks = (session->slots * us + run_us - 1) / run_us;
    bool far = session->rtt_us > run_us / TRIP_PARTS;
    return far ? most(tasks, session->slots) : tasks;
}

/* Tasks that wait at the worker so that no slot waits for a round trip. */
static uint32_t prefetch(const struct crew *crew, const struct crew_session *session,
                         uint32_t window)
{
    uint64_t store_us = PREFETCH_US + session->rtt_us;
    if (!session->measured)
        return crew->learns ? 0 : 1;
    if (session->run_us > LONG_US || (crew->learns && session->run_us > store_us))
        return 0;
    uint64_t small_enough = PREFETCH_BYTES / most(session->length, 1);
    uint64_t fair = window / 2 / most(crew->slots, 1);
    uint64_t a_slot = crew->learns ? 1 : least(small_enough, fair);
    uint64_t all = least(tasks_in(session, store_us), a_slot * session->slots);
    return (uint32_t)most(least(all, LEDGER_MAX / 4), 1);
}

static bool is_taken_alone(const struct crew_session *session)
{
    const struct attempt *first = TAILQ_FIRST(&session->owed);
    return first && first->alone;
}

bool crew_serves(const struct crew_session *session)
{
    return !session->leaving && session->way != WAY_SHUT && crew_trusts(session);
}

uint32_t crew_places(const struct crew *crew, const struct crew_session *session,
                     uint32_t window)
{
    if (!crew_serves(session) || is_taken_alone(session))
        return 0;
    uint32_t tasks = session->slots + prefetch(crew, session, window);
    uint32_t all = 2 * tasks + ROOM;
    uint32_t has = session->owed_count + session->done_count;
    if (session->owed_count >= tasks || has >= all)
        return 0;
    uint32_t free_tasks = tasks - session->owed_count, free_all = all - has;
    return free_tasks < free_all ? free_tasks : free_all;
}

bool crew_idle(const struct crew_session *session)
{
    return session->owed_count < session->slots;
}

static uint64_t mean(uint64_t before, uint64_t measure)
{
    return before + (measure + MEAN_WEIGHT / 2) / MEAN_WEIGHT - before / MEAN_WEIGHT;
}

void crew_measure(struct crew_session *session, uint64_t run_us, uint64_t length)
{
    session->run_us = session->measured ? mean(session->run_us, run_us) : run_us;
    session->length = session->measured ? mean(session->length, length) : length;
    session->measured = true;
}

void crew_measure_trip(struct crew_session *session, int64_t trip_us)
{
    uint64_t us = trip_us < 1 ? 1 : least((uint64_t)trip_us, TRIP_MAX_US);
    if (!session->rtt_us || us < session->rtt_us)
        session->rtt_us = us;
    else
        session->rtt_us += (us - session->rtt_us) / TRIP_WEIGHT;
}

/* Bytes that a slot of it goes through in a microsecond; 0: not known. */
static double pace(const struct crew_session *session)
{
    if (!session->measured)
        return 0;
    return (double)most(session->length, 1) / (double)most(session->run_us, 1);
}

uint64_t crew_share(const struct crew *crew, uint64_t rest)
{
    double slowest = 0, sum = 0, slots = 0;
    for (uint32_t i = 0; i < crew->count; i++) {
        const struct crew_session *session = crew->sessions[i];
        double bytes = pace(session);
        if (bytes == 0)
            continue;
        if (slowest == 0 || bytes < slowest)
            slowest = bytes;
        sum += bytes * session->slots;
        slots += session->slots;
    }
    uint64_t all = most(crew->slots, 1);
    if (slots > 0) /* the others are as these are */
        return (uint64_t)((double)rest * slowest / (sum / slots * (double)all));
    return rest / all;
}
