/* SPDX-License-Identifier: MIT */
/* Bytes that a program writes, on their way into a message without being copied. */
#ifndef FANFOLD_WORKER_RESULT_H
#define FANFOLD_WORKER_RESULT_H

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
/* Moves it into a message (not initialised before); the result is empty then. */
void result_take(struct result *result, zmq_msg_t *ret_message);

#endif
