/* SPDX-License-Identifier: MIT */
/*
 * Finds the ends of records in one buffer. Two ways to look for a border: where a
 * chunk is what a block has room for, backwards from the end of the block (one memrchr
 * a chunk, whose records are counted afterwards, many bytes at a time); else forwards,
 * line by line. Backwards is right only if ends cannot overlap each other
 * ("\n\n" in "\n\n\n"), and if no record in a block can be above the limit.
 *
 * The buffer holds start .. end, the bytes that are not taken. A chunk that fills most
 * of the buffer leaves with it, and what is left moves to a new one; a smaller chunk is
 * copied, so that it never keeps a whole buffer in memory.
 */
#include "ventilator/chunker.h"

#include "common/memory.h"
#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_MIN = 256 << 10 };

struct chunker {
    struct chunker_config config;
    bool forwards;
    bool ended;
    bool stuck; /* at a record above the limit */
    uint8_t *buffer;
    size_t nominal; /* bytes of a buffer that has not had to grow */
    size_t capacity, start, end;
    uint64_t offset; /* of buffer[start], in the input */
    uint64_t record; /* number of the first record there */

    /* What is known of the bytes after start; all of it counted from there. */
    size_t scanned;    /* every end of a line up to here was seen */
    size_t line_start; /* the end of the last line that was counted */
    size_t whole;      /* bytes of whole records */
    uint64_t records;  /* in them */
    uint64_t lines;    /* whole lines after them */
};

/* Whether the end of one occurrence can be the beginning of the next. */
static bool overlaps_itself(const uint8_t *text, size_t size)
{
    for (size_t shift = 1; shift < size; shift++)
        if (memcmp(text, text + shift, size - shift) == 0)
            return true;
    return false;
}

struct chunker *chunker_new(const struct chunker_config *config)
{
    const struct record_format *format = &config->format;
    assert(config->block_bytes && format->lines && format->end_size);
    struct chunker *chunker = allocate_zeroed(1, sizeof *chunker);
    chunker->config = *config;
    chunker->forwards = config->records || format->lines > 1 ||
                        config->max_record_bytes < config->block_bytes ||
                        overlaps_itself(format->end, format->end_size);
    chunker->nominal = BUFFER_MIN;
    if (!config->records && config->block_bytes > BUFFER_MIN)
        chunker->nominal = config->block_bytes;
    chunker->capacity = chunker->nominal;
    chunker->buffer = allocate(chunker->capacity);
    return chunker;
}

void chunker_destroy(struct chunker **chunker_p)
{
    struct chunker *chunker = *chunker_p;
    if (!chunker)
        return;
    free(chunker->buffer);
    free(chunker);
    *chunker_p = NULL;
}

void chunker_start(struct chunker *chunker, uint64_t offset, uint64_t record)
{
    assert(chunker->end == 0);
    chunker->offset = offset;
    chunker->record = record;
}

void chunker_set_block(struct chunker *chunker, uint64_t block_bytes)
{
    assert(block_bytes);
    chunker->config.block_bytes = block_bytes;
    if (!chunker->config.records)
        chunker->nominal = block_bytes > BUFFER_MIN ? block_bytes : BUFFER_MIN;
}

/* Goes on in another buffer with what lies from `rest_start` on; the old one is freed,
 * or, with `keep`, the caller's. */
static void change_buffer(struct chunker *chunker, size_t rest_start, size_t capacity,
                          bool keep)
{
    size_t rest = chunker->end - rest_start;
    if (capacity < rest)
        capacity = rest;
    uint8_t *buffer = allocate(capacity);
    memcpy(buffer, chunker->buffer + rest_start, rest);
    if (!keep)
        free(chunker->buffer);
    chunker->buffer = buffer;
    chunker->capacity = capacity;
    chunker->start = 0;
    chunker->end = rest;
}

static void make_room(struct chunker *chunker)
{
    size_t pending = chunker->end - chunker->start;
    if (chunker->capacity > chunker->nominal && pending < chunker->nominal / 2) {
        change_buffer(chunker, chunker->start, chunker->nominal, false);
    } else if (chunker->start > 0) {
        memmove(chunker->buffer, chunker->buffer + chunker->start, pending);
        chunker->start = 0;
        chunker->end = pending;
    } else {
        chunker->buffer = reallocate(chunker->buffer, chunker->capacity, 2);
        chunker->capacity *= 2;
    }
}

