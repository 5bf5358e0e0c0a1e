/* SPDX-License-Identifier: MIT */
#include "common/spool/spool_format.h"

#include <assert.h>
#include <endian.h>
#include <string.h>
#include <xxhash.h>

static const uint8_t magic[8] = {'f', 'a', 'n', 'f', 'o', 'l', 'd', 'S'};

static void put_u32(uint8_t *to, uint32_t value)
{
    value = htole32(value);
    memcpy(to, &value, sizeof value);
}

static void put_u64(uint8_t *to, uint64_t value)
{
    value = htole64(value);
    memcpy(to, &value, sizeof value);
}

static uint32_t get_u32(const uint8_t *from)
{
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return le32toh(value);
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value;
    memcpy(&value, from, sizeof value);
    return le64toh(value);
}

static uint64_t seed_of(const struct id *spool)
{
    return get_u64(spool->bytes) ^ get_u64(spool->bytes + 8);
}

/* ---- the header ---- */

static void append_u64(struct byte_buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    byte_buffer_append(buffer, bytes, sizeof bytes);
}

/* A producer of which nothing is synced is not known yet. */
static uint32_t append_producers(const struct producers *producers,
                                 struct byte_buffer *buffer)
{
    uint32_t count = 0;
    for (size_t i = 0; i < producers->count; i++) {
        const struct producer *producer = &producers->items[i];
        if (producer->synced == 0)
            continue;
        byte_buffer_append(buffer, &producer->id_size, 1);
        byte_buffer_append(buffer, producer->id, producer->id_size);
        append_u64(buffer, producer->synced);
        count++;
    }
    return count;
}

void spool_header_write(const struct spool_header *header,
                        const struct producers *producers, struct byte_buffer *buffer)
{
    uint8_t fixed[SPOOL_HEADER_FIXED] = {0};
    size_t begin = buffer->size;
    memcpy(fixed, magic, sizeof magic);
    put_u32(fixed + 8, SPOOL_VERSION);
    memcpy(fixed + 16, header->spool.bytes, sizeof header->spool.bytes);
    put_u64(fixed + 32, header->segment);
    put_u64(fixed + 40, header->first);
    byte_buffer_append(buffer, fixed, sizeof fixed);
    uint32_t count = append_producers(producers, buffer);
    uint8_t *whole = buffer->data + begin;
    size_t size = buffer->size - begin;
    put_u32(whole + 12, (uint32_t)(size + 8));
    put_u32(whole + 48, count);
    append_u64(buffer, XXH3_64bits_withSeed(whole, size, seed_of(&header->spool)));
}

/* False: they do not fill the bytes. */
static bool read_producers(struct slice bytes, uint32_t count,
                           struct producers *producers)
{
    const uint8_t *at = bytes.data, *end = bytes.data + bytes.size;
    for (uint32_t i = 0; i < count; i++) {
        if (end - at < 9 || end - at < 9 + at[0])
            return false;
        struct slice id = {at + 1, at[0]};
        struct producer *producer = producers ? producers_add(producers, id) : NULL;
        if (producer)
            producer->highest = producer->synced = get_u64(id.data + id.size);
        if (producers && !producer)
            return false;
        at += 9 + id.size;
    }
    return at == end;
}

enum spool_header_outcome spool_header_read(struct slice bytes,
                                            struct spool_header *ret_header,
                                            struct producers *producers)
{
    ret_header->size = 0;
    size_t compared = bytes.size < sizeof magic ? bytes.size : sizeof magic;
    if (memcmp(bytes.data, magic, compared) != 0)
        return SPOOL_HEADER_FOREIGN;
    if (bytes.size < SPOOL_HEADER_MIN)
        return SPOOL_HEADER_SHORT;
    if (get_u32(bytes.data + 8) != SPOOL_VERSION)
        return SPOOL_HEADER_VERSION;
    uint32_t size = get_u32(bytes.data + 12);
    if (size < SPOOL_HEADER_MIN || size > SPOOL_HEADER_MAX)
        return SPOOL_HEADER_DAMAGED;
    *ret_header = (struct spool_header){.segment = get_u64(bytes.data + 32),
                                        .first = get_u64(bytes.data + 40),
                                        .size = size};
    memcpy(ret_header->spool.bytes, bytes.data + 16, sizeof ret_header->spool.bytes);
    if (bytes.size < size)
        return SPOOL_HEADER_SHORT;
    uint64_t checksum =
        XXH3_64bits_withSeed(bytes.data, size - 8, seed_of(&ret_header->spool));
    const struct slice table = {bytes.data + SPOOL_HEADER_FIXED,
                                size - SPOOL_HEADER_MIN};
    if (checksum != get_u64(bytes.data + size - 8) ||
        !read_producers(table, get_u32(bytes.data + 48), producers))
        return SPOOL_HEADER_DAMAGED;
    return SPOOL_HEADER_GOOD;
}

