/* SPDX-License-Identifier: MIT */
/* A run of whole records, cut out of the input. */
#ifndef FANFOLD_VENTILATOR_CHUNK_H
#define FANFOLD_VENTILATOR_CHUNK_H

#include <stdint.h>
#include <zmq.h>

enum { CHUNK_MARK_MAX = 160 }; /* bytes; below MARK_MAX */

struct chunk {
    zmq_msg_t bytes; /* its owner closes it */
    uint32_t input;  /* which of several, from 0 */
    uint64_t offset; /* of its first byte, in that input */
    uint64_t length;
    uint64_t first_record; /* its number in all inputs, from 0 */
    uint64_t records; /* the last may lack its end; 0: the input has only a header */
    uint64_t hash_before;         /* of all input before it, as source_hash has it */
    uint64_t hash_after;          /* of the same and its own bytes */
    uint8_t mark[CHUNK_MARK_MAX]; /* the place after it, made by the source */
    uint8_t mark_size;
};

#endif