void *chunker_room(struct chunker *chunker, size_t *ret_size)
{
    size_t room = chunker->capacity - chunker->end;
    if (room == 0 || (room < chunker->nominal / 4 && chunker->start > 0))
        make_room(chunker);
    *ret_size = chunker->capacity - chunker->end;
    return chunker->buffer + chunker->end;
}

void chunker_on_bytes(struct chunker *chunker, size_t size)
{
    assert(!chunker->ended && size <= chunker->capacity - chunker->end);
    chunker->end += size;
}

void chunker_on_end(struct chunker *chunker)
{
    chunker->ended = true;
}

static void release_buffer(void *data, void *buffer)
{
    (void)data;
    free(buffer);
}

/* The chunk takes the buffer with it. One that had to grow is cut to what is used. */
static void hand_over(struct chunker *chunker, size_t length, zmq_msg_t *ret_bytes)
{
    uint8_t *buffer = chunker->buffer;
    size_t start = chunker->start, used = start + length;
    size_t capacity = chunker->capacity;
    size_t next = chunker->nominal;
    if (chunker->config.records && length + length / 8 > next)
        next = length + length / 8; /* such chunks may all be longer than the block */
    change_buffer(chunker, used, next, true);
    if (used < capacity - capacity / 4)
        buffer = reallocate(buffer, used, 1);
    if (zmq_msg_init_data(ret_bytes, buffer + start, length, release_buffer, buffer))
        abort_out_of_memory();
}

static void copy_out(struct chunker *chunker, size_t length, zmq_msg_t *ret_bytes)
{
    if (zmq_msg_init_size(ret_bytes, length))
        abort_out_of_memory();
    memcpy(zmq_msg_data(ret_bytes), chunker->buffer + chunker->start, length);
    chunker->start += length;
}

static enum chunker_outcome cut(struct chunker *chunker, size_t length,
                                uint64_t records, struct chunk *ret_chunk)
{
    *ret_chunk = (struct chunk){
        .offset = chunker->offset,
        .length = length,
        .first_record = chunker->record,
        .records = records,
    };
    if (length >= chunker->capacity - chunker->capacity / 4 ||
        length > chunker->nominal)
        hand_over(chunker, length, &ret_chunk->bytes);
    else
        copy_out(chunker, length, &ret_chunk->bytes);
    chunker->offset += length;
    chunker->record += records;
    chunker->scanned = chunker->line_start = chunker->whole = 0;
    chunker->records = chunker->lines = 0;
    return CHUNKER_CHUNK;
}

/* The end of the next line, 0 where there is none in what is here. */
static size_t next_line_end(struct chunker *chunker)
{
    const struct record_format *format = &chunker->config.format;
    const uint8_t *data = chunker->buffer + chunker->start;
    size_t pending = chunker->end - chunker->start;
    size_t from = chunker->line_start;
    if (chunker->scanned > from + format->end_size - 1)
        from = chunker->scanned - (format->end_size - 1);
    const uint8_t *found =
        format->end_size == 1
            ? memchr(data + from, format->end[0], pending - from)
            : memmem(data + from, pending - from, format->end, format->end_size);
    chunker->scanned = pending;
    if (!found)
        return 0;
    chunker->line_start = (size_t)(found - data) + format->end_size;
    chunker->scanned = chunker->line_start;
    return chunker->line_start;
}

/* The end of the last line in the first `size` bytes, 0 where there is none. */
static size_t last_line_end(const struct chunker *chunker, size_t size)
{
    const uint8_t *data = chunker->buffer + chunker->start;
    const uint8_t *end = chunker->config.format.end;
    size_t before = chunker->config.format.end_size - 1; /* its bytes but the last */
    for (size_t left = size; left > before;) {
        const uint8_t *last = memrchr(data + before, end[before], left - before);
        if (!last)
            return 0;
        if (memcmp(last - before, end, before) == 0)
            return (size_t)(last - data) + 1;
        left = (size_t)(last - data);
    }
    return 0;
}

/* What is left when the input has ended: the last record may lack its end. */
static enum chunker_outcome take_rest(struct chunker *chunker, uint64_t records,
                                      struct chunk *ret_chunk)
{
    size_t pending = chunker->end - chunker->start;
    return pending ? cut(chunker, pending, records, ret_chunk) : CHUNKER_ENDED;
}

