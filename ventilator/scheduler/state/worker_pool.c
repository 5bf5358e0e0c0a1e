/* SPDX-License-Identifier: MIT */
/*
 * Sessions in an array sorted by peer (a ROUTER numbers its peers upwards, so a new one
 * goes to the end), workers by uuid in a hash.
 *
 * Credit (PROTOCOL.md, rule 8): the slots; plus a prefetch, which is what runs while
 * the next task is on its way (the round trip, and 20 ms for what else may hold it up),
 * at most 4 MiB a slot, and nothing for tasks over a second; plus room for as many
 * results that nobody holds yet. The prefetch of all workers together stays within half
 * of the window: otherwise the first workers to ask would take all of it and leave the
 * others idle.
 *
 * A worker may say any number of slots, and the budget and the window follow it: so
 * only as many count as it has shown to use, and as many again.
 */
#include "ventilator/scheduler/state/worker_pool.h"

#include "common/memory.h"
#include "common/timing.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum {
    WINDOW_DEFAULT = 4096,
    WINDOW_A_SLOT = 4,
    SLOTS_AT_FIRST = 128, /* of a worker; more are believed when these are in use */
    HEARTBEAT_SESSIONS = 1000, /* with more, the heartbeat slows down */
    PREFETCH_BYTES = 4 << 20,  /* of a slot's prefetch, however short the tasks */
    PREFETCH_US = 20000,       /* of a slot's short tasks, besides the round trip */
    TRIP_MAX_US = 500000,      /* the prefetch covers no longer round trip */
    TRIP_PARTS = 20,     /* of a run: slots that end together wait for a longer trip */
    TRIP_WEIGHT = 8,     /* as MEAN_WEIGHT: a longer trip may have been held up */
    LONG_US = 1000000,   /* a task that runs longer has none queued behind it */
    MEAN_WEIGHT = 8,     /* of the past in the running mean, against one new measure */
    UNCONFIRMED_MAX = 2, /* unconfirmed DONEs of a worker that is trusted no more */
    ROOM = 2,            /* results more than slots and prefetch */
};

struct worker_index {
    struct id uuid;
    struct known_worker *worker;
    UT_hash_handle hh;
};

static void set_slots(struct worker_pool *pool, uint32_t slots)
{
    uint64_t window = (uint64_t)slots * WINDOW_A_SLOT;
    pool->slots = slots;
    if (pool->fixed_window)
        window = pool->fixed_window;
    else if (window < WINDOW_DEFAULT)
        window = WINDOW_DEFAULT;
    else if (window > WINDOW_MAX)
        window = WINDOW_MAX;
    pool->window = (uint32_t)window;
}

void worker_pool_init(struct worker_pool *pool, uint32_t window)
{
    *pool = (struct worker_pool){.fixed_window = window};
    set_slots(pool, 0);
}

void worker_pool_deinit(struct worker_pool *pool)
{
    while (pool->count)
        worker_pool_remove(pool, pool->sessions[pool->count - 1]);
    struct worker_index *entry, *next;
    HASH_ITER (hh, pool->index, entry, next) {
        HASH_DEL(pool->index, entry);
        free(entry->worker->host);
        free(entry->worker->command);
        free(entry->worker->place);
        free(entry->worker->failure);
        free(entry->worker);
        free(entry);
    }
    free(pool->sessions);
    free(pool->workers);
}

struct known_worker *worker_pool_know(struct worker_pool *pool, const struct id *uuid)
{
    struct worker_index *entry;
    HASH_FIND(hh, pool->index, uuid, sizeof *uuid, entry);
    if (entry)
        return entry->worker;
    pool->workers = room_for_one_more(pool->workers, pool->worker_count,
                                      &pool->worker_capacity, sizeof *pool->workers);
    struct known_worker *worker = allocate_zeroed(1, sizeof *worker);
    pool->workers[pool->worker_count++] = worker;
    worker->number = pool->worker_count;
    worker->uuid = *uuid;
    entry = allocate_zeroed(1, sizeof *entry);
    entry->uuid = *uuid;
    entry->worker = worker;
    HASH_ADD(hh, pool->index, uuid, sizeof entry->uuid, entry);
    return worker;
}

