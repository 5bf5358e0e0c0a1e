/* SPDX-License-Identifier: MIT */
/*
 * Results on their way to the output: parked until all before them are in, given out,
 * and written. `reorder` knows only the order; the queue keeps each result's mark until
 * the result is written. Pure; cargo is the loop's.
 */
#ifndef FANFOLD_SINK_SESSION_RELEASE_QUEUE_H
#define FANFOLD_SINK_SESSION_RELEASE_QUEUE_H

#include "common/protocol/message.h"
#include "common/ring.h"
#include "sink/session/reorder.h"

/* What the queue has to know of a result, or of a chunk that was given up. */
struct result_info {
    uint64_t seq;
    uint64_t length; /* bytes for the output */
    struct slice mark;
    uint32_t dead_letters; /* that the result brings */
};

struct release_queue {
    struct reorder *reorder;
    struct ring writing; /* of struct writing_entry: given out, not written; in order */
    bool ordered;
    bool given;             /* something was given out */
    uint64_t written;       /* everything before it is written */
    uint64_t bytes;         /* of results that were written */
    uint64_t dead_letters;  /* of those that were written */
    uint64_t failed;        /* tasks among them that brought some */
    uint8_t mark[MARK_MAX]; /* of the result before `written` */
    uint8_t mark_size;
    struct range *held; /* memory of release_queue_held */
    uint32_t held_capacity;
};

void release_queue_init(struct release_queue *queue, uint64_t position, bool ordered);
void release_queue_deinit(struct release_queue *queue, void (*drop)(void *cargo));

/* True: taken, the mark copied. False: it was here before; the cargo is still the
 * caller's. */
bool release_queue_offer(struct release_queue *queue, const struct result_info *info,
                         void *cargo);
/* Gives out the next cargo for the output; NULL: none now. */
void *release_queue_give(struct release_queue *queue, uint64_t *ret_seq);
/* Everything that was given out up to and with `seq` is written. */
void release_queue_on_written(struct release_queue *queue, uint64_t seq);
/* Something is given out and not written. */
bool release_queue_writing(const struct release_queue *queue);
/* Takes the cargo of any result that is parked: the queue forgets the result. NULL:
 * none is. */
void *release_queue_take_parked(struct release_queue *queue);

/* All results beyond `written` that are in; valid until the next call. */
const struct range *release_queue_held(struct release_queue *queue,
                                       uint32_t *ret_count);
/* Results that had to wait for an older one, ever. */
uint64_t release_queue_parked_ever(const struct release_queue *queue);
/* Later results wait for that of *ret_seq. */
bool release_queue_has_gap(const struct release_queue *queue, uint64_t *ret_seq);
/* The cargo that will be needed last of those parked and not named before: each is
 * named once at most, and stays. NULL: none. */
void *release_queue_name_last(struct release_queue *queue);

#endif
