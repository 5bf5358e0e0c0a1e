/* SPDX-License-Identifier: MIT */
/*
 * Bytes into messages: reads the tokens that the message's schema demands, and stops at
 * the first one that differs. Total: each input gives a message or a named error.
 *
 * Memory: the decoder makes room for the entries of a list only if the claimed number
 * is within the bounds and no larger than the bytes that are left. Each list of the
 * message has a pool; the lists in the entries lie side by side in the last one, which
 * is made large enough for all of them at the first one, so that none of them moves.
 */
#include "common/memory.h"
#include "common/protocol/msgpack_reader.h"
#include "common/protocol/protocol.h"
#include "common/protocol/schema.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LISTS_MAX = 3, /* in a message; the lists of entries share one more pool */
    INNER_POOL = LISTS_MAX,
    SKIPPED_DEPTH_MAX = 8, /* arrays within arrays, in what is skipped */
};

struct pool {
    unsigned char *data;
    size_t size;
    size_t used;
};

struct decoder {
    struct pool pools[LISTS_MAX + 1];
    /* Of the last message. */
    uint64_t type;             /* 0: it could not be read */
    const struct field *field; /* being read; NULL: none, or all were */
    size_t place;              /* of the field of the message, from 1 */
};

/* One call of decoder_read. */
struct reading {
    struct decoder *decoder;
    struct msgpack_reader reader;
    bool inside;    /* in an entry of a list */
    unsigned lists; /* of the message, so far */
};

const char *decode_error_text(enum decode_error error)
{
    static const char *const texts[] = {
#define X(name, text) [DECODE_##name] = text,
        DECODE_ERRORS(X)
#undef X
    };
    return texts[error];
}

struct decoder *decoder_new(void)
{
    return allocate_zeroed(1, sizeof(struct decoder));
}

void decoder_destroy(struct decoder **decoder_p)
{
    if (!*decoder_p)
        return;
    for (size_t i = 0; i < LISTS_MAX + 1; i++)
        free((*decoder_p)->pools[i].data);
    free(*decoder_p);
    *decoder_p = NULL;
}

/* Only while nothing of this message lies in the pool. */
static void pool_reserve(struct pool *pool, size_t size)
{
    assert(pool->used == 0);
    if (size <= pool->size)
        return;
    free(pool->data);
    pool->data = allocate(size);
    pool->size = size;
}

static void *pool_take(struct pool *pool, size_t size)
{
    assert(size <= pool->size - pool->used);
    void *memory = pool->data + pool->used;
    pool->used += size;
    return memory;
}

static enum decode_error read_fields(struct reading *reading,
                                     const struct field *fields, size_t count,
                                     unsigned char *base);

static enum decode_error refuse(const struct token *token)
{
    return token->kind == TOKEN_BROKEN ? DECODE_SYNTAX : DECODE_FIELD_TYPE;
}

static enum decode_error read_number(struct reading *reading, const struct field *field,
                                     unsigned char *at)
{
    struct token token;
    enum token_kind kind = msgpack_read(&reading->reader, &token);
    if (kind == TOKEN_NEGATIVE)
        return DECODE_RANGE;
    if (kind != TOKEN_NUMBER)
        return refuse(&token);
    if (token.number < field->min || token.number > field->max)
        return DECODE_RANGE;
    if (field->size == sizeof(uint32_t)) {
        uint32_t narrow = (uint32_t)token.number;
        memcpy(at, &narrow, sizeof(narrow));
    } else {
        memcpy(at, &token.number, sizeof(token.number));
    }
    return DECODE_NONE;
}

static enum decode_error read_flag(struct reading *reading, unsigned char *at)
{
    struct token token;
    if (msgpack_read(&reading->reader, &token) != TOKEN_FLAG)
        return refuse(&token);
    bool flag = token.number != 0;
    memcpy(at, &flag, sizeof(flag));
    return DECODE_NONE;
}

