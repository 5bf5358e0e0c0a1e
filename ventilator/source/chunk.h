/* SPDX-License-Identifier: MIT */
/* Whole records that follow each other, cut out of the input. */
#ifndef FANFOLD_VENTILATOR_SOURCE_CHUNK_H
#define FANFOLD_VENTILATOR_SOURCE_CHUNK_H

#include "common/protocol/input_mark.h"
#include "common/protocol/mark.h"
#include <stdint.h>
#include <zmq.h>

struct chunk {
    zmq_msg_t bytes; /* the chunk's owner closes it */
    uint32_t input;  /* which of several, from 0 */
    uint64_t offset; /* of its first byte, in that input */
    uint64_t length; /* bytes */
    uint8_t added; /* of them at its end, which end a record and are not in the input */
    uint64_t first_record; /* its number in all inputs, from 0 */
    uint64_t records; /* the last may lack its end; 0: the input has only a header */
    uint64_t hash_before; /* of all input before it, as stream_hash has it */
    uint64_t hash_after;  /* of the same and the chunk's own bytes */
    uint64_t bytes_after; /* of all inputs up to its end, back to where the run began */
    /* The place after it, as input_mark_write has it; sealed once the chunk has its
     * seq. */
    uint8_t mark[INPUT_MARK_MAX + MARK_SEAL_BYTES];
    uint8_t mark_size;
};

/* Its bytes that are in the input. */
static inline uint64_t chunk_input_length(const struct chunk *chunk)
{
    return chunk->length - chunk->added;
}

#endif
