/* SPDX-License-Identifier: MIT */
/*
 * Finds the ends of records in one buffer, in one of two ways. Where a chunk is as many
 * records as a block has room for, it looks backwards from the end of the block (one
 * memrchr a chunk; it counts the records afterwards, many bytes at a time). Else it
 * looks forwards, record by record. Backwards is right only if an end is one whatever
 * is before it (ends that can overlap each other are not: "\n\n" in "\n\n\n"), and if
 * no record in a block can be above the limit.
 *
 * A last record that lacks its end counts as a byte longer: when the record fills the
 * block, nobody knows yet whether its end comes. A record that ends where the next one
 * starts lacks none.
 */
#include "ventilator/source/chunker.h"

#include "common/memory.h"
#include "common/records/record_scanner.h"
#include "common/records/record_seam.h"
#include "common/records/records.h"
#include "ventilator/source/chunk_buffer.h"
#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEAM_BEFORE = 2 /* bytes: as record_seam has it */ };

struct chunker {
    struct chunker_config config;
    bool forwards;
    bool ended;
    enum chunker_outcome stuck; /* for good, with the problem; else CHUNKER_CHUNK */
    char problem[320];
    struct chunk_buffer buffer;  /* of the bytes that are not taken */
    uint64_t offset;             /* of the first of them, in the input */
    uint64_t record;             /* number of the first record there */
    uint8_t before[SEAM_BEFORE]; /* the bytes in front of it: before_size at the end */
    size_t before_size;
    bool seam;     /* another input follows, and the last record may lack its end */
    uint8_t added; /* bytes that end it, the last ones in the buffer */

    /* What is known of the bytes after start. */
    size_t whole;                   /* bytes of whole records */
    uint64_t records;               /* in them */
    size_t next;                    /* size of the one that follows; 0: not known */
    struct record_scanner *scanner; /* is in the first one that is not known */
    size_t passed; /* bytes that were searched backwards and have no end */
};

static size_t pending_bytes(const struct chunker *chunker)
{
    return chunker->buffer.end - chunker->buffer.start;
}

struct chunker *chunker_new(const struct chunker_config *config)
{
    assert(config->block_bytes);
    struct chunker *chunker = allocate_zeroed(1, sizeof *chunker);
    chunker->config = *config;
    chunker->scanner = record_scanner_new(&config->format);
    chunker->forwards = config->records ||
                        !records_end_by_themselves(&config->format) ||
                        config->max_record_bytes < config->block_bytes;
    size_t nominal = CHUNK_BUFFER_MIN;
    if (!config->records && config->block_bytes > CHUNK_BUFFER_MIN)
        nominal = config->block_bytes;
    chunk_buffer_init(&chunker->buffer, nominal);
    return chunker;
}

void chunker_destroy(struct chunker **chunker_p)
{
    struct chunker *chunker = *chunker_p;
    if (!chunker)
        return;
    record_scanner_destroy(&chunker->scanner);
    chunk_buffer_deinit(&chunker->buffer);
    free(chunker);
    *chunker_p = NULL;
}

/* Forgets what is known of the records. */
static void scan_again(struct chunker *chunker)
{
    record_scanner_restart(chunker->scanner);
    chunker->whole = chunker->next = chunker->passed = 0;
    chunker->records = 0;
}

/* The bytes that follow those in front of `start`. */
static void note_before(struct chunker *chunker, struct slice bytes)
{
    size_t keep = bytes.size < SEAM_BEFORE ? SEAM_BEFORE - bytes.size : 0;
    size_t fresh = SEAM_BEFORE - keep;
    memmove(chunker->before, chunker->before + SEAM_BEFORE - keep, keep);
    if (fresh > 0)
        memcpy(chunker->before + keep, bytes.data + bytes.size - fresh, fresh);
    chunker->before_size += fresh;
    if (chunker->before_size > SEAM_BEFORE)
        chunker->before_size = SEAM_BEFORE;
}

void chunker_start(struct chunker *chunker, uint64_t offset, uint64_t record,
                   struct slice before)
{
    assert(pending_bytes(chunker) == 0);
    chunker->ended = chunker->seam = false;
    chunker->offset = offset;
    chunker->record = record;
    chunker->before_size = 0;
    note_before(chunker, before);
    scan_again(chunker);
}