static enum decode_error read_id(struct reading *reading, const struct field *field,
                                 unsigned char *at)
{
    static const struct id zeros;
    struct token token;
    if (msgpack_read(&reading->reader, &token) != TOKEN_BYTES)
        return refuse(&token);
    if (token.slice.size != sizeof(struct id))
        return DECODE_LENGTH;
    if (field->min > 0 && memcmp(token.slice.data, &zeros, sizeof zeros) == 0)
        return DECODE_ZERO_ID;
    memcpy(at, token.slice.data, sizeof(struct id));
    return DECODE_NONE;
}

static enum decode_error read_slice(struct reading *reading, const struct field *field,
                                    unsigned char *at)
{
    struct token token;
    enum token_kind wanted = field->kind == FIELD_TEXT ? TOKEN_TEXT : TOKEN_BYTES;
    if (msgpack_read(&reading->reader, &token) != wanted)
        return refuse(&token);
    if (token.slice.size > field->max)
        return DECODE_LENGTH;
    memcpy(at, &token.slice, sizeof(token.slice));
    return DECODE_NONE;
}

/* Makes room for the entries of a list; in the inner pool, for all entries that can
 * still come, as each field is at least a byte. */
static unsigned char *make_room(struct reading *reading, const struct list_schema *list,
                                uint32_t count)
{
    struct pool *pools = reading->decoder->pools;
    struct pool *pool = &pools[reading->inside ? INNER_POOL : reading->lists++];
    assert(pool <= &pools[INNER_POOL]);
    size_t size = count * list->entry_size;
    if (count == 0)
        return NULL;
    if (!reading->inside)
        pool_reserve(pool, size);
    else if (pool->used == 0)
        pool_reserve(pool, (token_bytes_left(&reading->reader) / list->field_count) *
                               list->entry_size);
    return pool_take(pool, size);
}

/* What a later version has behind the fields that we know. */
static enum decode_error skip(struct reading *reading, uint64_t count)
{
    uint64_t left[SKIPPED_DEPTH_MAX] = {count};
    unsigned depth = 0;
    for (;;) {
        struct token token;
        while (left[depth] == 0) {
            if (depth == 0)
                return DECODE_NONE;
            depth--;
        }
        left[depth]--;
        enum token_kind kind = msgpack_read(&reading->reader, &token);
        if (kind == TOKEN_BROKEN)
            return DECODE_SYNTAX;
        if (kind != TOKEN_ARRAY && kind != TOKEN_MAP)
            continue;
        if (depth + 1 == SKIPPED_DEPTH_MAX)
            return DECODE_DEPTH;
        left[++depth] = kind == TOKEN_MAP ? 2 * token.number : token.number;
    }
}

/* The entry of a nested list, with its head. */
static enum decode_error read_entry(struct reading *reading,
                                    const struct list_schema *list,
                                    unsigned char *entry)
{
    struct token token;
    if (msgpack_read(&reading->reader, &token) != TOKEN_ARRAY)
        return refuse(&token);
    if (token.number < list->field_count)
        return DECODE_FIELDS;
    enum decode_error error =
        read_fields(reading, list->fields, list->field_count, entry);
    return error == DECODE_NONE ? skip(reading, token.number - list->field_count)
                                : error;
}

static enum decode_error read_one(struct reading *reading,
                                  const struct list_schema *list, unsigned char *entry)
{
    if (list->nested)
        return read_entry(reading, list, entry);
    return read_fields(reading, list->fields, list->field_count, entry);
}

static enum decode_error read_entries(struct reading *reading,
                                      const struct list_schema *list, uint32_t count,
                                      unsigned char *entries)
{
    bool inside = reading->inside;
    reading->inside = true;
    for (uint32_t i = 0; i < count; i++) {
        enum decode_error error =
            read_one(reading, list, entries + i * list->entry_size);
        if (error != DECODE_NONE)
            return error;
    }
    reading->inside = inside;
    bool valid = !list->valid || list->valid(entries, count);
    return valid ? DECODE_NONE : DECODE_VALUE;
}

