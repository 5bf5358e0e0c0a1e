/* SPDX-License-Identifier: MIT */
/* Counts, and a running mean of run times. */
#include "worker/session/slot_table.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>

enum {
    BATCH_US = 2000, /* of short tasks that a slot gets at once */
    MEAN_WEIGHT = 8, /* of the past in the running mean, against one new measure */
};

void slot_table_init(struct slot_table *slot_table, uint32_t count, uint32_t depth)
{
    *slot_table = (struct slot_table){.count = count, .depth = depth};
    slot_table->list = allocate_zeroed(count, sizeof *slot_table->list);
    for (uint32_t i = 0; i < count; i++)
        slot_table->list[i].ready = true;
}

void slot_table_deinit(struct slot_table *slot_table)
{
    free(slot_table->list);
    *slot_table = (struct slot_table){0};
}

static uint32_t depth_now(const struct slot_table *slot_table)
{
    if (!slot_table->finished || slot_table->depth <= 1)
        return 1;
    uint64_t fits = BATCH_US / (slot_table->run_us ? slot_table->run_us : 1);
    if (fits > slot_table->depth)
        return slot_table->depth;
    return fits ? (uint32_t)fits : 1;
}

static bool has_room(const struct slot_table *slot_table, const struct slot_state *slot,
                     uint32_t most)
{
    return slot->ready && slot->given < most &&
           (!slot->given || slot->moved == slot_table->left);
}

bool slot_table_take(struct slot_table *slot_table, uint32_t *ret_slot)
{
    uint32_t most = depth_now(slot_table);
    struct slot_state *best = NULL;
    for (struct slot_state *slot = slot_table->list;
         slot < slot_table->list + slot_table->count; slot++)
        if (has_room(slot_table, slot, most) && (!best || slot->given < best->given))
            best = slot;
    if (!best)
        return false;
    if (!best->given++)
        best->moved = slot_table->left;
    *ret_slot = (uint32_t)(best - slot_table->list);
    return true;
}

void slot_table_give_back(struct slot_table *slot_table, uint32_t slot)
{
    assert(slot_table->list[slot].given);
    slot_table->list[slot].given--;
    slot_table->list[slot].moved = ++slot_table->left;
}

bool slot_table_ready(const struct slot_table *slot_table, uint32_t slot)
{
    return slot_table->list[slot].ready;
}

void slot_table_set_ready(struct slot_table *slot_table, uint32_t slot, bool ready)
{
    struct slot_state *state = &slot_table->list[slot];
    state->ready = ready && !state->doomed;
}

void slot_table_doom(struct slot_table *slot_table, uint32_t slot)
{
    slot_table->list[slot].ready = false;
    slot_table->list[slot].doomed++;
}

void slot_table_killed(struct slot_table *slot_table, uint32_t slot)
{
    assert(slot_table->list[slot].doomed);
    slot_table->list[slot].doomed--;
}

void slot_table_measure(struct slot_table *slot_table, uint64_t run_us)
{
    if (slot_table->finished++)
        slot_table->run_us += (run_us + MEAN_WEIGHT / 2) / MEAN_WEIGHT -
                              slot_table->run_us / MEAN_WEIGHT;
    else
        slot_table->run_us = run_us;
}
