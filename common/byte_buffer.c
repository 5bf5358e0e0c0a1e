/* SPDX-License-Identifier: MIT */
/*
 * A growing buffer that becomes a message. Large ones are handed over (the message
 * frees them, on a thread of libzmq's); small ones are copied, so that the buffer lives
 * on and a short result does not hold a long buffer.
 */
#include "common/byte_buffer.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL_BYTES = 8 << 10, FIRST_BYTES = 16 << 10 };

void byte_buffer_deinit(struct byte_buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct byte_buffer){0};
}

static void resize(struct byte_buffer *buffer, size_t capacity)
{
    buffer->data = reallocate(buffer->data, capacity, 1);
    buffer->capacity = capacity;
}

void byte_buffer_begin(struct byte_buffer *buffer, size_t expected)
{
    buffer->size = 0;
    /* One more than expected: the read that finds the end needs room too. */
    size_t wanted = expected + 1 < FIRST_BYTES ? FIRST_BYTES : expected + 4096;
    if (buffer->capacity < wanted) {
        free(buffer->data); /* realloc would copy the old bytes */
        buffer->data = NULL;
        resize(buffer, wanted);
    }
}

size_t byte_buffer_room(struct byte_buffer *buffer)
{
    if (buffer->size == buffer->capacity)
        resize(buffer,
               buffer->capacity < FIRST_BYTES ? FIRST_BYTES : buffer->capacity * 2);
    return buffer->capacity - buffer->size;
}

void byte_buffer_append(struct byte_buffer *buffer, const void *data, size_t size)
{
    size_t wanted = buffer->capacity < FIRST_BYTES ? FIRST_BYTES : buffer->capacity;
    while (wanted - buffer->size < size)
        wanted *= 2;
    if (wanted > buffer->capacity)
        resize(buffer, wanted);
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

void byte_buffer_reserve(struct byte_buffer *buffer, size_t capacity)
{
    if (buffer->capacity < capacity)
        resize(buffer, capacity);
}

void byte_buffer_skip(struct byte_buffer *buffer, size_t size)
{
    buffer->size -= size;
    if (buffer->size > 0)
        memmove(buffer->data, buffer->data + size, buffer->size);
}

void byte_buffer_copy_part(const struct byte_buffer *buffer, size_t from, size_t size,
                           zmq_msg_t *ret_message)
{
    if (zmq_msg_init_size(ret_message, size) != 0)
        abort_out_of_memory();
    if (size > 0)
        memcpy(zmq_msg_data(ret_message), buffer->data + from, size);
}

static void free_data(void *data, void *hint)
{
    free(hint ? hint : data);
}

void byte_buffer_take(struct byte_buffer *buffer, zmq_msg_t *ret_message)
{
    if (buffer->size <= SMALL_BYTES) {
        byte_buffer_copy_part(buffer, 0, buffer->size, ret_message);
        buffer->size = 0;
        return;
    }
    if (buffer->size < buffer->capacity / 4 * 3)
        resize(buffer, buffer->size);
    if (zmq_msg_init_data(ret_message, buffer->data, buffer->size, free_data, NULL) !=
        0)
        abort_out_of_memory();
    *buffer = (struct byte_buffer){0};
}

/* The buffer goes with the part. */
static void hand_over(struct byte_buffer *buffer, size_t from, size_t size, size_t rest,
                      zmq_msg_t *ret_message)
{
    struct byte_buffer left = {0};
    byte_buffer_append(&left, buffer->data + rest, buffer->size - rest);
    if (from + size < buffer->capacity / 4 * 3)
        resize(buffer, from + size);
    if (zmq_msg_init_data(ret_message, buffer->data + from, size, free_data,
                          buffer->data) != 0)
        abort_out_of_memory();
    *buffer = left;
}

void byte_buffer_take_part(struct byte_buffer *buffer, size_t from, size_t size,
                           size_t rest, zmq_msg_t *ret_message, bool *ret_forgot)
{
    /* Not where the move would copy, or keep for nothing, more than it saves. */
    *ret_forgot = size > SMALL_BYTES && from <= size / 4 &&
                  buffer->size - rest <= size / 2;
    if (*ret_forgot)
        hand_over(buffer, from, size, rest, ret_message);
    else
        byte_buffer_copy_part(buffer, from, size, ret_message);
}
