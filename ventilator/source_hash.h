/* SPDX-License-Identifier: MIT */
/*
 * A hash of all input from its start to any place in it. Where the input is cut, or how
 * it comes in, makes no difference. The hash of a place is enough to go on from there:
 * only the bytes of the segment that the place lies in are needed again. And of two
 * places, it tells whether what lies between them is still the same.
 *
 * Made against change and mistake, not against malice.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_HASH_H
#define FANFOLD_VENTILATOR_SOURCE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

enum { SOURCE_HASH_SEGMENT = 64 << 10 }; /* bytes */

struct source_hash {
    XXH3_state_t *state; /* of the segment that is not full */
    uint64_t sum;        /* of the full ones */
    uint64_t segment;    /* its number */
    size_t filled;       /* bytes of it; less than a segment */
};

/* Stands at the start. */
void source_hash_init(struct source_hash *hash);
void source_hash_deinit(struct source_hash *hash);

/* Stands at the beginning of the segment in which the place lies that is `offset` bytes
 * from the start; returns how many bytes lie between. All before counts as nothing. */
size_t source_hash_seek(struct source_hash *hash, uint64_t offset);
/* The bytes that follow. */
void source_hash_add(struct source_hash *hash, const void *bytes, size_t size);
/* Up to here; 0 at the start. */
uint64_t source_hash_value(const struct source_hash *hash);
/* This is the value up to here: what was left out at source_hash_seek counts again. */
void source_hash_set(struct source_hash *hash, uint64_t value);

#endif
