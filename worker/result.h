/* SPDX-License-Identifier: MIT */
/* Bytes that a program writes, on their way into a message without being copied. */
#ifndef FANFOLD_WORKER_RESULT_H
#define FANFOLD_WORKER_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zmq.h>

struct result {
    uint8_t *data;
    size_t size, capacity;
};

void result_deinit(struct result *result);
/* Empties it, and makes room for about so many bytes. */
void result_begin(struct result *result, size_t expected);
/* Room for at least one byte more, at the end of `data`; how much. */
size_t result_room(struct result *result);
void result_append(struct result *result, const void *data, size_t size);
/* Room for so many bytes in all. */
void result_reserve(struct result *result, size_t capacity);
/* Forgets so many bytes at the beginning. */
void result_skip(struct result *result, size_t size);
/* Moves it into a message (not initialised before); the result is empty then. */
void result_take(struct result *result, zmq_msg_t *ret_message);
/* Copies a part of it into a message. */
void result_copy_part(const struct result *result, size_t from, size_t size,
                      zmq_msg_t *ret_message);
/* Moves a part of it into a message. What precedes `rest` may be forgotten by that, and
 * is if *ret_forgot says so: then the result begins there. */
void result_take_part(struct result *result, size_t from, size_t size, size_t rest,
                      zmq_msg_t *ret_message, bool *ret_forgot);

#endif