struct known_worker *worker_pool_look_up(const struct worker_pool *pool,
                                         const struct id *uuid)
{
    struct worker_index *entry;
    HASH_FIND(hh, pool->index, uuid, sizeof *uuid, entry);
    return entry ? entry->worker : NULL;
}

/* Behind the prefix of the capability that names it; NULL: none does. */
static char *place_of(const struct message *hello)
{
    static const char prefix[] = "place:";
    size_t length = strlen(prefix);
    for (uint32_t i = 0; i < hello->hello_worker.capability_count; i++) {
        struct slice said = hello->hello_worker.capabilities[i].name;
        if (said.size > length && memcmp(said.data, prefix, length) == 0)
            return allocate_text("%.*s", (int)(said.size - length),
                                 (const char *)said.data + length);
    }
    return NULL;
}

void worker_pool_name(struct known_worker *worker, const struct message *hello)
{
    struct slice host = hello->hello_worker.host;
    struct slice command = hello->hello_worker.command;
    if (worker->host)
        return;
    worker->pid = hello->hello_worker.pid;
    worker->place = place_of(hello);
    worker->host = allocate_text("%.*s", (int)host.size, (const char *)host.data);
    worker->command =
        allocate_text("%.*s", (int)command.size, (const char *)command.data);
}

struct known_worker *worker_pool_find_place(const struct worker_pool *pool,
                                            const char *place)
{
    for (uint32_t i = pool->worker_count; i-- > 0;)
        if (pool->workers[i]->place && strcmp(pool->workers[i]->place, place) == 0)
            return pool->workers[i];
    return NULL;
}

