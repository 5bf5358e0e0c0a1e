/* SPDX-License-Identifier: MIT */
/*
 * Finds the ends of records in one buffer. Two ways to look for a border: where a
 * chunk is what a block has room for, backwards from the end of the block (one memrchr
 * a chunk, whose records are counted afterwards, many bytes at a time); else forwards,
 * record by record. Backwards is right only if what ends a record does so whatever is
 * before it (ends that can overlap each other do not: "\n\n" in "\n\n\n"), and if no
 * record in a block can be above the limit.
 *
 * A last record that lacks its end counts as a byte longer: whether its end comes is
 * not known when it fills the block. One that ends where the next one starts lacks
 * none.
 *
 * The buffer holds start .. end, the bytes that are not taken. A chunk that fills most
 * of the buffer leaves with it, and what is left moves to a new one; a smaller chunk is
 * copied, so that it never keeps a whole buffer in memory.
 */
#include "ventilator/chunker.h"

#include "common/memory.h"
#include "common/record_search.h"
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_MIN = 256 << 10 };

struct chunker {
    struct chunker_config config;
    bool forwards;
    bool ended;
    enum chunker_outcome stuck; /* for good, with the problem; else CHUNKER_CHUNK */
    char problem[320];
    uint8_t *buffer;
    size_t nominal; /* bytes of a buffer that has not had to grow */
    size_t capacity, start, end;
    uint64_t offset; /* of buffer[start], in the input */
    uint64_t record; /* number of the first record there */

    /* What is known of the bytes after start. */
    size_t whole;                 /* bytes of whole records */
    uint64_t records;             /* in them */
    size_t next;                  /* size of the one that follows; 0: not known */
    struct record_search *search; /* stands in the first one that is not known */
    size_t passed;                /* bytes that were looked at backwards, without end */
};

/* Whether the end of one occurrence can be the beginning of the next. */
static bool overlaps_itself(const uint8_t *text, size_t size)
{
    for (size_t shift = 1; shift < size; shift++)
        if (memcmp(text, text + shift, size - shift) == 0)
            return true;
    return false;
}

static bool has_ends_by_themselves(const struct record_format *format)
{
    if (format->kind == RECORDS_FIXED)
        return true;
    return format->kind == RECORDS_LINES && format->lines == 1 &&
           !overlaps_itself(format->end, format->end_size);
}

struct chunker *chunker_new(const struct chunker_config *config)
{
    assert(config->block_bytes);
    struct chunker *chunker = allocate_zeroed(1, sizeof *chunker);
    chunker->config = *config;
    chunker->search = record_search_new(&config->format);
    chunker->forwards = config->records || !has_ends_by_themselves(&config->format) ||
                        config->max_record_bytes < config->block_bytes;
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
    record_search_destroy(&chunker->search);
    free(chunker->buffer);
    free(chunker);
    *chunker_p = NULL;
}

/* What is known of the records is forgotten. */
static void look_again(struct chunker *chunker)
{
    record_search_restart(chunker->search);
    chunker->whole = chunker->next = chunker->passed = 0;
    chunker->records = 0;
}

void chunker_start(struct chunker *chunker, uint64_t offset, uint64_t record)
{
    assert(chunker->start == chunker->end);
    chunker->ended = false;
    chunker->offset = offset;
    chunker->record = record;
    look_again(chunker);
}

/* Where the limit of a record is below the block, only forwards is right. */
void chunker_set_block(struct chunker *chunker, uint64_t block_bytes)
{
    struct chunker_config *config = &chunker->config;
    assert(block_bytes);
    config->block_bytes = block_bytes;
    if (!config->records)
        chunker->nominal = block_bytes > BUFFER_MIN ? block_bytes : BUFFER_MIN;
    bool forwards = config->records || !has_ends_by_themselves(&config->format) ||
                    config->max_record_bytes < block_bytes;
    if (forwards != chunker->forwards ||
        (!config->records && chunker->whole > block_bytes))
        look_again(chunker);
    chunker->forwards = forwards;
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
    chunker->whole = chunker->passed = 0;
    chunker->records = 0;
    return CHUNKER_CHUNK;
}

/* ---- the borders ---- */

/* All that is left, when the input has ended. */
static enum chunker_outcome take_rest(struct chunker *chunker, uint64_t records,
                                      struct chunk *ret_chunk)
{
    size_t pending = chunker->end - chunker->start;
    return pending ? cut(chunker, pending, records, ret_chunk) : CHUNKER_ENDED;
}

static enum chunker_outcome take_whole(struct chunker *chunker, struct chunk *ret_chunk)
{
    return cut(chunker, chunker->whole, chunker->records, ret_chunk);
}

/* Whole records before it are handed out first. */
static enum chunker_outcome stop_at_record(struct chunker *chunker,
                                           enum chunker_outcome why, const char *words,
                                           struct chunk *ret_chunk)
{
    chunker->stuck = why;
    snprintf(chunker->problem, sizeof chunker->problem,
             "record %" PRIu64 " at byte %" PRIu64 " %s", chunker_record(chunker) + 1,
             chunker_record_offset(chunker), words);
    return chunker->whole ? take_whole(chunker, ret_chunk) : why;
}

static enum chunker_outcome refuse_size(struct chunker *chunker,
                                        struct chunk *ret_chunk)
{
    char words[120];
    snprintf(words, sizeof words, "is longer than %" PRIu64 " bytes (--max-record)%s",
             chunker->config.max_record_bytes,
             chunker->config.format.kind == RECORDS_CSV
                 ? "; a quote may be lacking its partner"
                 : "");
    return stop_at_record(chunker, CHUNKER_TOO_LONG, words, ret_chunk);
}

