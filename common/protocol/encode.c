/* SPDX-License-Identifier: MIT */
/*
 * Messages into bytes: walks the message's schema and packs each field with msgpack-c.
 * Asserts every bound that the decoder at the other end checks.
 */
#include "common/memory.h"
#include "common/protocol/protocol.h"
#include "common/protocol/schema.h"
#include <assert.h>
#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <stdlib.h>
#include <string.h>

struct encoder {
    msgpack_sbuffer buffer; /* keeps its memory from one message to the next */
    msgpack_packer packer;
};

static int write_or_abort(void *buffer, const char *data, size_t size)
{
    if (msgpack_sbuffer_write(buffer, data, size) != 0)
        abort_out_of_memory();
    return 0;
}

struct encoder *encoder_new(void)
{
    struct encoder *encoder = allocate(sizeof(*encoder));
    msgpack_sbuffer_init(&encoder->buffer);
    msgpack_packer_init(&encoder->packer, &encoder->buffer, write_or_abort);
    return encoder;
}

void encoder_destroy(struct encoder **encoder_p)
{
    if (!*encoder_p)
        return;
    msgpack_sbuffer_destroy(&(*encoder_p)->buffer);
    free(*encoder_p);
    *encoder_p = NULL;
}

static void write_fields(msgpack_packer *packer, const struct field *fields,
                         size_t count, const unsigned char *base);

static void write_number(msgpack_packer *packer, const struct field *field,
                         const unsigned char *at)
{
    uint64_t value;
    if (field->size == sizeof(uint32_t)) {
        uint32_t narrow;
        memcpy(&narrow, at, sizeof(narrow));
        value = narrow;
    } else {
        memcpy(&value, at, sizeof(value));
    }
    assert(value >= field->min && value <= field->max);
    msgpack_pack_uint64(packer, value);
}

static void write_slice(msgpack_packer *packer, const struct field *field,
                        const unsigned char *at)
{
    struct slice slice;
    memcpy(&slice, at, sizeof(slice));
    assert(slice.size <= field->max);
    if (field->kind == FIELD_TEXT) {
        msgpack_pack_str(packer, slice.size);
        msgpack_pack_str_body(packer, slice.data, slice.size);
    } else {
        msgpack_pack_bin(packer, slice.size);
        msgpack_pack_bin_body(packer, slice.data, slice.size);
    }
}

static void write_list(msgpack_packer *packer, const struct field *field,
                       const unsigned char *base)
{
    const struct list_schema *list = field->list;
    const unsigned char *entries;
    uint32_t count;
    memcpy(&entries, base + field->offset, sizeof(entries));
    memcpy(&count, base + field->count_offset, sizeof(count));
    assert(count >= field->min && count <= field->max);
    assert(!list->valid || list->valid(entries, count));
    msgpack_pack_array(packer, list->nested ? count : count * list->field_count);
    for (uint32_t i = 0; i < count; i++) {
        if (list->nested)
            msgpack_pack_array(packer, list->field_count);
        write_fields(packer, list->fields, list->field_count,
                     entries + i * list->entry_size);
    }
}

static void write_field(msgpack_packer *packer, const struct field *field,
                        const unsigned char *base)
{
    const unsigned char *at = base + field->offset;
    switch (field->kind) {
    case FIELD_NUMBER:
        write_number(packer, field, at);
        return;
    case FIELD_FLAG:
        if (*(const bool *)at)
            msgpack_pack_true(packer);
        else
            msgpack_pack_false(packer);
        return;
    case FIELD_ID:
        msgpack_pack_bin(packer, sizeof(struct id));
        msgpack_pack_bin_body(packer, at, sizeof(struct id));
        return;
    case FIELD_TEXT:
    case FIELD_BYTES:
        write_slice(packer, field, at);
        return;
    case FIELD_LIST:
        write_list(packer, field, base);
        return;
    }
    assert(!"a kind that the table does not have");
}

static void write_fields(msgpack_packer *packer, const struct field *fields,
                         size_t count, const unsigned char *base)
{
    for (size_t i = 0; i < count; i++)
        write_field(packer, &fields[i], base);
}

/* Of a message of another version we know only the fields that all versions share; and
 * a payload that is not compressed has no word about it. */
static size_t known_fields(const struct message_schema *schema,
                           const struct message *message)
{
    if (schema->compression && schema->compression(message) == PAYLOAD_PLAIN)
        return schema->field_count - 1;
    if (!schema->has_version || message->hello_worker.version == PROTOCOL_VERSION)
        return schema->field_count;
    return 1;
}

struct slice encoder_write(struct encoder *encoder, const struct message *message)
{
    const struct message_schema *schema = schema_of(message->type);
    assert(schema);
    assert(!schema->valid || schema->valid(message));
    size_t count = known_fields(schema, message);
    msgpack_sbuffer_clear(&encoder->buffer);
    msgpack_pack_array(&encoder->packer, 1 + count);
    msgpack_pack_uint32(&encoder->packer, message->type);
    write_fields(&encoder->packer, schema->fields, count, (const void *)message);
    assert(encoder->buffer.size <= HEADER_MAX);
    return (struct slice){(const uint8_t *)encoder->buffer.data, encoder->buffer.size};
}
