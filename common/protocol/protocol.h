/* SPDX-License-Identifier: MIT */
/*
 * FANFOLD/2 on the wire: frame 0 of a message, one msgpack array. PROTOCOL.md is the
 * normative text.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_PROTOCOL_H
#define FANFOLD_COMMON_PROTOCOL_PROTOCOL_H

#include "common/protocol/message.h"

/* X(NAME, text for a person) */
#define DECODE_ERRORS(X)                                                   \
    X(NONE, "no error")                                                    \
    X(EMPTY, "the frame is empty")                                         \
    X(TOO_LONG, "the frame is longer than 2 MiB")                          \
    X(SYNTAX, "not msgpack, or cut short")                                 \
    X(TRAILING, "bytes follow the array")                                  \
    X(NOT_ARRAY, "not an array")                                           \
    X(DEPTH, "nested too deeply")                                          \
    X(UNKNOWN_TYPE, "no such message type")                                \
    X(FIELDS, "fields are missing")                                        \
    X(FIELD_TYPE, "a field has the wrong type")                            \
    X(RANGE, "a number is out of its bounds")                              \
    X(LENGTH, "a string, list or batch is longer or shorter than allowed") \
    X(ZERO_ID, "an id of zeros, where 16 random bytes belong")             \
    X(VALUE, "a value that does not go with the others")                   \
    X(PAYLOAD, "the payload frame does not match the lengths")             \
    X(NO_PAYLOAD, "the payload frame is missing")                          \
    X(STRAY_PAYLOAD, "a payload frame where none belongs")

/* The first error from the front of the frame; VALUE of the whole message and those of
 * the payload come last. */
enum decode_error {
#define X(name, text) DECODE_##name,
    DECODE_ERRORS(X)
#undef X
};

/* The `text` above; static. */
const char *decode_error_text(enum decode_error error);

/* Holds the memory of a decoded message's batches; grows up to the bounds of the
 * protocol and is used again. */
struct decoder;
struct decoder *decoder_new(void);
void decoder_destroy(struct decoder **decoder_p);

#define PAYLOAD_NONE SIZE_MAX

/*
 * Any bytes give a message or a named error; the decoder never reads beyond `size`, nor
 * allocates more than the bounds allow. `payload_size` is the size of the payload
 * frame; PAYLOAD_NONE: there is none. On success *ret_message borrows from `data` and
 * from the decoder until the next call; on an error it is untouched.
 *
 * Behind the fields that this version knows there may be others, of a later one: they
 * are skipped, if they are msgpack.
 *
 * A HELLO or WELCOME of a version other than PROTOCOL_VERSION gives DECODE_NONE with
 * that version and zeros in all other fields; the rest of it is not read. Answer a
 * HELLO with REJECT_VERSION.
 */
enum decode_error decoder_read(struct decoder *decoder, const void *data, size_t size,
                               size_t payload_size, struct message *ret_message);

/* What the last error was of, for a person: the type and the field. */
void decoder_complain(const struct decoder *decoder, enum decode_error error,
                      char *text, size_t size);
/* The type of the last message, as far as it could be read; else 0. */
uint64_t decoder_type(const struct decoder *decoder);

/* How the payload of a message is compressed, and where it is, how many bytes it has
 * once it is decompressed. */
enum payload_compression message_compression(const struct message *message,
                                             uint64_t *ret_bytes);

/* True for the types that carry a payload frame (TASK, ISOLATE, RESULT, SKIP). */
bool message_has_payload(enum message_type type);

/* Holds the bytes of the last message; used again for each. */
struct encoder;
struct encoder *encoder_new(void);
void encoder_destroy(struct encoder **encoder_p);

/*
 * Encodes frame 0. The slice lives until the next call. A message outside the
 * protocol's bounds is a bug of the caller's (assert). Every batch of BATCH_MAX entries
 * fits into HEADER_MAX, except RESULTs that name many bad records, each of about 40
 * bytes plus its text: the sender splits these. One entry always fits.
 */
struct slice encoder_write(struct encoder *encoder, const struct message *message);

#endif
