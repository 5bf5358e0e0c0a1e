/* SPDX-License-Identifier: MIT */
#include "ventilator/task_payload.h"

#include "common/memory.h"
#include "common/net/payload_codec.h"
#include <stdlib.h>
#include <string.h>

struct task_payload {
    struct chunk_store *chunk_store;
    struct payload_codec *codec;
    int64_t turn_us; /* the time of the loop's turn */
};

struct task_payload *task_payload_new(struct chunk_store *chunk_store)
{
    struct task_payload *payload = allocate_zeroed(1, sizeof *payload);
    payload->chunk_store = chunk_store;
    payload->codec = payload_codec_new();
    return payload;
}

void task_payload_destroy(struct task_payload **payload_p)
{
    struct task_payload *payload = *payload_p;
    if (!payload)
        return;
    payload_codec_log(payload->codec, "tasks");
    payload_codec_destroy(&payload->codec);
    free(payload);
    *payload_p = NULL;
}

static bool copy_all(struct task_payload *payload, const struct task_entry *tasks,
                     uint32_t count, uint8_t *end)
{
    for (uint32_t i = 0; i < count; i++) {
        zmq_msg_t bytes;
        if (!chunk_store_take_bytes(payload->chunk_store, tasks[i].seq, &bytes))
            return false;
        memcpy(end, zmq_msg_data(&bytes), zmq_msg_size(&bytes));
        end += zmq_msg_size(&bytes);
        zmq_msg_close(&bytes);
    }
    return true;
}

bool task_payload_gather(struct task_payload *payload, const struct task_entry *tasks,
                         uint32_t count, zmq_msg_t *ret_bytes)
{
    uint64_t size = 0;
    if (count == 1)
        return chunk_store_take_bytes(payload->chunk_store, tasks[0].seq, ret_bytes);
    for (uint32_t i = 0; i < count; i++)
        size += tasks[i].length;
    if (zmq_msg_init_size(ret_bytes, size))
        abort_out_of_memory();
    bool there = copy_all(payload, tasks, count, zmq_msg_data(ret_bytes));
    if (!there)
        zmq_msg_close(ret_bytes);
    return there;
}

enum payload_compression task_payload_compress(struct task_payload *payload,
                                               enum payload_compression compression,
                                               zmq_msg_t *bytes, int64_t now_us)
{
    if (now_us != payload->turn_us)
        payload_codec_begin_turn(payload->codec);
    payload->turn_us = now_us;
    return payload_codec_compress(payload->codec, compression, bytes) ? compression
                                                                      : PAYLOAD_PLAIN;
}
