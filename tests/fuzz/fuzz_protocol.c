/* SPDX-License-Identifier: MIT */
/*
 * Every message that the decoder accepts can be encoded and decodes to the same
 * message: a second round gives the bytes of the first. An input that it refuses leaves
 * the message untouched.
 */
#include "fuzz_protocol.h"
#include <stdlib.h>
#include <string.h>

enum { PREFIX = 5, FLAG_PAYLOAD = 1, FLAG_LONG = 2 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static size_t payload_size(const uint8_t *prefix)
{
    if ((prefix[0] & FLAG_PAYLOAD) == 0)
        return PAYLOAD_NONE;
    return (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 |
           prefix[4];
}

static enum decode_error read_long(struct decoder *decoder, const uint8_t *frame,
                                   size_t size, size_t payload, struct message *message)
{
    static uint8_t padded[HEADER_MAX + 1];
    memcpy(padded, frame, size < sizeof(padded) ? size : sizeof(padded));
    return decoder_read(decoder, padded, sizeof(padded), payload, message);
}

/* The slice belongs to the encoder, the message to the decoder; both reuse them. */
static void check_roundtrip(struct decoder *decoder, const struct message *message,
                            size_t payload)
{
    static struct encoder *first, *second;
    if (!first)
        first = encoder_new(), second = encoder_new();
    struct slice once = encoder_write(first, message);
    struct message again;
    require(decoder_read(decoder, once.data, once.size, payload, &again) ==
            DECODE_NONE);
    require(again.type == message->type);
    struct slice twice = encoder_write(second, &again);
    require(once.size == twice.size && memcmp(once.data, twice.data, once.size) == 0);
}

enum decode_error drive_protocol(const uint8_t *data, size_t size,
                                 enum message_type *ret_type)
{
    static struct decoder *decoder, *again;
    struct message message = {.type = 0}; /* no type */
    if (size < PREFIX)
        return DECODE_EMPTY;
    if (!decoder)
        decoder = decoder_new(), again = decoder_new();
    size_t payload = payload_size(data);
    enum decode_error error =
        (data[0] & FLAG_LONG) != 0
            ? read_long(decoder, data + PREFIX, size - PREFIX, payload, &message)
            : decoder_read(decoder, data + PREFIX, size - PREFIX, payload, &message);
    if (error != DECODE_NONE) {
        require(message.type == 0);
        require(decode_error_text(error) != NULL);
        return error;
    }
    bool other_version =
        (message.type == MESSAGE_HELLO_WORKER || message.type == MESSAGE_HELLO_SINK) &&
        message.hello_worker.version != PROTOCOL_VERSION;
    require(other_version ||
            (payload != PAYLOAD_NONE) == message_has_payload(message.type));
    check_roundtrip(again, &message, payload);
    *ret_type = message.type;
    return DECODE_NONE;
}

#ifdef FANFOLD_FUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum message_type type;
    drive_protocol(data, size, &type);
    return 0;
}
#endif
