/* SPDX-License-Identifier: MIT */
/*
 * A growing buffer that becomes a message. Large ones are handed over (the message
 * frees them, on a thread of libzmq's); small ones are copied, so that the buffer lives
 * on and a short result does not hold a long buffer.
 */
#include "worker/result.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

enum { SMALL_BYTES = 8 << 10, FIRST_BYTES = 16 << 10 };

void result_deinit(struct result *result)
{
    free(result->data);
    *result = (struct result){0};
}

static void resize(struct result *result, size_t capacity)
{
    result->data = reallocate(result->data, capacity, 1);
    result->capacity = capacity;
}

void result_begin(struct result *result, size_t expected)
{
    result->size = 0;
    /* One more than expected: the read that finds the end needs room, too. */
    size_t wanted = expected + 1 < FIRST_BYTES ? FIRST_BYTES : expected + 4096;
    if (result->capacity < wanted) {
        free(result->data); /* nothing in it to be moved */
        result->data = NULL;
        resize(result, wanted);
    }
}

size_t result_room(struct result *result)
{
    if (result->size == result->capacity)
        resize(result,
               result->capacity < FIRST_BYTES ? FIRST_BYTES : result->capacity * 2);
    return result->capacity - result->size;
}

void result_append(struct result *result, const void *data, size_t size)
{
    size_t wanted = result->capacity < FIRST_BYTES ? FIRST_BYTES : result->capacity;
    while (wanted - result->size < size)
        wanted *= 2;
    if (wanted > result->capacity)
        resize(result, wanted);
    if (size > 0)
        memcpy(result->data + result->size, data, size);
    result->size += size;
}

void result_reserve(struct result *result, size_t capacity)
{
    if (result->capacity < capacity)
        resize(result, capacity);
}

void result_skip(struct result *result, size_t size)
{
    result->size -= size;
    if (result->size > 0)
        memmove(result->data, result->data + size, result->size);
}

void result_copy_part(const struct result *result, size_t from, size_t size,
                      zmq_msg_t *ret_message)
{
    if (zmq_msg_init_size(ret_message, size) != 0)
        abort_out_of_memory();
    if (size > 0)
        memcpy(zmq_msg_data(ret_message), result->data + from, size);
}

static void free_data(void *data, void *hint)
{
    free(hint ? hint : data);
}

void result_take(struct result *result, zmq_msg_t *ret_message)
{
    if (result->size <= SMALL_BYTES) {
        result_copy_part(result, 0, result->size, ret_message);
        result->size = 0;
        return;
    }
    if (result->size < result->capacity / 4 * 3)
        resize(result, result->size);
    if (zmq_msg_init_data(ret_message, result->data, result->size, free_data, NULL) !=
        0)
        abort_out_of_memory();
    *result = (struct result){0};
}

/* The buffer goes with the part. */
static void hand_over(struct result *result, size_t from, size_t size, size_t rest,
                      zmq_msg_t *ret_message)
{
    struct result left = {0};
    result_append(&left, result->data + rest, result->size - rest);
    if (from + size < result->capacity / 4 * 3)
        resize(result, from + size);
    if (zmq_msg_init_data(ret_message, result->data + from, size, free_data,
                          result->data) != 0)
        abort_out_of_memory();
    *result = left;
}

void result_take_part(struct result *result, size_t from, size_t size, size_t rest,
                      zmq_msg_t *ret_message, bool *ret_forgot)
{
    /* Not where more would be copied, or kept for nothing, than is saved. */
    *ret_forgot = size > SMALL_BYTES && from <= size / 4 &&
                  result->size - rest <= size / 2;
    if (*ret_forgot)
        hand_over(result, from, size, rest, ret_message);
    else
        result_copy_part(result, from, size, ret_message);
}
