/* SPDX-License-Identifier: MIT */
/*
 * Sessions in an array sorted by peer (a ROUTER numbers its peers upwards, so a new one
 * goes to the end), workers by uuid in a hash.
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
    WINDOW_A_SLOT = 1024,
    SLOTS_AT_FIRST = 128, /* of a worker; more are believed when these are in use */
    HEARTBEAT_SESSIONS = 1000, /* with more, the heartbeat slows down */
};

struct worker_index {
    struct id uuid;
    struct known_worker *worker;
    UT_hash_handle hh;
};

static void set_terms(struct worker_pool *pool, bool learns)
{
    pool->terms = (struct credit_terms){
        .a_slot = pool->window / 2 / (pool->slots ? pool->slots : 1),
        .learns = learns,
    };
    worker_tallies_set_terms(pool->tallies, &pool->terms);
}

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
    set_terms(pool, pool->terms.learns);
}

void worker_pool_set_learns(struct worker_pool *pool, bool learns)
{
    set_terms(pool, learns);
}

void worker_pool_init(struct worker_pool *pool, uint32_t window)
{
    *pool =
        (struct worker_pool){.fixed_window = window, .tallies = worker_tallies_new()};
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
    worker_tallies_destroy(&pool->tallies);
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
    if (high > 0) { /* no two have one number: mostly that tells all */
        uint32_t first = pool->sessions[0]->peer, last = pool->sessions[high - 1]->peer;
        if (peer > last)
            return high;
        if (peer >= first && peer - first < high)
            high = peer - first;
        if (last - peer < pool->count)
            low = pool->count - 1 - (last - peer);
    }
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
    worker->session = session;
    TAILQ_INIT(&session->in_flight);
    TAILQ_INIT(&session->done);
    worker_tallies_add(pool->tallies, session);
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
    worker_session_touch(session);
}

void worker_pool_remove(struct worker_pool *pool, struct worker_session *session)
{
    assert(TAILQ_EMPTY(&session->in_flight) && TAILQ_EMPTY(&session->done));
    uint32_t i = lower_bound(pool, session->peer);
    pool->count--;
    memmove(&pool->sessions[i], &pool->sessions[i + 1],
            (pool->count - i) * sizeof(struct worker_session *));
    set_slots(pool, pool->slots - session->slots);
    worker_tallies_remove(pool->tallies, session);
    session->worker->session = NULL;
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

uint32_t worker_pool_credit(const struct worker_pool *pool,
                            const struct worker_session *session)
{
    return worker_session_credit(session, &pool->terms);
}

uint64_t worker_pool_share(const struct worker_pool *pool, uint64_t rest)
{
    uint64_t all = pool->slots ? pool->slots : 1;
    double slowest = worker_tallies_slowest(pool->tallies);
    const struct worker_sums *sums = worker_tallies_sums(pool->tallies);
    if (sums->paced > 0) /* the others are as these are */
        return (uint64_t)((double)rest * slowest /
                          (sums->pace / (double)sums->paced * (double)all));
    return rest / all;
}
