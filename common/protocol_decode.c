/* SPDX-License-Identifier: MIT */
/*
 * Bytes into messages: reads token by token what the message's shape says must come,
 * and stops at the first that is not so. Total: each input ends in a message or in a
 * named error.
 *
 * Memory: the entries of a list are made room for only when the claimed number is
 * within the bounds and no larger than the bytes that are left. A list in the message
 * lies in the first pool, the lists in its entries side by side in the second, which is
 * made large enough for all of them at the first, so that it does not move under them.
 */
#include "common/memory.h"
#include "common/protocol.h"
#include "common/protocol_shape.h"
#include "common/protocol_token.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 3 }; /* arrays within arrays: message, list, list of an entry */

struct pool {
    unsigned char *data;
    size_t size;
    size_t used;
};

struct decoder {
    struct pool pools[DEPTH_MAX - 1];
};

/* One call of decoder_read. */
struct reading {
    struct decoder *decoder;
    struct token_reader tokens;
    unsigned depth; /* arrays that the next token lies in */
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
    if (*decoder_p == NULL)
        return;
    for (size_t i = 0; i < DEPTH_MAX - 1; i++)
        free((*decoder_p)->pools[i].data);
    free(*decoder_p);
    *decoder_p = NULL;
}

/* Only while nothing of this message lies in it. */
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

static enum decode_error refuse(const struct reading *reading,
                                const struct token *token)
{
    bool nests = token->kind == TOKEN_ARRAY || token->kind == TOKEN_MAP;
    if (token->kind == TOKEN_BROKEN)
        return DECODE_SYNTAX;
    return nests && reading->depth == DEPTH_MAX ? DECODE_DEPTH : DECODE_FIELD_TYPE;
}

static enum decode_error read_number(struct reading *reading, const struct field *field,
                                     unsigned char *at)
{
    struct token token;
    enum token_kind kind = token_next(&reading->tokens, &token);
    if (kind == TOKEN_NEGATIVE)
        return DECODE_RANGE;
    if (kind != TOKEN_NUMBER)
        return refuse(reading, &token);
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
    if (token_next(&reading->tokens, &token) != TOKEN_FLAG)
        return refuse(reading, &token);
    bool flag = token.number != 0;
    memcpy(at, &flag, sizeof(flag));
    return DECODE_NONE;
}

static enum decode_error read_id(struct reading *reading, unsigned char *at)
{
    struct token token;
    if (token_next(&reading->tokens, &token) != TOKEN_BYTES)
        return refuse(reading, &token);
    if (token.slice.size != sizeof(struct id))
        return DECODE_LENGTH;
    memcpy(at, token.slice.data, sizeof(struct id));
    return DECODE_NONE;
}

static enum decode_error read_slice(struct reading *reading, const struct field *field,
                                    unsigned char *at)
{
    struct token token;
    enum token_kind wanted = field->kind == FIELD_TEXT ? TOKEN_TEXT : TOKEN_BYTES;
    if (token_next(&reading->tokens, &token) != wanted)
        return refuse(reading, &token);
    if (token.slice.size > field->max)
        return DECODE_LENGTH;
    memcpy(at, &token.slice, sizeof(token.slice));
    return DECODE_NONE;
}

/* Room for the entries of a list at the current depth, and in the second pool for all
 * that can still come: each field is at least a byte. */
static unsigned char *make_room(struct reading *reading, const struct list_shape *list,
                                uint32_t count)
{
    struct pool *pool = &reading->decoder->pools[reading->depth - 1];
    size_t size = count * list->entry_size;
    if (count == 0)
        return NULL;
    if (reading->depth == 1)
        pool_reserve(pool, size);
    else if (pool->used == 0)
        pool_reserve(pool, (token_bytes_left(&reading->tokens) / list->field_count) *
                               list->entry_size);
    return pool_take(pool, size);
}

static enum decode_error read_entries(struct reading *reading,
                                      const struct list_shape *list, uint32_t count,
                                      unsigned char *entries)
{
    reading->depth++;
    for (uint32_t i = 0; i < count; i++) {
        enum decode_error error = read_fields(reading, list->fields, list->field_count,
                                              entries + i * list->entry_size);
        if (error != DECODE_NONE)
            return error;
    }
    reading->depth--;
    bool valid = list->valid == NULL || list->valid(entries, count);
    return valid ? DECODE_NONE : DECODE_VALUE;
}

