/* SPDX-License-Identifier: MIT */
/* A growing ring; see the header. */
#include "common/queue.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

void queue_init(struct queue *queue, size_t element_size)
{
    *queue = (struct queue){.element_size = element_size};
}

void queue_deinit(struct queue *queue)
{
    free(queue->elements);
    *queue = (struct queue){.element_size = queue->element_size};
}

static void *slot_of(const struct queue *queue, size_t index)
{
    return queue->elements + (index & (queue->capacity - 1)) * queue->element_size;
}

static void grow(struct queue *queue)
{
    struct queue larger = *queue;
    larger.capacity = queue->capacity ? 2 * queue->capacity : 16;
    larger.elements = allocate(larger.capacity * larger.element_size);
    larger.head = 0;
    for (size_t i = 0; i < queue->count; i++)
        memcpy(slot_of(&larger, i), slot_of(queue, queue->head + i),
               queue->element_size);
    free(queue->elements);
    *queue = larger;
}

void *queue_push(struct queue *queue)
{
    if (queue->count == queue->capacity)
        grow(queue);
    return slot_of(queue, queue->head + queue->count++);
}

bool queue_pop(struct queue *queue, void *ret_element)
{
    if (!queue->count)
        return false;
    memcpy(ret_element, slot_of(queue, queue->head), queue->element_size);
    queue->head++;
    queue->count--;
    return true;
}
