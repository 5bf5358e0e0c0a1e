/* SPDX-License-Identifier: MIT */
#include "common/protocol/protocol.h"
#include "tests/bench/instructions/paths.h"

#include <assert.h>

enum { LENGTH = 1000 };

static const uint8_t mark[24];

static struct message task(void)
{
    static struct task_entry entries[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        entries[i] = (struct task_entry){.seq = 100000 + i,
                                         .attempt = 1,
                                         .length = LENGTH,
                                         .records = 10,
                                         .mark = {mark, sizeof mark}};
    return (struct message){.type = MESSAGE_TASK,
                            .task = {.session = 1, .entries = entries, .count = BATCH}};
}

static struct message result(void)
{
    static struct result_entry entries[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        entries[i] = (struct result_entry){.seq = 100000 + i,
                                           .attempt = 1,
                                           .length = LENGTH,
                                           .run_us = 1000,
                                           .mark = {mark, sizeof mark}};
    return (struct message){.type = MESSAGE_RESULT,
                            .result = {.run = {{1}},
                                       .epoch = 1,
                                       .uuid = {{2}},
                                       .entries = entries,
                                       .count = BATCH}};
}

static struct message done(void)
{
    static struct done_entry entries[BATCH];
    for (uint32_t i = 0; i < BATCH; i++)
        entries[i] = (struct done_entry){.seq = 100000 + i,
                                         .attempt = 1,
                                         .waited_us = 100,
                                         .run_us = 1000,
                                         .kept_us = 10};
    return (struct message){.type = MESSAGE_DONE,
                            .done = {.session = 1, .entries = entries, .count = BATCH}};
}

static void encode(const struct message *message, uint64_t units)
{
    struct encoder *encoder = encoder_new();
    for (uint64_t unit = 0; unit < units; unit += BATCH) {
        struct slice frame = encoder_write(encoder, message);
        assert(frame.size > BATCH);
    }
    encoder_destroy(&encoder);
}

static void decode(const struct message *message, uint64_t units, size_t payload)
{
    struct encoder *encoder = encoder_new();
    struct decoder *decoder = decoder_new();
    struct slice frame = encoder_write(encoder, message);
    for (uint64_t unit = 0; unit < units; unit += BATCH) {
        struct message read;
        enum decode_error error =
            decoder_read(decoder, frame.data, frame.size, payload, &read);
        assert(error == DECODE_NONE && read.type == message->type);
    }
    decoder_destroy(&decoder);
    encoder_destroy(&encoder);
}

void path_encode_task(uint64_t units)
{
    struct message message = task();
    encode(&message, units);
}

void path_decode_task(uint64_t units)
{
    struct message message = task();
    decode(&message, units, BATCH * LENGTH);
}

void path_encode_result(uint64_t units)
{
    struct message message = result();
    encode(&message, units);
}

void path_decode_result(uint64_t units)
{
    struct message message = result();
    decode(&message, units, BATCH * LENGTH);
}

void path_encode_done(uint64_t units)
{
    struct message message = done();
    encode(&message, units);
}

void path_decode_done(uint64_t units)
{
    struct message message = done();
    decode(&message, units, PAYLOAD_NONE);
}
