/* SPDX-License-Identifier: MIT */
#include "ventilator/source/chunk_buffer.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

void chunk_buffer_init(struct chunk_buffer *buffer, size_t nominal)
{
    *buffer = (struct chunk_buffer){.nominal = nominal, .capacity = nominal};
    buffer->bytes = allocate(nominal);
}

void chunk_buffer_deinit(struct chunk_buffer *buffer)
{
    free(buffer->bytes);
    buffer->bytes = NULL;
}

/* Moves the bytes from `rest_start` on to another buffer. Frees the old one; with
 * `keep`, it is the caller's. */
static void change(struct chunk_buffer *buffer, size_t rest_start, size_t capacity,
                   bool keep)
{
    size_t rest = buffer->end - rest_start;
    if (capacity < rest)
        capacity = rest;
    uint8_t *bytes = allocate(capacity);
    memcpy(bytes, buffer->bytes + rest_start, rest);
    if (!keep)
        free(buffer->bytes);
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    buffer->start = 0;
    buffer->end = rest;
}

static void make_room(struct chunk_buffer *buffer)
{
    size_t pending = buffer->end - buffer->start;
    if (buffer->capacity > buffer->nominal && pending < buffer->nominal / 2) {
        change(buffer, buffer->start, buffer->nominal, false);
    } else if (buffer->start > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, pending);
        buffer->start = 0;
        buffer->end = pending;
    } else {
        buffer->bytes = reallocate(buffer->bytes, buffer->capacity, 2);
        buffer->capacity *= 2;
    }
}

void *chunk_buffer_room(struct chunk_buffer *buffer, size_t *ret_size)
{
    size_t room = buffer->capacity - buffer->end;
    if (room == 0 || (room < buffer->nominal / 4 && buffer->start > 0))
        make_room(buffer);
    *ret_size = buffer->capacity - buffer->end;
    return buffer->bytes + buffer->end;
}

void chunk_buffer_add(struct chunk_buffer *buffer, struct slice bytes)
{
    while (buffer->capacity - buffer->end < bytes.size)
        make_room(buffer);
    memcpy(buffer->bytes + buffer->end, bytes.data, bytes.size);
    buffer->end += bytes.size;
}

static void release(void *data, void *bytes)
{
    (void)data;
    free(bytes);
}

/* The chunk takes the buffer with it. One that had to grow is cut to what is used. */
static void hand_over(struct chunk_buffer *buffer, size_t length, bool grows,
                      zmq_msg_t *ret_bytes)
{
    uint8_t *bytes = buffer->bytes;
    size_t start = buffer->start, used = start + length;
    size_t capacity = buffer->capacity;
    size_t next = buffer->nominal;
    if (grows && length + length / 8 > next)
        next = length + length / 8;
    change(buffer, used, next, true);
    if (used < capacity - capacity / 4)
        bytes = reallocate(bytes, used, 1);
    if (zmq_msg_init_data(ret_bytes, bytes + start, length, release, bytes))
        abort_out_of_memory();
}

static void copy_out(struct chunk_buffer *buffer, size_t length, zmq_msg_t *ret_bytes)
{
    if (zmq_msg_init_size(ret_bytes, length))
        abort_out_of_memory();
    memcpy(zmq_msg_data(ret_bytes), buffer->bytes + buffer->start, length);
    buffer->start += length;
}

void chunk_buffer_take(struct chunk_buffer *buffer, size_t length, bool grows,
                       zmq_msg_t *ret_bytes)
{
    if (length >= buffer->capacity - buffer->capacity / 4 || length > buffer->nominal)
        hand_over(buffer, length, grows, ret_bytes);
    else
        copy_out(buffer, length, ret_bytes);
}

struct slice chunk_buffer_bytes(const struct chunk_buffer *buffer)
{
    return (struct slice){buffer->bytes + buffer->start, buffer->end - buffer->start};
}
