/* SPDX-License-Identifier: MIT */
/* A queue of elements of one size, in a ring that grows. Pure. The cores keep their
 * actions in one. */
#ifndef FANFOLD_COMMON_QUEUE_H
#define FANFOLD_COMMON_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

struct queue {
    char *elements;
    size_t element_size; /* bytes */
    size_t capacity;     /* elements; a power of two, or 0 */
    size_t head; /* index of the oldest, before it is taken modulo the capacity */
    size_t count;
};

void queue_init(struct queue *queue, size_t element_size);
void queue_deinit(struct queue *queue);
/* Room for one more at the end; borrowed until the next call. Not initialised. */
void *queue_push(struct queue *queue);
/* Copies the oldest to *ret_element and removes it. False: empty. */
bool queue_pop(struct queue *queue, void *ret_element);

#endif
