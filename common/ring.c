/* SPDX-License-Identifier: MIT */
/* The capacity is a power of two, so an index is masked and never wraps visibly; a ring
 * that grows is copied in order to the front of a larger one. */
#include "common/ring.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

void ring_init(struct ring *ring, size_t element_size)
{
    *ring = (struct ring){.element_size = element_size};
}

void ring_deinit(struct ring *ring)
{
    free(ring->elements);
    *ring = (struct ring){.element_size = ring->element_size};
}

static void *slot_of(const struct ring *ring, size_t index)
{
    return ring->elements + (index & (ring->capacity - 1)) * ring->element_size;
}

static void grow(struct ring *ring)
{
    struct ring larger = *ring;
    larger.capacity = ring->capacity ? 2 * ring->capacity : 16;
    larger.elements = allocate(larger.capacity * larger.element_size);
    larger.head = 0;
    for (size_t i = 0; i < ring->count; i++)
        memcpy(slot_of(&larger, i), slot_of(ring, ring->head + i), ring->element_size);
    free(ring->elements);
    *ring = larger;
}

void *ring_push(struct ring *ring)
{
    if (ring->count == ring->capacity)
        grow(ring);
    return slot_of(ring, ring->head + ring->count++);
}

void *ring_first(const struct ring *ring)
{
    return ring->count ? slot_of(ring, ring->head) : NULL;
}

bool ring_pop(struct ring *ring, void *ret_element)
{
    if (!ring->count)
        return false;
    memcpy(ret_element, slot_of(ring, ring->head), ring->element_size);
    ring->head++;
    ring->count--;
    return true;
}
