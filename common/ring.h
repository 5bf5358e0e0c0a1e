/* SPDX-License-Identifier: MIT */
/* A queue of elements of one size, in a ring that grows. Pure. The cores keep their
 * actions in one. */
#ifndef FANFOLD_COMMON_RING_H
#define FANFOLD_COMMON_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
    char *elements;
    size_t element_size; /* bytes */
    size_t capacity;     /* elements; a power of two, or 0 */
    size_t head; /* index of the oldest, before it is taken modulo the capacity */
    size_t count;
};

void ring_init(struct ring *ring, size_t element_size);
void ring_deinit(struct ring *ring);
/* Room for one more element at the end, not initialised; borrowed until the next call
 * of any function. */
void *ring_push(struct ring *ring);
/* The oldest element, borrowed likewise; NULL: there is none. */
void *ring_first(const struct ring *ring);
/* Copies the oldest element to *ret_element and removes it. False: there is none. */
bool ring_pop(struct ring *ring, void *ret_element);

#endif
