/* SPDX-License-Identifier: MIT */
/*
 * The schema of each message: which fields follow the type, in the order of the wire,
 * of which kind and within which bounds, and where they lie in `struct message`.
 * Encoder and decoder both follow this one table. Private to the protocol.
 */
#ifndef FANFOLD_COMMON_PROTOCOL_SCHEMA_H
#define FANFOLD_COMMON_PROTOCOL_SCHEMA_H

#include "common/protocol/schema_fields.h"

struct message_schema {
    const struct field *fields; /* without the type */
    size_t field_count;
    bool has_version; /* its first field; [type, version] are the same for ever */
    bool (*valid)(const struct message *message); /* NULL: any are */
    /* The sum of the lengths, false if it overflows; NULL: no payload frame. */
    bool (*payload)(const struct message *message, uint64_t *ret_bytes);
    /* How the payload is compressed, which is the last field: it is there only where it
     * is not 0. NULL: there is no such field. */
    enum payload_compression (*compression)(const struct message *message);
};

/* NULL: no such type. */
const struct message_schema *schema_of(uint64_t type);

#endif
