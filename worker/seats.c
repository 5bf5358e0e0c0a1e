/* SPDX-License-Identifier: MIT */
/* Counts and a mean; see the header. */
#include "worker/seats.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

enum {
    BATCH_US = 2000, /* of short tasks that a slot is given at once */
    MEAN_WEIGHT = 8, /* of the past in the running mean, against one new measure */
};

void seats_init(struct seats *seats, uint32_t count, uint32_t depth)
{
    *seats = (struct seats){.count = count, .depth = depth};
    seats->list = allocate_zeroed(count, sizeof *seats->list);
    for (uint32_t i = 0; i < count; i++)
        seats->list[i].ready = true;
}

void seats_deinit(struct seats *seats)
{
    free(seats->list);
    *seats = (struct seats){0};
}

static uint32_t depth_now(const struct seats *seats)
{
    if (!seats->finished || seats->depth <= 1)
        return 1;
    uint64_t fits = BATCH_US / (seats->run_us ? seats->run_us : 1);
    if (fits > seats->depth)
        return seats->depth;
    return fits ? (uint32_t)fits : 1;
}

bool seats_take(struct seats *seats, uint32_t *ret_slot)
{
    uint32_t most = depth_now(seats);
    struct seat *best = NULL;
    for (struct seat *seat = seats->list; seat < seats->list + seats->count; seat++)
        if (seat->ready && seat->given < most && (!best || seat->given < best->given))
            best = seat;
    if (!best)
        return false;
    best->given++;
    *ret_slot = (uint32_t)(best - seats->list);
    return true;
}

void seats_give_back(struct seats *seats, uint32_t slot)
{
    assert(seats->list[slot].given);
    seats->list[slot].given--;
}

bool seats_ready(const struct seats *seats, uint32_t slot)
{
    return seats->list[slot].ready;
}

void seats_set_ready(struct seats *seats, uint32_t slot, bool ready)
{
    struct seat *seat = &seats->list[slot];
    seat->ready = ready && !seat->doomed;
}

void seats_doom(struct seats *seats, uint32_t slot)
{
    seats->list[slot].ready = false;
    seats->list[slot].doomed++;
}

void seats_killed(struct seats *seats, uint32_t slot)
{
    assert(seats->list[slot].doomed);
    seats->list[slot].doomed--;
}

void seats_measure(struct seats *seats, uint64_t run_us)
{
    if (seats->finished++)
        seats->run_us += (run_us + MEAN_WEIGHT / 2) / MEAN_WEIGHT -
                         seats->run_us / MEAN_WEIGHT;
    else
        seats->run_us = run_us;
}
