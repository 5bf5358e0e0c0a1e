/* SPDX-License-Identifier: MIT */
#include "common/spool/producers.h"

#include "common/memory.h"
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void producers_deinit(struct producers *producers)
{
    free(producers->items);
    *producers = (struct producers){.items = NULL};
}

static int compare(const struct producer *producer, struct slice id)
{
    if (producer->id_size != id.size)
        return producer->id_size < id.size ? -1 : 1;
    return memcmp(producer->id, id.data, id.size);
}

/* The first that is not before `id`. */
static size_t place_of(const struct producers *producers, struct slice id)
{
    size_t low = 0, high = producers->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&producers->items[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct producer *producers_find(const struct producers *producers, struct slice id)
{
    size_t place = place_of(producers, id);
    bool found = place < producers->count && compare(&producers->items[place], id) == 0;
    return found ? &producers->items[place] : NULL;
}

struct producer *producers_add(struct producers *producers, struct slice id)
{
    struct producer *known = producers_find(producers, id);
    if (known)
        return known;
    if (producers->count == PRODUCERS_MAX || id.size == 0 || id.size > PRODUCER_ID_MAX)
        return NULL;
    size_t place = place_of(producers, id);
    producers->items = room_for_one_more(producers->items, producers->count,
                                         &producers->capacity,
                                         sizeof *producers->items);
    struct producer *producer = &producers->items[place];
    memmove(producer + 1, producer, (producers->count++ - place) * sizeof *producer);
    *producer = (struct producer){.id_size = (uint8_t)id.size};
    memcpy(producer->id, id.data, id.size);
    return producer;
}

void producers_on_synced(struct producers *producers)
{
    for (size_t i = 0; i < producers->count; i++)
        producers->items[i].synced = producers->items[i].highest;
}