/* Only forwards is right where the limit of a record is below the block. */
void chunker_set_block(struct chunker *chunker, uint64_t block_bytes)
{
    struct chunker_config *config = &chunker->config;
    assert(block_bytes);
    config->block_bytes = block_bytes;
    if (!config->records)
        chunker->buffer.nominal = block_bytes > CHUNK_BUFFER_MIN ? block_bytes
                                                                 : CHUNK_BUFFER_MIN;
    bool forwards = config->records || !records_end_by_themselves(&config->format) ||
                    config->max_record_bytes < block_bytes;
    if (forwards != chunker->forwards ||
        (!config->records && chunker->whole > block_bytes))
        scan_again(chunker);
    chunker->forwards = forwards;
}

void *chunker_room(struct chunker *chunker, size_t *ret_size)
{
    return chunk_buffer_room(&chunker->buffer, ret_size);
}

void chunker_on_bytes(struct chunker *chunker, size_t size)
{
    struct chunk_buffer *buffer = &chunker->buffer;
    assert(!chunker->ended && size <= buffer->capacity - buffer->end);
    buffer->end += size;
}

void chunker_on_end(struct chunker *chunker, bool follows)
{
    chunker->ended = true;
    chunker->seam = follows;
}

static enum chunker_outcome cut(struct chunker *chunker, size_t length,
                                uint64_t records, struct chunk *ret_chunk)
{
    struct slice pending = chunk_buffer_bytes(&chunker->buffer);
    *ret_chunk = (struct chunk){
        .offset = chunker->offset,
        .length = length,
        .added = length == pending.size ? chunker->added : 0,
        .first_record = chunker->record,
        .records = records,
    };
    note_before(chunker, (struct slice){pending.data, length});
    /* Chunks of so many records may all be longer than the block. */
    chunk_buffer_take(&chunker->buffer, length, chunker->config.records > 0,
                      &ret_chunk->bytes);
    chunker->offset += chunk_input_length(ret_chunk);
    chunker->added -= ret_chunk->added;
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
    size_t pending = pending_bytes(chunker);
    return pending ? cut(chunker, pending, records, ret_chunk) : CHUNKER_ENDED;
}

static enum chunker_outcome take_whole(struct chunker *chunker, struct chunk *ret_chunk)
{
    return cut(chunker, chunker->whole, chunker->records, ret_chunk);
}

/* Hands out the whole records before it first. */
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
                 ? "; perhaps a quote is never closed"
                 : "");
    return stop_at_record(chunker, CHUNKER_TOO_LONG, words, ret_chunk);
}

/* From the first record on that is not known to be whole. */
static struct slice behind_whole(const struct chunker *chunker)
{
    struct slice bytes = chunk_buffer_bytes(&chunker->buffer);
    return (struct slice){bytes.data + chunker->whole, bytes.size - chunker->whole};
}

/* Scans the first record that is not known to be whole. Whole: `next` is its size. */
static enum record_outcome find_next(struct chunker *chunker)
{
    return chunker->next ? RECORD_WHOLE
                         : record_scanner_next(chunker->scanner, behind_whole(chunker),
                                               chunker->ended, &chunker->next);
}

/* Bytes of a record whose end is not known: so many as are here, or as it announces.
 * `least`: where it ends at the earliest, which may be before the last byte here. */
static uint64_t open_bytes(const struct chunker *chunker, size_t least)
{
    uint64_t here = behind_whole(chunker).size;
    uint64_t announced = record_scanner_announced(chunker->scanner);
    uint64_t sure = least < here ? least : here;
    return announced > sure ? announced : sure;
}

/* Whether the chunk ends before a record that ends at `end`, or beyond. */
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

/* ---- the seam with the next input ---- */

/* The bytes in front of the first record that is not known to be whole. */
static struct slice bytes_before(const struct chunker *chunker)
{
    const uint8_t *bytes = chunk_buffer_bytes(&chunker->buffer).data;
    if (chunker->whole >= SEAM_BEFORE)
        return (struct slice){bytes + chunker->whole - SEAM_BEFORE, SEAM_BEFORE};
    if (chunker->whole > 0)
        return (struct slice){bytes, chunker->whole};
    return (struct slice){chunker->before + SEAM_BEFORE - chunker->before_size,
                          chunker->before_size};
}