/* Records in the first `size` bytes. */
static uint64_t count_records(const struct chunker *chunker, size_t size)
{
    struct slice bytes = {chunker->buffer + chunker->start, size};
    return records_count(&chunker->config.format, bytes);
}

static enum chunker_outcome take_backwards(struct chunker *chunker,
                                           struct chunk *ret_chunk)
{
    size_t block = chunker->config.block_bytes;
    size_t pending = chunker->end - chunker->start;
    if (pending < block)
        return chunker->ended
                   ? take_rest(chunker, count_records(chunker, pending), ret_chunk)
                   : CHUNKER_HUNGRY;
    if (chunker->scanned < block) {
        size_t end = last_line_end(chunker, block);
        if (end)
            return cut(chunker, end, count_records(chunker, end), ret_chunk);
        chunker->scanned = block;
    }
    /* One record, longer than the block. */
    size_t end = next_line_end(chunker);
    if ((end ? end : pending) > chunker->config.max_record_bytes)
        return CHUNKER_TOO_LONG;
    if (end)
        return cut(chunker, end, 1, ret_chunk);
    return chunker->ended ? take_rest(chunker, 1, ret_chunk) : CHUNKER_HUNGRY;
}

/* Whether the chunk is to be cut before a record that ends at `end`, or beyond. */
static bool is_full_before(const struct chunker *chunker, size_t end)
{
    return !chunker->config.records && chunker->whole > 0 &&
           end > chunker->config.block_bytes;
}

static bool is_full(const struct chunker *chunker)
{
    if (chunker->config.records)
        return chunker->records == chunker->config.records;
    return chunker->whole >= chunker->config.block_bytes;
}

static enum chunker_outcome take_forwards(struct chunker *chunker,
                                          struct chunk *ret_chunk)
{
    const struct chunker_config *config = &chunker->config;
    for (size_t end; (end = next_line_end(chunker)) > 0;) {
        if (++chunker->lines < config->format.lines)
            continue;
        if (is_full_before(chunker, end))
            return cut(chunker, chunker->whole, chunker->records, ret_chunk);
        if (end - chunker->whole > config->max_record_bytes)
            return CHUNKER_TOO_LONG;
        chunker->whole = end;
        chunker->records++;
        chunker->lines = 0;
        if (is_full(chunker))
            return cut(chunker, chunker->whole, chunker->records, ret_chunk);
    }
    /* What follows the whole records has no end yet: with it, it is longer. */
    size_t pending = chunker->end - chunker->start;
    if (is_full_before(chunker, pending + 1))
        return cut(chunker, chunker->whole, chunker->records, ret_chunk);
    if (pending - chunker->whole > config->max_record_bytes)
        return CHUNKER_TOO_LONG;
    if (!chunker->ended)
        return CHUNKER_HUNGRY;
    return take_rest(chunker, chunker->records + (pending > chunker->whole), ret_chunk);
}

enum chunker_outcome chunker_take(struct chunker *chunker, struct chunk *ret_chunk)
{
    if (chunker->stuck)
        return CHUNKER_TOO_LONG;
    enum chunker_outcome outcome = chunker->forwards
                                       ? take_forwards(chunker, ret_chunk)
                                       : take_backwards(chunker, ret_chunk);
    chunker->stuck = outcome == CHUNKER_TOO_LONG;
    return outcome;
}

enum chunker_outcome chunker_take_whole(struct chunker *chunker,
                                        struct chunk *ret_chunk)
{
    size_t pending = chunker->end - chunker->start;
    if (chunker->stuck)
        return CHUNKER_TOO_LONG;
    if (chunker->forwards)
        return chunker->whole
                   ? cut(chunker, chunker->whole, chunker->records, ret_chunk)
                   : CHUNKER_HUNGRY;
    size_t end = last_line_end(chunker, pending);
    return end ? cut(chunker, end, count_records(chunker, end), ret_chunk)
               : CHUNKER_HUNGRY;
}

uint64_t chunker_record_offset(const struct chunker *chunker)
{
    return chunker->offset + chunker->whole;
}

uint64_t chunker_offset(const struct chunker *chunker)
{
    return chunker->offset;
}
