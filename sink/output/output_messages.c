/* SPDX-License-Identifier: MIT */
#include "sink/output/output_messages.h"

#include "common/memory.h"
#include "sink/output/output_state.h"
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS_MAX = 4096 /* a call, so that the loop goes on */ };

struct output_messages {
    struct message_sender *sender;
    struct result_records *records; /* of the first entry that waits */
    struct slice record;            /* the next one of them */
    bool has_record;                /* there is one */
    bool envelope;
    struct id run;
    uint64_t number; /* of the next record */
};

struct output *output_of_messages(struct message_sender **sender_p, const char *name,
                                  bool envelope)
{
    struct output *output = output_new(&output_messages_kind, name);
    output->messages = allocate_zeroed(1, sizeof *output->messages);
    output->messages->sender = *sender_p;
    output->messages->envelope = envelope;
    *sender_p = NULL;
    return output;
}

struct message_sender *output_sender(const struct output *output)
{
    return output->messages ? output->messages->sender : NULL;
}

static void shape(struct output *output, const struct output_shape *shape)
{
    struct output_messages *messages = output->messages;
    result_records_destroy(&messages->records);
    messages->records = result_records_new(&shape->records);
    messages->run = shape->run;
}

/* ---- writing ---- */

static void pack_envelope(const struct output_messages *messages,
                          msgpack_sbuffer *buffer)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, buffer, msgpack_sbuffer_write);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_bin(&packer, sizeof messages->run.bytes);
    msgpack_pack_bin_body(&packer, messages->run.bytes, sizeof messages->run.bytes);
    msgpack_pack_uint64(&packer, messages->number);
    if (!buffer->data)
        abort_out_of_memory();
}

/* Outcomes of message_sender_send. */
static int send_record(struct output_messages *messages)
{
    msgpack_sbuffer buffer;
    if (!messages->envelope)
        return message_sender_send(messages->sender, (struct slice){NULL, 0},
                                   messages->record);
    msgpack_sbuffer_init(&buffer);
    pack_envelope(messages, &buffer);
    const struct slice envelope = {(const uint8_t *)buffer.data, buffer.size};
    int outcome = message_sender_send(messages->sender, envelope, messages->record);
    msgpack_sbuffer_destroy(&buffer);
    return outcome;
}

/* Sends the first entry's next record. 1; 0: the socket takes none now; -errno. */
static int send_next(struct output *output)
{
    struct output_messages *messages = output->messages;
    struct output_entry *entry = output_entry_at(output, output->written);
    if (!messages->has_record) {
        int found =
            result_records_next(messages->records, entry->result, &messages->record);
        if (found < 0)
            return found;
        messages->has_record = found;
    }
    if (!messages->has_record) {
        result_records_restart(messages->records);
        output_finish_entry(output);
        return 1;
    }
    int outcome = send_record(messages);
    if (outcome == 1) {
        messages->has_record = false;
        messages->number++;
        output->bytes += messages->record.size;
    }
    return outcome;
}

static int write_messages(struct output *output)
{
    int outcome = 1;
    for (int i = 0; i < RECORDS_MAX && outcome == 1; i++) {
        if (output->written == output->count)
            break;
        outcome = send_next(output);
    }
    output->waits = outcome == 0;
    message_sender_take_input(output->messages->sender);
    return outcome < 0 ? outcome : 0;
}

/* ---- the rest ---- */

static int check_nothing(struct output *output)
{
    (void)output;
    return 0;
}

static void fill_item(const struct output *output, zmq_pollitem_t *item)
{
    message_sender_fill_item(output->messages->sender, output_queued(output) > 0, item);
}

static int flush(struct output *output, int limit_ms)
{
    return message_sender_flush(output->messages->sender, limit_ms);
}

static const char *receiver(const struct output *output, bool *ret_there)
{
    *ret_there = message_sender_has_receiver(output->messages->sender);
    return output->name;
}

static int close_messages(struct output *output)
{
    message_sender_destroy(&output->messages->sender);
    result_records_destroy(&output->messages->records);
    free(output->messages);
    return 0;
}

const struct output_kind output_messages_kind = {
    .shape = shape,
    .write = write_messages,
    .check = check_nothing,
    .fill_item = fill_item,
    .flush = flush,
    .receiver = receiver,
    .close = close_messages,
};
