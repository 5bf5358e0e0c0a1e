/* SPDX-License-Identifier: MIT */
/*
 * A hash of all input from its start to any place in it, however it is cut and however
 * it comes in. A run can resume from the hash of a place: it needs only the bytes of
 * the segment in which the place lies. The hashes of two places tell whether the bytes
 * between them are still the same.
 *
 * Guards against change and mistake, not against malice.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_STREAM_HASH_H
#define FANFOLD_VENTILATOR_SOURCE_STREAM_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

enum { STREAM_HASH_SEGMENT = 64 << 10 }; /* bytes */

struct stream_hash {
    XXH3_state_t *state; /* of the segment that is not full */
    uint64_t sum;        /* of the full ones */
    uint64_t segment;    /* its number */
    size_t filled;       /* bytes of it; less than a segment */
};

/* At the start. */
void stream_hash_init(struct stream_hash *hash);
void stream_hash_deinit(struct stream_hash *hash);

/* Goes to the beginning of the segment in which the place `offset` lies, counted from
 * the start; returns how many bytes lie between. All before counts as nothing. */
size_t stream_hash_seek(struct stream_hash *hash, uint64_t offset);
/* The bytes that follow. */
void stream_hash_add(struct stream_hash *hash, const void *bytes, size_t size);
/* Up to here; 0 at the start. */
uint64_t stream_hash_value(const struct stream_hash *hash);
/* This is the value up to here: it counts again what stream_hash_seek left out. */
void stream_hash_set(struct stream_hash *hash, uint64_t value);

#endif
