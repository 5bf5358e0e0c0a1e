/* SPDX-License-Identifier: MIT */
#include "ventilator/task_payload.h"

#include "common/byte_buffer.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/net/payload_codec.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REFERENCE_LEAST = 64 << 10 /* bytes of a chunk that is worth a reference */ };

struct task_payload {
    struct chunk_store *chunk_store;
    const struct source *source;
    bool by_value;
    struct payload_codec *codec;
    struct byte_buffer references; /* of the batch's tasks that go by one, in order */
    uint8_t reference[REFERENCE_BYTES_MAX]; /* the last one */
    uint64_t referred;                      /* tasks that went by one */
    int64_t turn_us;                        /* the time of the loop's turn */
};

struct task_payload *task_payload_new(struct chunk_store *chunk_store,
                                      const struct source *source, bool by_value)
{
    struct task_payload *payload = allocate_zeroed(1, sizeof *payload);
    payload->chunk_store = chunk_store;
    payload->source = source;
    payload->by_value = by_value;
    payload->codec = payload_codec_new();
    return payload;
}

void task_payload_destroy(struct task_payload **payload_p)
{
    struct task_payload *payload = *payload_p;
    if (!payload)
        return;
    payload_codec_log(payload->codec, "tasks");
    if (payload->referred)
        log_event(LOG_LEVEL_INFO, "by_reference", "tasks=%" PRIu64, payload->referred);
    payload_codec_destroy(&payload->codec);
    byte_buffer_deinit(&payload->references);
    free(payload);
    *payload_p = NULL;
}

/* ---- by reference ---- */

bool task_payload_is_referable(const struct dispatch_action *action, bool by_value,
                               const struct chunk *chunk)
{
    return action->kind == DISPATCH_TASK && action->by_reference && !by_value &&
           chunk->length >= REFERENCE_LEAST;
}

struct slice task_payload_refer(struct task_payload *payload,
                                const struct dispatch_action *action,
                                const struct chunk *chunk)
{
    struct reference reference;
    if (!task_payload_is_referable(action, payload->by_value, chunk) ||
        !source_refer(payload->source, chunk, action->by_reference, &reference))
        return (struct slice){0};
    return (struct slice){payload->reference,
                          reference_write(&reference, payload->reference)};
}

void task_payload_add(struct task_payload *payload, uint64_t seq,
                      struct slice reference)
{
    if (reference.size == 0)
        return;
    byte_buffer_append(&payload->references, reference.data, reference.size);
    chunk_store_drop_bytes(payload->chunk_store, seq);
    payload->referred++;
}

/* ---- a batch ---- */

static bool copy_chunk(struct task_payload *payload, uint64_t seq, uint8_t *to)
{
    zmq_msg_t bytes;
    if (!chunk_store_take_bytes(payload->chunk_store, seq, &bytes))
        return false;
    memcpy(to, zmq_msg_data(&bytes), zmq_msg_size(&bytes));
    zmq_msg_close(&bytes);
    return true;
}

static bool copy_all(struct task_payload *payload, const struct task_entry *tasks,
                     uint32_t count, uint8_t *end)
{
    const uint8_t *reference = payload->references.data;
    for (uint32_t i = 0; i < count; i++) {
        if (tasks[i].kind == TASK_BY_REFERENCE) {
            memcpy(end, reference, tasks[i].length);
            reference += tasks[i].length;
        } else if (!copy_chunk(payload, tasks[i].seq, end)) {
            return false;
        }
        end += tasks[i].length;
    }
    return true;
}

bool task_payload_gather(struct task_payload *payload, const struct task_entry *tasks,
                         uint32_t count, zmq_msg_t *ret_bytes)
{
    uint64_t size = 0;
    if (count == 1 && tasks[0].kind == TASK_BY_VALUE)
        return chunk_store_take_bytes(payload->chunk_store, tasks[0].seq, ret_bytes);
    for (uint32_t i = 0; i < count; i++)
        size += tasks[i].length;
    if (zmq_msg_init_size(ret_bytes, size))
        abort_out_of_memory();
    bool there = copy_all(payload, tasks, count, zmq_msg_data(ret_bytes));
    payload->references.size = 0;
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
