/* SPDX-License-Identifier: MIT */
/*
 * Reads msgpack one token at a time: msgpack-c's own scanner, made to stop after each
 * token instead of building objects. So it allocates nothing, whatever an array claims,
 * and does not recurse. The protocol and the sink's journal read with it.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_MSGPACK_READER_H
#define FANFOLD_COMMON_PROTOCOL_MSGPACK_READER_H

#include "common/protocol/message.h"

enum token_kind {
    TOKEN_BROKEN, /* not msgpack, or the bytes end before the token does */
    TOKEN_NUMBER,
    TOKEN_NEGATIVE,
    TOKEN_FLAG,
    TOKEN_TEXT,
    TOKEN_BYTES,
    TOKEN_ARRAY, /* its head; the elements are the next tokens */
    TOKEN_MAP,   /* its head */
    TOKEN_OTHER, /* nil, a float, an extension: no message has one */
};

struct token {
    enum token_kind kind;
    uint64_t number;    /* NUMBER; FLAG: 0 or 1; ARRAY: elements that it claims */
    struct slice slice; /* TEXT, BYTES; never NULL */
};

struct msgpack_reader {
    const uint8_t *data;
    size_t size;
    size_t offset; /* of the next token; at most size */
};

/* Reads the next token and returns its kind. After TOKEN_BROKEN the reader cannot
 * continue. */
enum token_kind msgpack_read(struct msgpack_reader *reader, struct token *ret_token);

/* Bytes not read yet: at least as many as elements that can still come. */
static inline size_t token_bytes_left(const struct msgpack_reader *reader)
{
    return reader->size - reader->offset;
}

#endif
