/* SPDX-License-Identifier: MIT */
/* How the tables of the schema are written: a macro for each kind of field, and the
 * lists that messages have. Private to the schema. */
#ifndef FANFOLD_COMMON_PROTOCOL_SCHEMA_FIELDS_H
#define FANFOLD_COMMON_PROTOCOL_SCHEMA_FIELDS_H

#include "common/protocol/message.h"

enum field_kind {
    FIELD_NUMBER, /* unsigned; `size` is 4 or 8, min and max bound the value */
    FIELD_FLAG,   /* bool */
    FIELD_ID,     /* bin of 16; min 1: not all zero */
    FIELD_TEXT,   /* str; max bounds its bytes */
    FIELD_BYTES,  /* bin; max bounds its bytes */
    FIELD_LIST,   /* array; min and max bound the number of entries */
};

/* The entries of a list lie flat in one array: field, field, field, field ...; nested,
 * each is an array of its own, behind whose fields a later version may have more. */
struct list_schema {
    bool nested;
    size_t entry_size;
    const struct field *fields;
    size_t field_count;
    /* Whether the entries are allowed together; NULL: any are. */
    bool (*valid)(const void *entries, uint32_t count);
};

struct field {
    const char
        *name; /* in PROTOCOL.md; what is before its last dot is not part of it */
    enum field_kind kind;
    size_t offset; /* in the message or the entry; FIELD_LIST: of the pointer */
    size_t size;   /* bytes of the value there; FIELD_LIST: 0 */
    uint64_t min;
    uint64_t max;
    size_t count_offset;            /* FIELD_LIST: of the uint32_t that counts */
    const struct list_schema *list; /* FIELD_LIST */
};

#define COUNT(array)        (sizeof(array) / sizeof((array)[0]))
#define SIZE_OF(of, member) sizeof(((struct of *)NULL)->member)
#define PLACE(of, member) \
    .offset = offsetof(struct of, member), .size = SIZE_OF(of, member)

#define NAMED_NUMBER(title, of, member, low, high)                              \
    {                                                                           \
        .name = (title), .kind = FIELD_NUMBER, PLACE(of, member), .min = (low), \
        .max = (high)                                                           \
    }
#define NUMBER(of, member, low, high) NAMED_NUMBER(#member, of, member, low, high)
#define HOW(of, member, high)         NAMED_NUMBER("how", of, member, 0, high)
#define ANY(of, member) \
    NUMBER(of, member, 0, SIZE_OF(of, member) == 4 ? UINT32_MAX : UINT64_MAX)
#define FLAG(of, member)                                       \
    {                                                          \
        .name = #member, .kind = FIELD_FLAG, PLACE(of, member) \
    }
#define ID(of, member)                                       \
    {                                                        \
        .name = #member, .kind = FIELD_ID, PLACE(of, member) \
    }
#define SET_ID(of, member)                                             \
    {                                                                  \
        .name = #member, .kind = FIELD_ID, PLACE(of, member), .min = 1 \
    }
#define TEXT(of, member, high)                                                \
    {                                                                         \
        .name = #member, .kind = FIELD_TEXT, PLACE(of, member), .max = (high) \
    }
#define BYTES(of, member, high)                                                \
    {                                                                          \
        .name = #member, .kind = FIELD_BYTES, PLACE(of, member), .max = (high) \
    }
#define LIST(of, member, counter, low, high, schema)                                \
    {                                                                               \
        .name = #member, .kind = FIELD_LIST, .offset = offsetof(struct of, member), \
        .min = (low), .max = (high), .count_offset = offsetof(struct of, counter),  \
        .list = &(schema)                                                           \
    }
#define COMPRESSION(of, member, high) NAMED_NUMBER("compression", of, member, 0, high)
#define CAPABILITIES(of, member, counter) \
    LIST(of, member, counter, 0, CAPABILITIES_MAX, schema_capability_list)

extern const struct list_schema schema_capability_list, schema_endpoint_list,
    schema_ledger_list, schema_range_list, schema_except_list, schema_bad_list,
    schema_task_list, schema_result_list, schema_done_list, schema_attempt_list;

#endif