/* The input has ended, another follows, and `whole` bytes are whole records: ends the
 * one behind them. False: it is broken, and `ret_problem` says why. */
static bool close_seam(struct chunker *chunker, const char **ret_problem)
{
    const struct record_format *format = &chunker->config.format;
    struct slice open = behind_whole(chunker);
    int size = 0;
    if (open.size > 0)
        size = record_seam(format, open, bytes_before(chunker), ret_problem);
    chunker->seam = false;
    if (size > 0)
        chunk_buffer_add(&chunker->buffer, record_seam_bytes(format, (size_t)size));
    if (size > 0)
        record_scanner_restart(chunker->scanner);
    chunker->added = size > 0 ? (uint8_t)size : 0;
    return size >= 0;
}

/* ---- forwards ---- */

static enum chunker_outcome take_forwards(struct chunker *chunker,
                                          struct chunk *ret_chunk);

/* The end of the record that follows the whole ones is not known. */
static enum chunker_outcome take_open(struct chunker *chunker, struct chunk *ret_chunk)
{
    size_t pending = pending_bytes(chunker);
    size_t least = record_scanner_least_end(chunker->scanner, pending - chunker->whole,
                                            chunker->ended);
    if (is_full_before(chunker, chunker->whole + least))
        return take_whole(chunker, ret_chunk);
    if (open_bytes(chunker, least) > chunker->config.max_record_bytes)
        return refuse_size(chunker, ret_chunk);
    if (!chunker->ended)
        return CHUNKER_HUNGRY;
    if (chunker->seam) {
        const char *problem;
        return close_seam(chunker, &problem)
                   ? take_forwards(chunker, ret_chunk)
                   : stop_at_record(chunker, CHUNKER_BROKEN, problem, ret_chunk);
    }
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
    /* A frame that is cut short is refused as if it had come in pieces. */
    if (record_scanner_announced(chunker->scanner) > chunker->config.max_record_bytes)
        return refuse_size(chunker, ret_chunk);
    return stop_at_record(chunker, CHUNKER_BROKEN,
                          record_scanner_problem(chunker->scanner), ret_chunk);
}

/* ---- backwards ---- */

/* The end of the last record in the first `size` bytes, 0 where there is none. */
static size_t last_end(const struct chunker *chunker, size_t size)
{
    const struct record_format *format = &chunker->config.format;
    const uint8_t *data = chunk_buffer_bytes(&chunker->buffer).data;
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
    struct slice bytes = {chunk_buffer_bytes(&chunker->buffer).data, size};
    uint64_t records = records_count(&chunker->config.format, bytes);
    scan_again(chunker);
    return size ? cut(chunker, size, records, ret_chunk) : CHUNKER_ENDED;
}

static enum chunker_outcome take_backwards(struct chunker *chunker,
                                           struct chunk *ret_chunk);

/* The input has ended, and the rest is less than a block. */
static enum chunker_outcome take_last(struct chunker *chunker, struct chunk *ret_chunk)
{
    const struct record_format *format = &chunker->config.format;
    const char *problem;
    size_t pending = pending_bytes(chunker);
    if (!chunker->seam)
        return take_counted(chunker, pending, ret_chunk);
    chunker->whole = last_end(chunker, pending);
    chunker->records = records_count(
        format,
        (struct slice){chunk_buffer_bytes(&chunker->buffer).data, chunker->whole});
    if (!close_seam(chunker, &problem))
        return stop_at_record(chunker, CHUNKER_BROKEN, problem, ret_chunk);
    scan_again(chunker);
    return take_backwards(chunker, ret_chunk);
}

static enum chunker_outcome take_backwards(struct chunker *chunker,
                                           struct chunk *ret_chunk)
{
    size_t block = chunker->config.block_bytes;
    size_t pending = pending_bytes(chunker);
    if (pending < block)
        return chunker->ended ? take_last(chunker, ret_chunk) : CHUNKER_HUNGRY;
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
        end = last_end(chunker, pending_bytes(chunker));
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
