/* SPDX-License-Identifier: MIT */
/* An entry has a result's cargo and mark, from when it is taken until it is written. */
#include "sink/session/release_queue.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

struct queue_entry {
    void *cargo; /* NULL once it is given out */
    uint64_t length;
    uint32_t dead_letters;
    uint8_t mark_size;
    uint8_t mark[];
};

struct writing_entry {
    uint64_t seq;
    uint64_t next; /* everything before it is written once this one is */
    struct queue_entry *entry;
};

void release_queue_init(struct release_queue *queue, uint64_t position, bool ordered)
{
    *queue = (struct release_queue){.ordered = ordered, .written = position};
    queue->reorder = reorder_new(position, ordered);
    ring_init(&queue->writing, sizeof(struct writing_entry));
}

void release_queue_deinit(struct release_queue *queue, void (*drop)(void *cargo))
{
    struct writing_entry writing;
    void *cargo;
    while (ring_pop(&queue->writing, &writing))
        free(writing.entry);
    while ((cargo = release_queue_take_parked(queue)))
        drop(cargo);
    reorder_destroy(&queue->reorder, NULL);
    ring_deinit(&queue->writing);
    free(queue->held);
}

bool release_queue_offer(struct release_queue *queue, const struct result_info *info,
                         void *cargo)
{
    if (reorder_has(queue->reorder, info->seq))
        return false;
    struct queue_entry *entry = allocate(sizeof *entry + info->mark.size);
    *entry = (struct queue_entry){
        .cargo = cargo,
        .length = info->length,
        .dead_letters = info->dead_letters,
        .mark_size = (uint8_t)info->mark.size,
    };
    if (info->mark.size)
        memcpy(entry->mark, info->mark.data, info->mark.size);
    reorder_offer(queue->reorder, info->seq, entry);
    return true;
}

void *release_queue_give(struct release_queue *queue, uint64_t *ret_seq)
{
    struct queue_entry *entry = reorder_release(queue->reorder, ret_seq);
    if (!entry)
        return NULL;
    void *cargo = entry->cargo;
    entry->cargo = NULL;
    queue->given = true;
    *(struct writing_entry *)ring_push(&queue->writing) = (struct writing_entry){
        .seq = *ret_seq,
        .next = queue->ordered ? *ret_seq + 1 : reorder_next(queue->reorder),
        .entry = entry,
    };
    return cargo;
}

static void advance(struct release_queue *queue, const struct writing_entry *writing)
{
    const struct queue_entry *entry = writing->entry;
    queue->written = writing->next;
    queue->bytes += entry->length;
    queue->dead_letters += entry->dead_letters;
    queue->failed += entry->dead_letters > 0;
    queue->mark_size = entry->mark_size;
    memcpy(queue->mark, entry->mark, entry->mark_size);
}

void release_queue_on_written(struct release_queue *queue, uint64_t seq)
{
    struct writing_entry writing;
    bool more = true;
    while (more && ring_pop(&queue->writing, &writing)) {
        advance(queue, &writing);
        more = writing.seq != seq;
        free(writing.entry);
    }
}

bool release_queue_writing(const struct release_queue *queue)
{
    return queue->writing.count != 0;
}

void *release_queue_take_parked(struct release_queue *queue)
{
    struct queue_entry *entry = reorder_take_parked(queue->reorder);
    void *cargo = entry ? entry->cargo : NULL;
    free(entry);
    return cargo;
}

const struct range *release_queue_held(struct release_queue *queue, uint32_t *ret_count)
{
    uint32_t parked_count, count = 0;
    const struct range *parked = reorder_held(queue->reorder, &parked_count);
    uint64_t next = reorder_next(queue->reorder);
    if (queue->held_capacity < parked_count + 1) {
        queue->held_capacity = parked_count + 1;
        queue->held =
            reallocate(queue->held, queue->held_capacity, sizeof *queue->held);
    }
    if (next > queue->written)
        queue->held[count++] =
            (struct range){.first = queue->written, .count = next - queue->written};
    for (uint32_t i = 0; i < parked_count && count < RANGES_MAX; i++)
        queue->held[count++] = parked[i];
    *ret_count = count;
    return queue->held;
}

bool release_queue_has_gap(const struct release_queue *queue, uint64_t *ret_seq)
{
    return reorder_has_gap(queue->reorder, ret_seq);
}

uint64_t release_queue_parked_ever(const struct release_queue *queue)
{
    return reorder_parked_ever(queue->reorder);
}

void *release_queue_name_last(struct release_queue *queue)
{
    struct queue_entry *entry = reorder_name_last(queue->reorder);
    return entry ? entry->cargo : NULL;
}