/* The list has more entries than the bytes that are left can hold: one of them is
 * wrong, and that is what to say. */
static enum decode_error read_to_error(struct reading *reading,
                                       const struct list_schema *list, uint64_t count)
{
    enum { ENTRY_MAX = 128 };
    _Alignas(max_align_t) unsigned char entry[ENTRY_MAX];
    assert(list->entry_size <= sizeof entry);
    reading->inside = true;
    for (uint64_t i = 0; i < count; i++) {
        enum decode_error error = read_one(reading, list, entry);
        if (error != DECODE_NONE)
            return error;
    }
    return DECODE_SYNTAX;
}

static enum decode_error read_list(struct reading *reading, const struct field *field,
                                   unsigned char *base)
{
    const struct list_schema *list = field->list;
    size_t elements = list->nested ? 1 : list->field_count; /* of an entry, here */
    size_t bytes = list->field_count + list->nested;        /* it has at least */
    struct token token;
    if (msgpack_read(&reading->reader, &token) != TOKEN_ARRAY)
        return refuse(&token);
    uint64_t count = token.number / elements;
    if (token.number % elements != 0 || count < field->min || count > field->max)
        return DECODE_LENGTH;
    if (token.number > token_bytes_left(&reading->reader))
        return DECODE_SYNTAX;
    if (count * bytes > token_bytes_left(&reading->reader))
        return read_to_error(reading, list, count);
    uint32_t narrow = (uint32_t)count;
    unsigned char *entries = make_room(reading, list, narrow);
    memcpy(base + field->offset, &entries, sizeof(entries));
    memcpy(base + field->count_offset, &narrow, sizeof(narrow));
    enum decode_error error = read_entries(reading, list, narrow, entries);
    if (error == DECODE_VALUE)
        reading->decoder->field = field;
    return error;
}

static enum decode_error read_field(struct reading *reading, const struct field *field,
                                    unsigned char *base)
{
    switch (field->kind) {
    case FIELD_NUMBER:
        return read_number(reading, field, base + field->offset);
    case FIELD_FLAG:
        return read_flag(reading, base + field->offset);
    case FIELD_ID:
        return read_id(reading, field, base + field->offset);
    case FIELD_TEXT:
    case FIELD_BYTES:
        return read_slice(reading, field, base + field->offset);
    case FIELD_LIST:
        return read_list(reading, field, base);
    }
    assert(!"a kind that the table does not have");
    return DECODE_FIELD_TYPE;
}

static enum decode_error read_fields(struct reading *reading,
                                     const struct field *fields, size_t count,
                                     unsigned char *base)
{
    struct decoder *decoder = reading->decoder;
    for (size_t i = 0; i < count; i++) {
        decoder->field = &fields[i];
        decoder->place += !reading->inside;
        enum decode_error error = read_field(reading, &fields[i], base);
        if (error != DECODE_NONE)
            return error;
    }
    decoder->field = NULL;
    return DECODE_NONE;
}

/* Reads the head of frame 0: [type, ... */
static enum decode_error read_head(struct reading *reading, uint64_t *ret_elements,
                                   uint64_t *ret_type)
{
    struct token array, type;
    enum token_kind kind = msgpack_read(&reading->reader, &array);
    if (kind == TOKEN_BROKEN)
        return DECODE_SYNTAX;
    if (kind != TOKEN_ARRAY)
        return DECODE_NOT_ARRAY;
    if (array.number == 0)
        return DECODE_FIELDS;
    kind = msgpack_read(&reading->reader, &type);
    if (kind == TOKEN_NEGATIVE)
        return DECODE_UNKNOWN_TYPE;
    if (kind != TOKEN_NUMBER)
        return refuse(&type);
    *ret_elements = array.number;
    *ret_type = type.number;
    return DECODE_NONE;
}

