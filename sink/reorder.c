/* SPDX-License-Identifier: MIT */
/*
 * Puts results back in sequence. Two places: `ready` is the run of results that may go
 * out, a ring that nearly every result passes through without being hashed; `parked` is
 * a table by seq of those that wait for an older one. `frontier` is the first seq that
 * is not in, so a seq is in if and only if it lies below it or in the table.
 *
 * Ordered, `ready` holds exactly [next, frontier). Unordered, everything goes through
 * `ready` as it came, and the table keeps bare seqs, for the counting alone.
 */
#include "sink/reorder.h"
#include "common/memory.h"
#include "common/queue.h"
#include <assert.h>
#include <stdlib.h>

/* A seq needs no more than to be spread: far ones may come in any stride. */
#define HASH_FUNCTION(key, length, hash) \
    ((hash) = (unsigned)((*(key)*UINT64_C(0x9E3779B97F4A7C15)) >> 32))
#define HASH_KEYCMP(a, b, length) (*(const uint64_t *)(a) != *(const uint64_t *)(b))
#define uthash_fatal(text)        abort_out_of_memory()
#include <uthash.h>

struct parked_seat {
    uint64_t seq;
    void *cargo; /* NULL: unordered, and already out */
    UT_hash_handle hh;
};

struct ready_seat {
    uint64_t seq;
    void *cargo;
};

struct reorder {
    bool ordered;
    uint64_t frontier;
    struct queue ready; /* of struct ready_seat */
    struct parked_seat *parked;
    uint64_t parked_ever;
    struct range *held; /* memory of reorder_held */
    size_t held_capacity;
};

struct reorder *reorder_new(uint64_t position, bool ordered)
{
    struct reorder *reorder = allocate_zeroed(1, sizeof *reorder);

    reorder->ordered = ordered;
    reorder->frontier = position;
    queue_init(&reorder->ready, sizeof(struct ready_seat));
    return reorder;
}

void reorder_destroy(struct reorder **reorder_p, void (*drop)(void *cargo))
{
    struct reorder *reorder = *reorder_p;

    if (reorder == NULL)
        return;
    reorder_reset(reorder, 0, drop);
    queue_deinit(&reorder->ready);
    free(reorder->held);
    free(reorder);
    *reorder_p = NULL;
}

static void ready_push(struct reorder *reorder, uint64_t seq, void *cargo)
{
    *(struct ready_seat *)queue_push(&reorder->ready) =
        (struct ready_seat){.seq = seq, .cargo = cargo};
}

static struct parked_seat *parked_find(const struct reorder *reorder, uint64_t seq)
{
    struct parked_seat *seat = NULL;

    if (reorder->parked != NULL)
        HASH_FIND(hh, reorder->parked, &seq, sizeof seq, seat);
    return seat;
}

static void parked_add(struct reorder *reorder, uint64_t seq, void *cargo)
{
    struct parked_seat *seat = allocate(sizeof *seat);

    seat->seq = seq;
    seat->cargo = cargo;
    HASH_ADD(hh, reorder->parked, seq, sizeof seat->seq, seat);
}

static void *parked_remove(struct reorder *reorder, struct parked_seat *seat)
{
    void *cargo = seat->cargo;

    HASH_DEL(reorder->parked, seat);
    free(seat);
    return cargo;
}

void reorder_reset(struct reorder *reorder, uint64_t position,
                   void (*drop)(void *cargo))
{
    struct parked_seat *seat, *following;
    uint64_t seq;
    void *cargo;

    while ((cargo = reorder_release(reorder, &seq)) != NULL)
        drop(cargo);
    HASH_ITER (hh, reorder->parked, seat, following) {
        cargo = parked_remove(reorder, seat);
        if (cargo != NULL)
            drop(cargo);
    }
    reorder->frontier = position;
}

