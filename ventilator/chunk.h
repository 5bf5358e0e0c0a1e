/* SPDX-License-Identifier: MIT */
/* A run of whole records, cut out of the input. */
#ifndef FANFOLD_VENTILATOR_CHUNK_H
#define FANFOLD_VENTILATOR_CHUNK_H

#include <stdint.h>
#include <zmq.h>

enum { CHUNK_MARK_MAX = 32 }; /* bytes; well below MARK_MAX */

struct chunk {
    zmq_msg_t bytes; /* its owner closes it */
    uint64_t offset; /* of its first byte, in the input */
    uint64_t length;
    uint64_t first_record;        /* counted from 0; valid where records > 0 */
    uint64_t records;             /* 0: not counted */
    uint8_t mark[CHUNK_MARK_MAX]; /* the place after it, made by the source */
    uint8_t mark_size;
};

#endif
