/* SPDX-License-Identifier: MIT */
/* A growing buffer that becomes a message, mostly without a copy. */
#ifndef FANFOLD_COMMON_BYTE_BUFFER_H
#define FANFOLD_COMMON_BYTE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

struct byte_buffer {
    uint8_t *data;
    size_t size, capacity;
};

void byte_buffer_deinit(struct byte_buffer *buffer);
/* Empties the buffer, and makes room for about `expected` bytes. */
void byte_buffer_begin(struct byte_buffer *buffer, size_t expected);
/* Makes room for at least one more byte at the end of `data`. The bytes of room. */
size_t byte_buffer_room(struct byte_buffer *buffer);
void byte_buffer_append(struct byte_buffer *buffer, const void *data, size_t size);
/* Makes room for `capacity` bytes in all. */
void byte_buffer_reserve(struct byte_buffer *buffer, size_t capacity);
/* Forgets the first `size` bytes. */
void byte_buffer_skip(struct byte_buffer *buffer, size_t size);
/* Moves it into a message (not initialised before), and leaves the buffer empty. */
void byte_buffer_take(struct byte_buffer *buffer, zmq_msg_t *ret_message);
/* Copies a part of it into a message. */
void byte_buffer_copy_part(const struct byte_buffer *buffer, size_t from, size_t size,
                           zmq_msg_t *ret_message);
/* Moves or copies a part of it into a message. *ret_forgot: the bytes before `rest`
 * went with it, and the buffer begins there now. */
void byte_buffer_take_part(struct byte_buffer *buffer, size_t from, size_t size,
                           size_t rest, zmq_msg_t *ret_message, bool *ret_forgot);

#endif
