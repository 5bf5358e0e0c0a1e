/* SPDX-License-Identifier: MIT */
/* Items: a result's cargo and mark, from being taken to being written. */
#include "sink/sequence.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

struct item {
    void *cargo; /* NULL once it is given out */
    uint64_t length;
    uint32_t dead_letters;
    uint8_t mark_size;
    uint8_t mark[];
};

struct pending {
    uint64_t seq;
    uint64_t next; /* everything before it is written once this one is */
    struct item *item;
};

void sequence_init(struct sequence *sequence, uint64_t position, bool ordered)
{
    *sequence = (struct sequence){.ordered = ordered, .written = position};
    sequence->reorder = reorder_new(position, ordered);
    queue_init(&sequence->pending, sizeof(struct pending));
}

void sequence_deinit(struct sequence *sequence, void (*drop)(void *cargo))
{
    struct pending pending;
    void *cargo;
    while (queue_pop(&sequence->pending, &pending))
        free(pending.item);
    while ((cargo = sequence_take_parked(sequence)))
        drop(cargo);
    reorder_destroy(&sequence->reorder, NULL);
    queue_deinit(&sequence->pending);
    free(sequence->held);
}

bool sequence_offer(struct sequence *sequence, const struct arrival *arrival,
                    void *cargo)
{
    if (reorder_has(sequence->reorder, arrival->seq))
        return false;
    struct item *item = allocate(sizeof *item + arrival->mark.size);
    *item = (struct item){
        .cargo = cargo,
        .length = arrival->length,
        .dead_letters = arrival->dead_letters,
        .mark_size = (uint8_t)arrival->mark.size,
    };
    if (arrival->mark.size)
        memcpy(item->mark, arrival->mark.data, arrival->mark.size);
    reorder_offer(sequence->reorder, arrival->seq, item);
    return true;
}

void *sequence_give(struct sequence *sequence, uint64_t *ret_seq)
{
    struct item *item = reorder_release(sequence->reorder, ret_seq);
    if (!item)
        return NULL;
    void *cargo = item->cargo;
    item->cargo = NULL;
    sequence->given = true;
    *(struct pending *)queue_push(&sequence->pending) = (struct pending){
        .seq = *ret_seq,
        .next = sequence->ordered ? *ret_seq + 1 : reorder_next(sequence->reorder),
        .item = item,
    };
    return cargo;
}

static void advance(struct sequence *sequence, const struct pending *pending)
{
    const struct item *item = pending->item;
    sequence->written = pending->next;
    sequence->bytes += item->length;
    sequence->dead_letters += item->dead_letters;
    sequence->failed += item->dead_letters > 0;
    sequence->mark_size = item->mark_size;
    memcpy(sequence->mark, item->mark, item->mark_size);
}

void sequence_on_written(struct sequence *sequence, uint64_t seq)
{
    struct pending pending;
    bool more = true;
    while (more && queue_pop(&sequence->pending, &pending)) {
        advance(sequence, &pending);
        more = pending.seq != seq;
        free(pending.item);
    }
}

bool sequence_writing(const struct sequence *sequence)
{
    return sequence->pending.count != 0;
}

void *sequence_take_parked(struct sequence *sequence)
{
    struct item *item = reorder_take_parked(sequence->reorder);
    void *cargo = item ? item->cargo : NULL;
    free(item);
    return cargo;
}

const struct range *sequence_held(struct sequence *sequence, uint32_t *ret_count)
{
    uint32_t parked_count, count = 0;
    const struct range *parked = reorder_held(sequence->reorder, &parked_count);
    uint64_t next = reorder_next(sequence->reorder);
    if (sequence->held_capacity < parked_count + 1) {
        sequence->held_capacity = parked_count + 1;
        sequence->held =
            reallocate(sequence->held, sequence->held_capacity, sizeof *sequence->held);
    }
    if (next > sequence->written)
        sequence->held[count++] = (struct range){.first = sequence->written,
                                                 .count = next - sequence->written};
    for (uint32_t i = 0; i < parked_count && count < RANGES_MAX; i++)
        sequence->held[count++] = parked[i];
    *ret_count = count;
    return sequence->held;
}

uint64_t sequence_parked_ever(const struct sequence *sequence)
{
    return reorder_parked_ever(sequence->reorder);
}

struct wish {
    bool (*wanted)(const void *cargo);
};

static bool item_wanted(const void *cargo, void *context)
{
    const struct item *item = cargo;
    return ((const struct wish *)context)->wanted(item->cargo);
}

void *sequence_last_parked(const struct sequence *sequence,
                           bool (*wanted)(const void *cargo))
{
    struct wish wish = {.wanted = wanted};
    struct item *item = reorder_last(sequence->reorder, item_wanted, &wish);
    return item ? item->cargo : NULL;
}
