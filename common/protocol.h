/* SPDX-License-Identifier: MIT */
/*
 * FANFOLD/1 on the wire: frame 0 of a message, one msgpack array. PROTOCOL.md is the
 * normative text.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_H
#define FANFOLD_COMMON_PROTOCOL_H

#include "common/message.h"

/* X(NAME, what a person reads) */
#define DECODE_ERRORS(X)                                                   \
    X(NONE, "no error")                                                    \
    X(EMPTY, "the frame is empty")                                         \
    X(TOO_LONG, "the frame is longer than 2 MiB")                          \
    X(SYNTAX, "not msgpack, or cut short")                                 \
    X(TRAILING, "bytes follow the array")                                  \
    X(NOT_ARRAY, "not an array")                                           \
    X(DEPTH, "nested too deeply")                                          \
    X(UNKNOWN_TYPE, "no such message type")                                \
    X(FIELDS, "wrong number of fields")                                    \
    X(FIELD_TYPE, "a field has the wrong type")                            \
    X(RANGE, "a number is out of its bounds")                              \
    X(LENGTH, "a string, list or batch is longer or shorter than allowed") \
    X(VALUE, "a value that does not go with the others")                   \
    X(PAYLOAD, "the payload frame does not match the lengths")             \
    X(NO_PAYLOAD, "the payload frame is missing")                          \
    X(STRAY_PAYLOAD, "a payload frame where none belongs")

/* The first that is met, from the front of the frame; VALUE of the whole message and
 * the payload's come last. */
enum decode_error {
#define X(name, text) DECODE_##name,
    DECODE_ERRORS(X)
#undef X
};

/* The `text` above; static. */
const char *decode_error_text(enum decode_error error);

/* Memory that a decoded message borrows its batches from; grows to the bounds of the
 * protocol and is reused. */
struct decoder;
struct decoder *decoder_new(void);
void decoder_destroy(struct decoder **decoder_p);

#define PAYLOAD_NONE SIZE_MAX

/*
 * Any bytes give a message or a named error; never reads beyond `size`, never allocates
 * more than the bounds allow. `payload_size` is the size of the payload frame,
 * PAYLOAD_NONE where there is none. On success *ret_message borrows from `data` and
 * from the decoder until the next call; on an error it is untouched.
 *
 * A HELLO of a version other than PROTOCOL_VERSION is DECODE_NONE with that version,
 * zeros in all other fields, and nothing after it looked at: answer REJECT_VERSION.
 */
enum decode_error decoder_read(struct decoder *decoder, const void *data, size_t size,
                               size_t payload_size, struct message *ret_message);

/* True for the types that carry a payload frame (TASK, ISOLATE, RESULT, SKIP). */
bool message_has_payload(enum message_type type);

/* Bytes that can be encoded again and again. */
struct encoder;
struct encoder *encoder_new(void);
void encoder_destroy(struct encoder **encoder_p);

/*
 * Encodes frame 0. The slice lives until the next call. A message outside the
 * protocol's bounds is a bug of the caller's (assert). Every batch of BATCH_MAX entries
 * fits into HEADER_MAX, except RESULTs that name many bad records, each of about 40
 * bytes and its text: the sender splits these. One entry always fits.
 */
struct slice encoder_write(struct encoder *encoder, const struct message *message);

#endif