/* The index of the first session whose peer is not below `peer`. */
static uint32_t lower_bound(const struct worker_pool *pool, uint32_t peer)
{
    uint32_t low = 0, high = pool->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (pool->sessions[middle]->peer < peer)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct worker_session *worker_pool_find(const struct worker_pool *pool, uint32_t peer)
{
    uint32_t i = lower_bound(pool, peer);
    return i < pool->count && pool->sessions[i]->peer == peer ? pool->sessions[i]
                                                              : NULL;
}

struct worker_session *worker_pool_find_worker(const struct worker_pool *pool,
                                               const struct known_worker *worker)
{
    for (uint32_t i = 0; i < pool->count; i++)
        if (pool->sessions[i]->worker == worker)
            return pool->sessions[i];
    return NULL;
}

struct worker_session *worker_pool_add(struct worker_pool *pool, uint32_t peer,
                                       struct known_worker *worker, uint32_t slots)
{
    uint32_t i = lower_bound(pool, peer);
    assert(i == pool->count || pool->sessions[i]->peer != peer);
    pool->sessions = room_for_one_more(pool->sessions, pool->count, &pool->capacity,
                                       sizeof(struct worker_session *));
    memmove(&pool->sessions[i + 1], &pool->sessions[i],
            (pool->count - i) * sizeof(struct worker_session *));
    struct worker_session *session = allocate_zeroed(1, sizeof *session);
    pool->sessions[i] = session;
    pool->count++;
    session->claimed = slots;
    session->slots = slots < SLOTS_AT_FIRST ? slots : SLOTS_AT_FIRST;
    set_slots(pool, pool->slots + session->slots);
    session->peer = peer;
    session->number = worker->nonce;
    session->worker = worker;
    TAILQ_INIT(&session->in_flight);
    TAILQ_INIT(&session->done);
    return session;
}

void worker_pool_on_running(struct worker_pool *pool, struct worker_session *session,
                            uint32_t running)
{
    uint32_t slots = session->slots;
    if (running < slots || slots == session->claimed)
        return;
    session->slots = slots < session->claimed / 2 ? 2 * slots : session->claimed;
    set_slots(pool, pool->slots + session->slots - slots);
}

void worker_pool_remove(struct worker_pool *pool, struct worker_session *session)
{
    assert(TAILQ_EMPTY(&session->in_flight) && TAILQ_EMPTY(&session->done));
    uint32_t i = lower_bound(pool, session->peer);
    pool->count--;
    memmove(&pool->sessions[i], &pool->sessions[i + 1],
            (pool->count - i) * sizeof(struct worker_session *));
    set_slots(pool, pool->slots - session->slots);
    free(session);
}

uint32_t worker_pool_heartbeat_ms(const struct worker_pool *pool)
{
    uint64_t heartbeat_ms = HEARTBEAT_MS;
    if (pool->count > HEARTBEAT_SESSIONS)
        heartbeat_ms = heartbeat_ms * pool->count / HEARTBEAT_SESSIONS;
    if (pool->heartbeat_most_ms && heartbeat_ms > pool->heartbeat_most_ms)
        heartbeat_ms = pool->heartbeat_most_ms;
    return (uint32_t)heartbeat_ms;
}

bool worker_session_is_trusted(const struct worker_session *session)
{
    return session->worker->unconfirmed < UNCONFIRMED_MAX;
}

void worker_session_distrust(struct worker_session *session)
{
    if (session->worker->unconfirmed < UNCONFIRMED_MAX)
        session->worker->unconfirmed = UNCONFIRMED_MAX;
}

void worker_session_confirm(struct worker_session *session)
{
    session->worker->unconfirmed = session->worker->chances = 0;
}

void worker_session_give_chance(struct worker_session *session)
{
    session->worker->unconfirmed = UNCONFIRMED_MAX - 1;
    session->worker->chances++;
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
static uint32_t prefetch(const struct worker_pool *pool,
                         const struct worker_session *session)
{
    uint64_t ahead_us = PREFETCH_US + session->rtt_us;
    if (!session->measured)
        return pool->learns ? 0 : 1;
    if (session->run_us > LONG_US || (pool->learns && session->run_us > ahead_us))
        return 0;
    uint64_t run_us = session->run_us ? session->run_us : 1;
    uint64_t tasks = (session->slots * ahead_us + run_us - 1) / run_us;
    if (session->rtt_us > run_us / TRIP_PARTS && tasks < session->slots)
        tasks = session->slots;
    uint64_t a_slot = pool->window / 2 / pool->slots; /* a fair share */
    if (a_slot * session->length > PREFETCH_BYTES)
        a_slot = PREFETCH_BYTES / session->length;
    if (pool->learns)
        a_slot = 1;
    if (tasks > a_slot * session->slots)
        tasks = a_slot * session->slots;
    if (tasks > LEDGER_MAX / 4)
        return LEDGER_MAX / 4;
    return tasks ? (uint32_t)tasks : 1;
}

uint32_t worker_pool_credit(const struct worker_pool *pool,
                            const struct worker_session *session)
{
    const struct attempt *first = TAILQ_FIRST(&session->in_flight);
    if (!worker_session_serves(session) || (first && first->alone))
        return 0;
    uint32_t tasks = session->slots + prefetch(pool, session);
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
}

void worker_session_measure_trip(struct worker_session *session, int64_t trip_us)
{
    uint64_t us = trip_us < 1 ? 1 : least((uint64_t)trip_us, TRIP_MAX_US);
    if (!session->rtt_us || us < session->rtt_us)
        session->rtt_us = us;
    else
        session->rtt_us += (us - session->rtt_us) / TRIP_WEIGHT;
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

/* Bytes that a slot of it goes through in a microsecond; 0: not known. */
static double pace(const struct worker_session *session)
{
    if (!session->measured)
        return 0;
    return (double)most(session->length, 1) / (double)most(session->run_us, 1);
}

uint64_t worker_pool_share(const struct worker_pool *pool, uint64_t rest)
{
    double slowest = 0, sum = 0, slots = 0;
    for (uint32_t i = 0; i < pool->count; i++) {
        const struct worker_session *session = pool->sessions[i];
        double bytes = pace(session);
        if (bytes == 0)
            continue;
        if (slowest == 0 || bytes < slowest)
            slowest = bytes;
        sum += bytes * session->slots;
        slots += session->slots;
    }
    uint64_t all = most(pool->slots, 1);
    if (slots > 0) /* the others are as these are */
        return (uint64_t)((double)rest * slowest / (sum / slots * (double)all));
    return rest / all;
}
