/* SPDX-License-Identifier: MIT */
/*
 * The shape of each message: which fields follow the type, in the order of the wire, of
 * which kind and within which bounds, and where they lie in `struct message`. The one
 * table that encoder and decoder both go by. Private to the protocol.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_SHAPE_H
#define FANFOLD_COMMON_PROTOCOL_SHAPE_H

#include "common/message.h"

enum field_kind {
    FIELD_NUMBER, /* unsigned; `size` is 4 or 8, min and max bound the value */
    FIELD_FLAG,   /* bool */
    FIELD_ID,     /* bin of 16 */
    FIELD_TEXT,   /* str; max bounds its bytes */
    FIELD_BYTES,  /* bin; max bounds its bytes */
    FIELD_LIST,   /* array of `list->field_count` elements an entry; min and max bound
                     the entries */
};

/* Entries of a list lie flat in one array: field, field, field, field ... */
struct list_shape {
    size_t entry_size;
    const struct field *fields;
    size_t field_count;
    /* Whether the values go with each other; NULL: any do. */
    bool (*valid)(const void *entries, uint32_t count);
};

struct field {
    enum field_kind kind;
    size_t offset; /* in the message or the entry; FIELD_LIST: of the pointer */
    size_t size;   /* of what lies there; FIELD_LIST: 0 */
    uint64_t min;
    uint64_t max;
    size_t count_offset;           /* FIELD_LIST: of the uint32_t that counts */
    const struct list_shape *list; /* FIELD_LIST */
};

struct shape {
    const struct field *fields; /* without the type */
    size_t field_count;
    bool is_hello; /* begins with a version; [type, version] are the same for ever */
    bool (*valid)(const struct message *message); /* NULL: any are */
    bool (*payload)(const struct message *message, uint64_t *ret_bytes);
    /* the sum of the lengths, false where it overflows; NULL: no payload frame */
};

/* NULL: no such type. */
const struct shape *shape_of(uint64_t type);

#endif