/* ---- entries ---- */

static uint64_t checksum_head(const uint8_t *head, const struct id *spool)
{
    return XXH3_64bits_withSeed(head + 8, SPOOL_ENTRY_HEAD - 8, seed_of(spool));
}

void spool_entry_write(const struct spool_entry *entry, const struct id *spool,
                       struct byte_buffer *buffer)
{
    uint8_t head[SPOOL_ENTRY_HEAD] = {0};
    size_t begin = buffer->size;
    assert(entry->producer.size <= PRODUCER_ID_MAX &&
           entry->payload.size <= UINT32_MAX);
    byte_buffer_append(buffer, head, sizeof head);
    byte_buffer_append(buffer, entry->producer.data, entry->producer.size);
    byte_buffer_append(buffer, entry->payload.data, entry->payload.size);
    const uint8_t *content = buffer->data + begin + SPOOL_ENTRY_HEAD;
    size_t size = entry->producer.size + entry->payload.size;
    put_u64(head + 8, XXH3_64bits_withSeed(content, size, seed_of(spool)));
    put_u64(head + 16, entry->number);
    put_u64(head + 24, entry->producer_number);
    put_u32(head + 32, (uint32_t)entry->payload.size);
    head[36] = (uint8_t)entry->kind;
    head[37] = (uint8_t)entry->producer.size;
    put_u64(head, checksum_head(head, spool));
    memcpy(buffer->data + begin, head, sizeof head);
}

enum spool_entry_outcome spool_entry_read_head(struct slice bytes,
                                               const struct id *spool,
                                               struct spool_entry *ret_entry,
                                               size_t *ret_size)
{
    const uint8_t *head = bytes.data;
    *ret_size = SPOOL_ENTRY_HEAD;
    if (bytes.size < SPOOL_ENTRY_HEAD)
        return SPOOL_ENTRY_SHORT;
    if (get_u64(head) != checksum_head(head, spool) || head[36] < SPOOL_RECORD ||
        head[36] > SPOOL_END || head[37] > PRODUCER_ID_MAX)
        return SPOOL_ENTRY_DAMAGED;
    *ret_entry = (struct spool_entry){
        .kind = (enum spool_kind)head[36],
        .number = get_u64(head + 16),
        .producer = {NULL, head[37]},
        .producer_number = get_u64(head + 24),
        .payload = {NULL, get_u32(head + 32)},
    };
    *ret_size += ret_entry->producer.size + ret_entry->payload.size;
    return SPOOL_ENTRY_GOOD;
}

enum spool_entry_outcome spool_entry_read(struct slice bytes, const struct id *spool,
                                          struct spool_entry *ret_entry,
                                          size_t *ret_size)
{
    enum spool_entry_outcome outcome =
        spool_entry_read_head(bytes, spool, ret_entry, ret_size);
    if (outcome != SPOOL_ENTRY_GOOD)
        return outcome;
    if (bytes.size < *ret_size)
        return SPOOL_ENTRY_SHORT;
    const uint8_t *content = bytes.data + SPOOL_ENTRY_HEAD;
    size_t size = *ret_size - SPOOL_ENTRY_HEAD;
    if (get_u64(bytes.data + 8) != XXH3_64bits_withSeed(content, size, seed_of(spool)))
        return SPOOL_ENTRY_DAMAGED;
    ret_entry->producer.data = content;
    ret_entry->payload.data = content + ret_entry->producer.size;
    return SPOOL_ENTRY_GOOD;
}