/* Of the first record that is not known to be whole. Whole: its size is the next. */
static enum record_outcome find_next(struct chunker *chunker)
{
    size_t from = chunker->start + chunker->whole;
    struct slice bytes = {chunker->buffer + from, chunker->end - from};
    return chunker->next ? RECORD_WHOLE
                         : record_search_next(chunker->search, bytes, chunker->ended,
                                              &chunker->next);
}

/* Bytes that a record has whose end is not known, or says that it will have. `least`:
 * its end, of which what is here may be beyond. */
static uint64_t open_bytes(const struct chunker *chunker, size_t least)
{
    uint64_t here = chunker->end - chunker->start - chunker->whole;
    uint64_t announced = record_search_announced(chunker->search);
    uint64_t sure = least < here ? least : here;
    return announced > sure ? announced : sure;
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

/* The end of the record that follows the whole ones is not known. */
static enum chunker_outcome take_open(struct chunker *chunker, struct chunk *ret_chunk)
{
    size_t pending = chunker->end - chunker->start;
    size_t least = record_search_least_end(chunker->search, pending - chunker->whole,
                                           chunker->ended);
    if (is_full_before(chunker, chunker->whole + least))
        return take_whole(chunker, ret_chunk);
    if (open_bytes(chunker, least) > chunker->config.max_record_bytes)
        return refuse_size(chunker, ret_chunk);
    if (!chunker->ended)
        return CHUNKER_HUNGRY;
    return take_rest(chunker, chunker->records + (pending > chunker->whole), ret_chunk);
}

static enum chunker_outcome take_forwards(struct chunker *chunker,
                                          struct chunk *ret_chunk)
{
    enum record_outcome outcome;
    while ((outcome = find_next(chunker)) == RECORD_WHOLE) {
        if (is_full_before(chunker, chunker->whole + chunker->next))
            return take_whole(chunker, ret_chunk);
        if (chunker->next > chunker->config.max_record_bytes)
            return refuse_size(chunker, ret_chunk);
        chunker->whole += chunker->next;
        chunker->records++;
        chunker->next = 0;
        if (is_full(chunker))
            return take_whole(chunker, ret_chunk);
    }
    if (outcome == RECORD_OPEN)
        return take_open(chunker, ret_chunk);
    /* A frame that is cut short would have been refused before, had it come in pieces.
     */
    if (record_search_announced(chunker->search) > chunker->config.max_record_bytes)
        return refuse_size(chunker, ret_chunk);
    return stop_at_record(chunker, CHUNKER_BROKEN,
                          record_search_problem(chunker->search), ret_chunk);
}

/* The end of the last record in the first `size` bytes, 0 where there is none. */
static size_t last_end(const struct chunker *chunker, size_t size)
{
    const struct record_format *format = &chunker->config.format;
    const uint8_t *data = chunker->buffer + chunker->start;
    if (format->kind == RECORDS_FIXED)
        return size - (size_t)(size % format->size);
    size_t before = format->end_size - 1; /* its bytes but the last */
    for (size_t left = size; left > before;) {
        const uint8_t *last =
            memrchr(data + before, format->end[before], left - before);
        if (!last)
            return 0;
        if (memcmp(last - before, format->end, before) == 0)
            return (size_t)(last - data) + 1;
        left = (size_t)(last - data);
    }
    return 0;
}

/* The first `size` bytes, of whole records or all that is left. */
static enum chunker_outcome take_counted(struct chunker *chunker, size_t size,
                                         struct chunk *ret_chunk)
{
    struct slice bytes = {chunker->buffer + chunker->start, size};
    uint64_t records = records_count(&chunker->config.format, bytes);
    look_again(chunker);
    return size ? cut(chunker, size, records, ret_chunk) : CHUNKER_ENDED;
}

static enum chunker_outcome take_backwards(struct chunker *chunker,
                                           struct chunk *ret_chunk)
{
    size_t block = chunker->config.block_bytes;
    size_t pending = chunker->end - chunker->start;
    if (pending < block)
        return chunker->ended ? take_counted(chunker, pending, ret_chunk)
                              : CHUNKER_HUNGRY;
    if (chunker->passed < block) {
        size_t end = last_end(chunker, block);
        if (end)
            return take_counted(chunker, end, ret_chunk);
        chunker->passed = block;
    }
    return take_forwards(chunker, ret_chunk); /* one record, longer than the block */
}

enum chunker_outcome chunker_take(struct chunker *chunker, struct chunk *ret_chunk)
{
    if (chunker->stuck)
        return chunker->stuck;
    return chunker->forwards ? take_forwards(chunker, ret_chunk)
                             : take_backwards(chunker, ret_chunk);
}

enum chunker_outcome chunker_take_early(struct chunker *chunker,
                                        struct chunk *ret_chunk)
{
    size_t end = chunker->whole;
    if (chunker->forwards)
        return end ? take_whole(chunker, ret_chunk) : CHUNKER_HUNGRY;
    if (chunker->passed == 0)
        end = last_end(chunker, chunker->end - chunker->start);
    return end ? take_counted(chunker, end, ret_chunk) : CHUNKER_HUNGRY;
}

uint64_t chunker_record_offset(const struct chunker *chunker)
{
    return chunker->offset + chunker->whole;
}

uint64_t chunker_record(const struct chunker *chunker)
{
    return chunker->record + chunker->records;
}

const char *chunker_problem(const struct chunker *chunker)
{
    return chunker->problem;
}

uint64_t chunker_offset(const struct chunker *chunker)
{
    return chunker->offset;
}
