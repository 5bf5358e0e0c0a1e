/* SPDX-License-Identifier: MIT */
/*
 * Results on their way to the output: parked until all before them are in, given out,
 * and written. Around `reorder`, which knows only the order, this keeps each result's
 * mark until it counts, and which of those given out are written. Pure; cargo is the
 * loop's.
 */
#ifndef FANFOLD_SINK_SEQUENCE_H
#define FANFOLD_SINK_SEQUENCE_H

#include "common/message.h"
#include "common/queue.h"
#include "sink/reorder.h"

/* What is to take its place among the others: a result, or a chunk that was given up.
 */
struct arrival {
    uint64_t seq;
    uint64_t length; /* bytes for the output */
    struct slice mark;
    uint32_t dead_letters; /* that come with it */
};

struct sequence {
    struct reorder *reorder;
    struct queue pending; /* of struct pending: given out, not written; in order */
    bool ordered;
    bool given;             /* something was given out */
    uint64_t written;       /* everything before it is written */
    uint64_t bytes;         /* of results that were written */
    uint64_t dead_letters;  /* of those that were written */
    uint64_t failed;        /* tasks among them that brought some */
    uint8_t mark[MARK_MAX]; /* of the result before `written` */
    uint8_t mark_size;
    struct range *held; /* memory of sequence_held */
    uint32_t held_capacity;
};

void sequence_init(struct sequence *sequence, uint64_t position, bool ordered);
void sequence_deinit(struct sequence *sequence, void (*drop)(void *cargo));

/* True: taken, the mark copied. False: it was here before; the cargo is still the
 * caller's. */
bool sequence_offer(struct sequence *sequence, const struct arrival *arrival,
                    void *cargo);
/* The next cargo that the output is to be given; NULL: none now. */
void *sequence_give(struct sequence *sequence, uint64_t *ret_seq);
/* Everything that was given out up to and with `seq` is written. */
void sequence_on_written(struct sequence *sequence, uint64_t seq);
/* Some is given out and not written. */
bool sequence_writing(const struct sequence *sequence);
/* The cargo of any result that is parked, which is then not in any more; NULL: none. */
void *sequence_take_parked(struct sequence *sequence);

/* All that is in beyond `written`; valid until the next call. */
const struct range *sequence_held(struct sequence *sequence, uint32_t *ret_count);
/* Results that had to wait for an older one, ever. */
uint64_t sequence_parked_ever(const struct sequence *sequence);
/* The cargo that will be needed last of those parked and `wanted`; NULL: none. */
void *sequence_last_parked(const struct sequence *sequence,
                           bool (*wanted)(const void *cargo));

#endif
