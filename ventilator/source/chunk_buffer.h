/* SPDX-License-Identifier: MIT */
/*
 * The bytes of the input that are in no chunk yet: start .. end of one buffer. A chunk
 * that fills most of the buffer takes it along, and the rest moves to a new one; a
 * smaller chunk is copied, so that it never keeps a whole buffer in memory.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_CHUNK_BUFFER_H
#define FANFOLD_VENTILATOR_SOURCE_CHUNK_BUFFER_H

#include "common/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

enum { CHUNK_BUFFER_MIN = 256 << 10 };

struct chunk_buffer {
    uint8_t *bytes;
    size_t nominal; /* bytes of a buffer that has not had to grow */
    size_t capacity, start, end;
};

void chunk_buffer_init(struct chunk_buffer *buffer, size_t nominal);
void chunk_buffer_deinit(struct chunk_buffer *buffer);

/* Room behind the bytes, at least one byte. Valid until the next call. */
void *chunk_buffer_room(struct chunk_buffer *buffer, size_t *ret_size);
/* Puts bytes behind the others. */
void chunk_buffer_add(struct chunk_buffer *buffer, struct slice bytes);
/* Takes the first `length` bytes. `grows`: such chunks may all be so long. */
void chunk_buffer_take(struct chunk_buffer *buffer, size_t length, bool grows,
                       zmq_msg_t *ret_bytes);

/* All of them. */
struct slice chunk_buffer_bytes(const struct chunk_buffer *buffer);

#endif