static enum decode_error read_list(struct reading *reading, const struct field *field,
                                   unsigned char *base)
{
    const struct list_shape *list = field->list;
    struct token token;
    if (token_next(&reading->tokens, &token) != TOKEN_ARRAY)
        return refuse(reading, &token);
    uint64_t count = token.number / list->field_count;
    if (token.number % list->field_count != 0 || count < field->min ||
        count > field->max)
        return DECODE_LENGTH;
    if (token.number > token_bytes_left(&reading->tokens))
        return DECODE_SYNTAX;
    uint32_t narrow = (uint32_t)count;
    unsigned char *entries = make_room(reading, list, narrow);
    memcpy(base + field->offset, &entries, sizeof(entries));
    memcpy(base + field->count_offset, &narrow, sizeof(narrow));
    return read_entries(reading, list, narrow, entries);
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
        return read_id(reading, base + field->offset);
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
    for (size_t i = 0; i < count; i++) {
        enum decode_error error = read_field(reading, &fields[i], base);
        if (error != DECODE_NONE)
            return error;
    }
    return DECODE_NONE;
}

/* [type, ... : the head of frame 0. */
static enum decode_error read_head(struct reading *reading, uint64_t *ret_elements,
                                   uint64_t *ret_type)
{
    struct token array, type;
    enum token_kind kind = token_next(&reading->tokens, &array);
    if (kind == TOKEN_BROKEN)
        return DECODE_SYNTAX;
    if (kind != TOKEN_ARRAY)
        return DECODE_NOT_ARRAY;
    if (array.number == 0)
        return DECODE_FIELDS;
    reading->depth = 1;
    kind = token_next(&reading->tokens, &type);
    if (kind == TOKEN_NEGATIVE)
        return DECODE_UNKNOWN_TYPE;
    if (kind != TOKEN_NUMBER)
        return refuse(reading, &type);
    *ret_elements = array.number;
    *ret_type = type.number;
    return DECODE_NONE;
}

static enum decode_error check_payload(const struct shape *shape,
                                       const struct message *message,
                                       size_t payload_size)
{
    uint64_t bytes;
    if (shape->payload == NULL)
        return payload_size == PAYLOAD_NONE ? DECODE_NONE : DECODE_STRAY_PAYLOAD;
    if (payload_size == PAYLOAD_NONE)
        return DECODE_NO_PAYLOAD;
    if (!shape->payload(message, &bytes) || bytes != payload_size)
        return DECODE_PAYLOAD;
    return DECODE_NONE;
}

/* `elements` follow the type. A HELLO of another version is good as far as its version,
 * and nothing that comes after is looked at: it can be answered with REJECT. */
static enum decode_error read_body(struct reading *reading, const struct shape *shape,
                                   uint64_t elements, size_t payload_size,
                                   struct message *message)
{
    unsigned char *base = (unsigned char *)message;
    enum decode_error error = DECODE_NONE;
    size_t head = shape->is_hello ? 1 : 0;
    if (elements < head)
        return DECODE_FIELDS;
    error = read_fields(reading, shape->fields, head, base);
    if (error != DECODE_NONE)
        return error;
    if (shape->is_hello && message->hello_worker.version != PROTOCOL_VERSION)
        return DECODE_NONE;
    if (elements != shape->field_count)
        return DECODE_FIELDS;
    error = read_fields(reading, shape->fields + head, shape->field_count - head, base);
    if (error != DECODE_NONE)
        return error;
    if (token_bytes_left(&reading->tokens) > 0)
        return DECODE_TRAILING;
    if (shape->valid != NULL && !shape->valid(message))
        return DECODE_VALUE;
    return check_payload(shape, message, payload_size);
}

enum decode_error decoder_read(struct decoder *decoder, const void *data, size_t size,
                               size_t payload_size, struct message *ret_message)
{
    if (size == 0)
        return DECODE_EMPTY;
    if (size > HEADER_MAX)
        return DECODE_TOO_LONG;
    for (size_t i = 0; i < DEPTH_MAX - 1; i++)
        decoder->pools[i].used = 0;
    struct reading reading = {.decoder = decoder,
                              .tokens = {.data = data, .size = size}};
    uint64_t elements, type;
    enum decode_error error = read_head(&reading, &elements, &type);
    if (error != DECODE_NONE)
        return error;
    const struct shape *shape = shape_of(type);
    if (shape == NULL)
        return DECODE_UNKNOWN_TYPE;
    struct message message = {.type = (enum message_type)type};
    error = read_body(&reading, shape, elements - 1, payload_size, &message);
    if (error == DECODE_NONE)
        *ret_message = message;
    return error;
}
