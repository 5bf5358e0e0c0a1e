/* SPDX-License-Identifier: MIT */
/*
 * How long the next chunk should be, reckoned from how long the last ones ran. Pure;
 * who is to run it, and how much is left, is dispatch's to say.
 *
 * A run is taken for a fixed part, whatever the chunk (a process is started, a library
 * is loaded), and so much a byte. A chunk should run for half a second, or longer where
 * else more than a twentieth of that were the fixed part; and it should be no longer
 * than memory is fast for, but for such a fixed part.
 */
#ifndef FANFOLD_VENTILATOR_BLOCK_SIZE_H
#define FANFOLD_VENTILATOR_BLOCK_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BLOCK_SIZE_KEPT = 5,    /* runs that count: it takes three to change the picture */
    BLOCK_SIZE_FACTOR = 64, /* a block is at most so many times as long as the longest
                               of these was */
    BLOCK_SIZE_LONGEST = 16 << 20, /* bytes */
};

struct block_run {
    uint64_t run_us, length, records;
};

struct block_size {
    struct block_run last[BLOCK_SIZE_KEPT]; /* a ring */
    uint64_t count;                         /* ever */
    struct block_run shortest;              /* of all, by time; valid with a count */
    double us_a_byte;                       /* likewise */
    double fixed_us;                        /* likewise */
    bool compared; /* a long run and a short one: the fixed part is known */
};

/* Of an input whose end is known. */
struct block_end {
    uint64_t rest;          /* to be cut, bytes */
    uint64_t share_of_rest; /* a slot's */
    uint64_t share;         /* the same, of that and of what still runs */
};

/* A chunk was run, of so many bytes and records (0: not counted). */
void block_size_add(struct block_size *size, uint64_t run_us, uint64_t length,
                    uint64_t records);

/* Bytes of the next chunk, 1 .. `most`. Before anything was run: one record. */
uint64_t block_size_next(const struct block_size *size, uint64_t most);

/* The same towards the end, instead of `bytes`: a part of a slot's share of the rest,
 * as long as that is worth a chunk; where it is not, at most its share of all that is
 * left.
 */
uint64_t block_size_last(const struct block_size *size, uint64_t bytes,
                         const struct block_end *end);

/* What is left to be run of a chunk of this length that began so long ago. */
uint64_t block_size_left(const struct block_size *size, uint64_t length,
                         int64_t gone_us);

/* Whether chunks of so many bytes would be much longer than any that was run lately. */
bool block_size_grows(const struct block_size *size, uint64_t bytes);

/* How long a chunk should take; 0: nobody knows. */
uint64_t block_size_run_us(const struct block_size *size, uint64_t length);

#endif
