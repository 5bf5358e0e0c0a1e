/* SPDX-License-Identifier: MIT */
/*
 * How long the next chunk should be, estimated from how long the last ones ran. Pure;
 * dispatch knows who runs it, and how much is left.
 *
 * The model of a run is a fixed part, whatever the chunk (a process starts, a library
 * loads), and so much a byte. A chunk should run for half a second, or longer where the
 * fixed part would be more than a twentieth of that; and only for such a fixed part
 * should it be longer than the caches are fast for.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_CHUNK_SIZER_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_CHUNK_SIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHUNK_SIZER_KEPT = 5,    /* runs that count: it takes three to change the picture */
    CHUNK_SIZER_FACTOR = 64, /* a chunk is at most so many times as long as the longest
                                of these */
    CHUNK_SIZER_LONGEST = 16 << 20, /* bytes */
};

struct block_run {
    uint64_t run_us, length, records;
};

struct chunk_sizer {
    struct block_run last[CHUNK_SIZER_KEPT]; /* a ring */
    uint64_t count;                          /* ever */
    struct block_run shortest;               /* of all, by time; valid with a count */
    double us_a_byte;                        /* likewise */
    double fixed_us;                         /* likewise */
    bool compared; /* a long run and a short one: the fixed part is known */
};

/* Of an input whose end is known. */
struct block_end {
    uint64_t rest;          /* to be cut, bytes */
    uint64_t share_of_rest; /* a slot's */
    uint64_t share;         /* the same, of that and of what still runs */
};

/* A chunk of so many bytes and records (0: not counted) has run. */
void chunk_sizer_add(struct chunk_sizer *sizer, uint64_t run_us, uint64_t length,
                     uint64_t records);

/* Bytes of the next chunk, 1 .. `most`. Before any chunk has run: 1, which is one
 * record. */
uint64_t chunk_sizer_next(const struct chunk_sizer *sizer, uint64_t most);

/* The same towards the end, instead of `bytes`: a part of a slot's share of the rest,
 * as long as that is worth a chunk; where it is not, at most its share of all that is
 * left. */
uint64_t chunk_sizer_last(const struct chunk_sizer *sizer, uint64_t bytes,
                          const struct block_end *end);

/* How many bytes are left to run of a chunk of this length that began so long ago. */
uint64_t chunk_sizer_left(const struct chunk_sizer *sizer, uint64_t length,
                          int64_t gone_us);

/* Chunks of so many bytes would be much longer than any that ran lately. */
bool chunk_sizer_grows(const struct chunk_sizer *sizer, uint64_t bytes);

/* How long a chunk of this length should run; 0: not known. */
uint64_t chunk_sizer_run_us(const struct chunk_sizer *sizer, uint64_t length);

#endif
