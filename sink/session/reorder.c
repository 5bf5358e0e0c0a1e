/* SPDX-License-Identifier: MIT */
/*
 * A result lies in one of two places: `ready` is the row of results that may go out, a
 * ring that nearly every result passes through without being looked up; `parked` has
 * those that wait for an older one. `frontier` is the first seq that is not in, so a
 * seq is in if and only if it lies below it or is parked.
 *
 * Ordered, `ready` holds exactly [next, frontier). Unordered, everything goes through
 * `ready` as it came, and bare seqs are parked, for the counting alone.
 */
#include "sink/session/reorder.h"
#include "common/memory.h"
#include "common/ring.h"
#include "sink/session/parked.h"
#include <assert.h>
#include <stdlib.h>

struct ready_entry {
    uint64_t seq;
    void *cargo;
};

struct reorder {
    bool ordered;
    uint64_t frontier;
    struct ring ready; /* of struct ready_entry */
    struct parked parked;
    uint64_t parked_ever;
    struct range *held; /* memory of reorder_held */
    size_t held_capacity;
};

struct reorder *reorder_new(uint64_t position, bool ordered)
{
    struct reorder *reorder = allocate_zeroed(1, sizeof *reorder);
    reorder->ordered = ordered;
    reorder->frontier = position;
    ring_init(&reorder->ready, sizeof(struct ready_entry));
    parked_init(&reorder->parked);
    return reorder;
}

static void ready_push(struct reorder *reorder, uint64_t seq, void *cargo)
{
    *(struct ready_entry *)ring_push(&reorder->ready) =
        (struct ready_entry){.seq = seq, .cargo = cargo};
}

/* Everything that follows the frontier without a gap joins it. */
static void advance(struct reorder *reorder)
{
    void *cargo;
    while (parked_take(&reorder->parked, reorder->frontier, &cargo)) {
        if (reorder->ordered)
            ready_push(reorder, reorder->frontier, cargo);
        reorder->frontier++;
    }
}

bool reorder_offer(struct reorder *reorder, uint64_t seq, void *cargo)
{
    assert(cargo);
    if (reorder_has(reorder, seq))
        return false;
    if (!reorder->ordered || seq == reorder->frontier)
        ready_push(reorder, seq, cargo);
    if (seq == reorder->frontier) {
        reorder->frontier++;
        advance(reorder);
        return true;
    }
    parked_add(&reorder->parked, seq, reorder->ordered ? cargo : NULL);
    if (reorder->ordered)
        reorder->parked_ever++;
    return true;
}

void *reorder_take_parked(struct reorder *reorder)
{
    void *cargo = NULL;
    while (!cargo && parked_take_any(&reorder->parked, &cargo))
        continue;
    return cargo;
}

void *reorder_release(struct reorder *reorder, uint64_t *ret_seq)
{
    struct ready_entry entry;
    if (!ring_pop(&reorder->ready, &entry))
        return NULL;
    *ret_seq = entry.seq;
    return entry.cargo;
}

void reorder_destroy(struct reorder **reorder_p, void (*drop)(void *cargo))
{
    struct reorder *reorder = *reorder_p;
    uint64_t seq;
    void *cargo;
    if (!reorder)
        return;
    while ((cargo = reorder_release(reorder, &seq)) != NULL)
        drop(cargo);
    while ((cargo = reorder_take_parked(reorder)) != NULL)
        drop(cargo);
    ring_deinit(&reorder->ready);
    parked_deinit(&reorder->parked);
    free(reorder->held);
    free(reorder);
    *reorder_p = NULL;
}

uint64_t reorder_next(const struct reorder *reorder)
{
    if (reorder->ordered)
        return reorder->frontier - reorder->ready.count;
    return reorder->frontier;
}

bool reorder_has(struct reorder *reorder, uint64_t seq)
{
    return seq < reorder->frontier ||
           (seq > reorder->frontier && parked_has(&reorder->parked, seq));
}

bool reorder_has_gap(const struct reorder *reorder, uint64_t *ret_seq)
{
    if (parked_is_empty(&reorder->parked))
        return false;
    *ret_seq = reorder->frontier;
    return true;
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
        if (last && last->first + last->count == ranges[i].first)
            last->count += ranges[i].count;
        else
            ranges[joined++] = ranges[i];
    }
    return joined;
}

const struct range *reorder_held(struct reorder *reorder, uint32_t *ret_count)
{
    size_t wanted = parked_ranges_max(&reorder->parked) + 1, count = 0;
    uint64_t next = reorder_next(reorder);
    if (reorder->held_capacity < wanted) {
        reorder->held = reallocate(reorder->held, wanted, sizeof *reorder->held);
        reorder->held_capacity = wanted;
    }
    if (next < reorder->frontier)
        reorder->held[count++] = (struct range){next, reorder->frontier - next};
    count += parked_ranges(&reorder->parked, &reorder->held[count]);
    qsort(reorder->held, count, sizeof *reorder->held, compare_first);
    count = join(reorder->held, count);
    *ret_count = count < RANGES_MAX ? (uint32_t)count : RANGES_MAX;
    return reorder->held;
}

void *reorder_name_last(struct reorder *reorder)
{
    return parked_name_last(&reorder->parked);
}