/* Everything that follows the frontier without a gap joins it. */
static void advance(struct reorder *reorder)
{
    struct parked_seat *seat;

    while ((seat = parked_find(reorder, reorder->frontier)) != NULL) {
        void *cargo = parked_remove(reorder, seat);

        if (reorder->ordered)
            ready_push(reorder, reorder->frontier, cargo);
        reorder->frontier++;
    }
}

bool reorder_offer(struct reorder *reorder, uint64_t seq, void *cargo)
{
    assert(cargo != NULL);
    if (reorder_has(reorder, seq))
        return false;
    if (!reorder->ordered || seq == reorder->frontier)
        ready_push(reorder, seq, cargo);
    if (seq == reorder->frontier) {
        reorder->frontier++;
        advance(reorder);
        return true;
    }
    parked_add(reorder, seq, reorder->ordered ? cargo : NULL);
    if (reorder->ordered)
        reorder->parked_ever++;
    return true;
}

void *reorder_take_parked(struct reorder *reorder)
{
    void *cargo = NULL;

    while (cargo == NULL && reorder->parked != NULL)
        cargo = parked_remove(reorder, reorder->parked);
    return cargo;
}

void *reorder_release(struct reorder *reorder, uint64_t *ret_seq)
{
    struct ready_seat seat;

    if (!queue_pop(&reorder->ready, &seat))
        return NULL;
    *ret_seq = seat.seq;
    return seat.cargo;
}

uint64_t reorder_next(const struct reorder *reorder)
{
    if (reorder->ordered)
        return reorder->frontier - reorder->ready.count;
    return reorder->frontier;
}

bool reorder_has(const struct reorder *reorder, uint64_t seq)
{
    return seq < reorder->frontier ||
           (seq > reorder->frontier && parked_find(reorder, seq) != NULL);
}

uint64_t reorder_parked(const struct reorder *reorder)
{
    return reorder->ordered ? HASH_COUNT(reorder->parked) : 0;
}

uint64_t reorder_parked_ever(const struct reorder *reorder)
{
    return reorder->parked_ever;
}

static int compare_first(const void *a, const void *b)
{
    const struct range *left = a, *right = b;

    return (left->first > right->first) - (left->first < right->first);
}

/* Joins neighbours in a sorted list; returns how many are left. */
static size_t join(struct range *ranges, size_t count)
{
    size_t joined = 0;

    for (size_t i = 0; i < count; i++) {
        struct range *last = joined > 0 ? &ranges[joined - 1] : NULL;

        if (last != NULL && last->first + last->count == ranges[i].first)
            last->count += ranges[i].count;
        else
            ranges[joined++] = ranges[i];
    }
    return joined;
}

const struct range *reorder_held(struct reorder *reorder, uint32_t *ret_count)
{
    size_t wanted = HASH_COUNT(reorder->parked) + 1, count = 0;
    uint64_t next = reorder_next(reorder);

    if (reorder->held_capacity < wanted) {
        reorder->held = reallocate(reorder->held, wanted, sizeof *reorder->held);
        reorder->held_capacity = wanted;
    }
    if (next < reorder->frontier)
        reorder->held[count++] = (struct range){next, reorder->frontier - next};
    for (struct parked_seat *seat = reorder->parked; seat; seat = seat->hh.next)
        reorder->held[count++] = (struct range){seat->seq, 1};
    qsort(reorder->held, count, sizeof *reorder->held, compare_first);
    count = join(reorder->held, count);
    *ret_count = count < RANGES_MAX ? (uint32_t)count : RANGES_MAX;
    return reorder->held;
}

void *reorder_last(const struct reorder *reorder,
                   bool (*wanted)(const void *cargo, void *context), void *context)
{
    const struct parked_seat *last = NULL;

    for (const struct parked_seat *seat = reorder->parked; seat; seat = seat->hh.next)
        if (seat->cargo != NULL && (last == NULL || seat->seq > last->seq) &&
            wanted(seat->cargo, context))
            last = seat;
    return last != NULL ? last->cargo : NULL;
}
