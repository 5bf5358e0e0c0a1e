/* SPDX-License-Identifier: MIT */
/*
 * msgpack, one token at a time: msgpack-c's own scanner, made to stop after each token
 * instead of building objects. So nothing is allocated, whatever an array claims, and
 * nothing nests. For whoever reads what others wrote: the protocol, the sink's journal.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_TOKEN_H
#define FANFOLD_COMMON_PROTOCOL_TOKEN_H

#include "common/message.h"

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

struct token_reader {
    const uint8_t *data;
    size_t size;
    size_t offset; /* of the next token; at most size */
};

/* The kind is also returned. After TOKEN_BROKEN the reader is of no more use. */
enum token_kind token_next(struct token_reader *reader, struct token *ret_token);

/* Bytes not read yet: no fewer than elements that are still to come. */
static inline size_t token_bytes_left(const struct token_reader *reader)
{
    return reader->size - reader->offset;
}

#endif