static enum decode_error check_payload(const struct message_schema *schema,
                                       const struct message *message,
                                       size_t payload_size)
{
    uint64_t bytes;
    if (!schema->payload)
        return payload_size == PAYLOAD_NONE ? DECODE_NONE : DECODE_STRAY_PAYLOAD;
    if (payload_size == PAYLOAD_NONE)
        return DECODE_NO_PAYLOAD;
    if (!schema->payload(message, &bytes))
        return DECODE_PAYLOAD;
    enum payload_compression compression =
        schema->compression ? schema->compression(message) : PAYLOAD_PLAIN;
    bool right = compression == PAYLOAD_PLAIN  ? payload_size == bytes
                 : compression == PAYLOAD_LENT ? payload_size <= LENT_MAX
                 : compression == PAYLOAD_PART
                     ? payload_size <= PART_MAX
                     : bytes <= COMPRESSED_MAX && payload_size < bytes;
    return right ? DECODE_NONE : DECODE_PAYLOAD;
}

/* `elements` follow the type. Of a message of another version we read only the version,
 * so that it can be answered with REJECT, or said. */
static enum decode_error read_body(struct reading *reading,
                                   const struct message_schema *schema,
                                   uint64_t elements, size_t payload_size,
                                   struct message *message)
{
    unsigned char *base = (unsigned char *)message;
    enum decode_error error = DECODE_NONE;
    size_t head = schema->has_version ? 1 : 0;
    if (elements < head)
        return DECODE_FIELDS;
    error = read_fields(reading, schema->fields, head, base);
    if (error != DECODE_NONE)
        return error;
    if (schema->has_version && message->hello_worker.version != PROTOCOL_VERSION)
        return DECODE_NONE;
    size_t count = schema->field_count;
    if (schema->compression && elements == count - 1)
        count = elements; /* it is not compressed */
    if (elements < count)
        return DECODE_FIELDS;
    error = read_fields(reading, schema->fields + head, count - head, base);
    if (error == DECODE_NONE)
        error = skip(reading, elements - count);
    if (error != DECODE_NONE)
        return error;
    if (token_bytes_left(&reading->reader) > 0)
        return DECODE_TRAILING;
    if (schema->valid && !schema->valid(message))
        return DECODE_VALUE;
    return check_payload(schema, message, payload_size);
}

enum decode_error decoder_read(struct decoder *decoder, const void *data, size_t size,
                               size_t payload_size, struct message *ret_message)
{
    decoder->type = decoder->place = 0;
    decoder->field = NULL;
    if (size == 0)
        return DECODE_EMPTY;
    if (size > HEADER_MAX)
        return DECODE_TOO_LONG;
    for (size_t i = 0; i < LISTS_MAX + 1; i++)
        decoder->pools[i].used = 0;
    struct reading reading = {.decoder = decoder,
                              .reader = {.data = data, .size = size}};
    uint64_t elements, type;
    enum decode_error error = read_head(&reading, &elements, &type);
    if (error != DECODE_NONE)
        return error;
    decoder->type = type;
    const struct message_schema *schema = schema_of(type);
    if (!schema)
        return DECODE_UNKNOWN_TYPE;
    struct message message = {.type = (enum message_type)type};
    error = read_body(&reading, schema, elements - 1, payload_size, &message);
    if (error == DECODE_NONE)
        *ret_message = message;
    return error;
}

uint64_t decoder_type(const struct decoder *decoder)
{
    return decoder->type;
}

void decoder_complain(const struct decoder *decoder, enum decode_error error,
                      char *text, size_t size)
{
    const char *reason = decode_error_text(error);
    const struct field *field = decoder->field;
    const char *dot = field ? strrchr(field->name, '.') : NULL;
    if (!schema_of(decoder->type))
        snprintf(text, size, "%s", reason);
    else if (!field)
        snprintf(text, size, "%s: %s",
                 message_type_name((enum message_type)decoder->type), reason);
    else
        snprintf(text, size, "%s, field %zu, %s: %s",
                 message_type_name((enum message_type)decoder->type), decoder->place,
                 dot ? dot + 1 : field->name, reason);
}
