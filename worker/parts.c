/* SPDX-License-Identifier: MIT */
/*
 * What is run comes in the order of the records (isolation.h), so results are appended
 * as they come, and one cursor finds all parts. At the end another goes through
 * the chunk once more and finds the bad records.
 */
#include "worker/parts.h"

#include "common/lines.h"
#include "common/memory.h"
#include "common/records.h"
#include "worker/isolation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
    uint64_t record;
    size_t byte;
};

struct parts {
    struct record_format format;
    struct slice input;
    struct cursor cursor;
    struct isolation *isolation;
    uint64_t offset, record; /* of the chunk, in the input */
    bool probe;
    uint32_t header_out;
    uint64_t max_result;
    struct result result;
    struct bad_record *bad; /* valid once it is done */
    uint32_t bad_count;
    bool over; /* done or failed; it has failed if there is a text */
    enum failure how;
    char text[160];
};

static void fail(struct parts *parts, enum failure how)
{
    parts->over = true;
    parts->how = how;
}

static void fail_too_large(struct parts *parts)
{
    snprintf(parts->text, sizeof parts->text,
             "the result is larger than %" PRIu64 " bytes", parts->max_result);
    fail(parts, FAILURE_TOO_LARGE);
}

static void check(struct parts *parts, struct slice format, uint64_t records)
{
    bool known = record_format_parse(format, &parts->format);
    uint64_t counted = known ? records_count(&parts->format, parts->input) : 0;
    if (!known)
        snprintf(parts->text, sizeof parts->text,
                 "the chunk is of a record format that this worker does not know");
    else if (counted != records)
        snprintf(parts->text, sizeof parts->text,
                 "the chunk has %" PRIu64 " records where %" PRIu64 " were announced",
                 counted, records);
    else
        return;
    fail(parts, FAILURE_PROTOCOL);
}

struct parts *parts_new(const struct message *message, struct slice input,
                        const struct parts_config *config)
{
    struct parts *parts = allocate_zeroed(1, sizeof *parts);
    struct isolation_config isolation = {
        .records = message->isolate.records,
        .except = message->isolate.except,
        .except_count = message->isolate.count,
        .except_is_bad = !message->isolate.probe,
        .tries = message->isolate.tries,
    };
    parts->input = input;
    parts->offset = message->isolate.offset;
    parts->record = message->isolate.record;
    parts->probe = message->isolate.probe;
    parts->header_out = config->header_out;
    parts->max_result = config->max_result;
    parts->isolation = isolation_new(&isolation);
    check(parts, config->format, message->isolate.records);
    return parts;
}

void parts_destroy(struct parts **parts_p)
{
    struct parts *parts = *parts_p;
    if (!parts)
        return;
    isolation_destroy(&parts->isolation);
    result_deinit(&parts->result);
    free(parts->bad);
    free(parts);
    *parts_p = NULL;
}

/* The bytes of the records from the cursor on. */
static size_t measure(const struct parts *parts, const struct cursor *cursor,
                      uint64_t records)
{
    struct slice rest = {parts->input.data + cursor->byte,
                         parts->input.size - cursor->byte};
    return records_size(&parts->format, rest, records);
}

static struct slice slice_at(const struct parts *parts, struct cursor *cursor,
                             struct range records)
{
    cursor->byte += measure(parts, cursor, records.first - cursor->record);
    cursor->record = records.first;
    return (struct slice){parts->input.data + cursor->byte,
                          measure(parts, cursor, records.count)};
}

/* Names the bad ones; they count towards the size of the result. */
static void name_bad(struct parts *parts)
{
    const struct bad_record *found = isolation_bad(parts->isolation, &parts->bad_count);
    uint64_t size = parts->result.size;
    struct cursor cursor = {0};
    parts->bad = allocate_zeroed(parts->bad_count, sizeof *parts->bad);
    for (uint32_t i = 0; i < parts->bad_count; i++) {
        struct bad_record *bad = &parts->bad[i];
        struct slice bytes =
            slice_at(parts, &cursor, (struct range){found[i].record, 1});
        *bad = found[i];
        bad->record += parts->record;
        bad->offset = parts->offset + cursor.byte;
        bad->length = bytes.size;
        size += bytes.size;
        if (size > parts->max_result) {
            fail_too_large(parts);
            return;
        }
    }
}

static void end(struct parts *parts, enum isolation_state state)
{
    parts->over = true;
    if (state == ISOLATION_GAVE_UP) {
        snprintf(parts->text, sizeof parts->text,
                 "more than %d records of the chunk are bad", BAD_MAX);
        fail(parts, FAILURE_PROTOCOL);
    } else if (!parts->probe) {
        name_bad(parts);
    }
}

enum parts_state parts_next(struct parts *parts, struct slice *ret_input,
                            uint64_t *ret_records)
{
    struct range records;
    enum isolation_state state = ISOLATION_OVER;
    if (!parts->over)
        state = isolation_next(parts->isolation, &records);
    if (!parts->over && state != ISOLATION_RUNS)
        end(parts, state);
    if (parts->over)
        return *parts->text ? PARTS_FAILED : PARTS_DONE;
    *ret_input = slice_at(parts, &parts->cursor, records);
    *ret_records = records.count;
    return PARTS_RUN;
}

void parts_on_done(struct parts *parts, const void *result, size_t size)
{
    struct slice bytes = {result, size};
    isolation_on_done(parts->isolation);
    if (parts->probe)
        return;
    if (parts->result.size > 0)
        bytes = lines_after(bytes, parts->header_out);
    if (bytes.size > parts->max_result ||
        parts->result.size > parts->max_result - bytes.size)
        fail_too_large(parts);
    else
        result_append(&parts->result, bytes.data, bytes.size);
}

void parts_on_failed(struct parts *parts, enum failure how, uint32_t code,
                     struct slice text)
{
    isolation_on_failed(parts->isolation, how, code, text);
}

void parts_take(struct parts *parts, zmq_msg_t *ret_message, uint64_t *ret_length,
                const struct bad_record **ret_bad, uint32_t *ret_count)
{
    *ret_length = parts->result.size;
    for (uint32_t i = 0; i < parts->bad_count; i++) {
        const struct bad_record *bad = &parts->bad[i];
        result_append(&parts->result, parts->input.data + (bad->offset - parts->offset),
                      bad->length);
    }
    result_take(&parts->result, ret_message);
    *ret_bad = parts->bad;
    *ret_count = parts->bad_count;
}

struct slice parts_failure(const struct parts *parts, enum failure *ret_how)
{
    *ret_how = parts->how;
    return slice_of_text(parts->text);
}
