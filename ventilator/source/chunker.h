/* SPDX-License-Identifier: MIT */
/*
 * Cuts a stream of bytes into chunks of whole records. Pure: the source reads the input
 * straight into chunker_room and takes chunks until there is none.
 *
 * The chunks, one after the other, are the input; every one but the last ends where a
 * record ends. The last one of an input that another follows has the end added that its
 * last record lacks, as record_seam says. The borders depend on the bytes and on the
 * sizes that the source asks for, not on how the bytes came in (but for
 * chunker_take_early).
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_CHUNKER_H
#define FANFOLD_VENTILATOR_SOURCE_CHUNKER_H

#include "common/records/record_format.h"
#include "common/slice.h"
#include "ventilator/source/chunk.h"
#include <stdbool.h>
#include <stddef.h>

struct chunker;

struct chunker_config {
    uint64_t block_bytes; /* > 0; a chunk is no longer, unless its one record is */
    bool block_auto;      /* chunker_set_block sets another while the run lasts */
    uint64_t records;     /* a chunk has exactly so many, whatever the block; 0: as the
                             block has room for */
    struct record_format format;
    uint64_t max_record_bytes;
};

/* Copies the config, whose format record_format_check passes. */
struct chunker *chunker_new(const struct chunker_config *config);
void chunker_destroy(struct chunker **chunker_p);

/* The first byte to come has this place in the input, and begins a record. `before`:
 * the bytes in front of it, at least two if there are so many. Called before the first
 * byte, and after the end of an input for the next one. */
void chunker_start(struct chunker *chunker, uint64_t offset, uint64_t record,
                   struct slice before);

/* Chunks are about so long from the next one on; > 0. */
void chunker_set_block(struct chunker *chunker, uint64_t block_bytes);

/* Where the next bytes of the input go, and how many at most (never 0). Valid until the
 * next call of any other function. */
void *chunker_room(struct chunker *chunker, size_t *ret_size);
/* So many bytes were put there. */
void chunker_on_bytes(struct chunker *chunker, size_t size);
/* There are no more; `follows`: another input does. */
void chunker_on_end(struct chunker *chunker, bool follows);

enum chunker_outcome {
    CHUNKER_CHUNK,
    CHUNKER_HUNGRY, /* not before there are more bytes, or the end */
    CHUNKER_ENDED,
    CHUNKER_TOO_LONG, /* the record at chunker_record_offset is above the limit; for
                         good */
    CHUNKER_BROKEN,   /* it is no record of the format; for good */
};

/* The next chunk, without its mark and hash. The caller owns its bytes. Whole records
 * before one that is too long or broken are in a chunk first. */
enum chunker_outcome chunker_take(struct chunker *chunker, struct chunk *ret_chunk);

/* Once it is hungry: a chunk of the whole records that there are, however few.
 * CHUNKER_HUNGRY: there are none. */
enum chunker_outcome chunker_take_early(struct chunker *chunker,
                                        struct chunk *ret_chunk);

/* Where the first record starts that is not known to be whole, and its number. */
uint64_t chunker_record_offset(const struct chunker *chunker);
uint64_t chunker_record(const struct chunker *chunker);
/* The problem of a record that is too long or broken: "record 17 at byte 1234 ..." (the
 * first has number 1 there), for a person. */
const char *chunker_problem(const struct chunker *chunker);
/* All before it was taken. */
uint64_t chunker_offset(const struct chunker *chunker);

#endif
