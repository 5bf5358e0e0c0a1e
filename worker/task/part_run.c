/* SPDX-License-Identifier: MIT */
/*
 * Parts run in the order of the records (record_bisect.h), so their results are
 * appended as they come, and one cursor finds all parts. At the end another cursor goes
 * through the chunk once more and finds the bad records.
 */
#include "worker/task/part_run.h"

#include "common/memory.h"
#include "common/records/lines.h"
#include "common/records/record_format_text.h"
#include "common/records/records.h"
#include "worker/task/record_bisect.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOPELESS = 8 }; /* records, all bad, before samples are taken */

struct cursor {
    uint64_t record;
    size_t byte;
};

struct part_run {
    struct record_format format;
    struct slice input;
    struct cursor cursor;
    struct record_bisect *bisect;
    uint64_t offset, record; /* where the chunk begins in the whole input */
    bool probe;
    uint32_t header_out;
    uint64_t max_result;
    struct byte_buffer result;
    struct bad_record *bad; /* valid once it is done */
    uint32_t bad_count;
    bool over, failed;
    enum failure cause; /* valid once it has failed, as are code and text */
    uint32_t code;
    uint8_t text[BAD_TEXT_MAX_BYTES + 160];
    size_t text_size;
};

/* Behind `words`, the end of what the program said. */
static void fail(struct part_run *part_run, enum failure cause, uint32_t code,
                 const char *words, struct slice said)
{
    part_run->over = part_run->failed = true;
    part_run->cause = cause;
    part_run->code = code;
    part_run->text_size = strlen(words);
    memcpy(part_run->text, words, part_run->text_size);
    if (said.size)
        memcpy(part_run->text + part_run->text_size, said.data, said.size);
    part_run->text_size += said.size;
}

static void fail_too_large(struct part_run *part_run)
{
    char text[96];
    snprintf(text, sizeof text, "the result is larger than %" PRIu64 " bytes",
             part_run->max_result);
    fail(part_run, FAILURE_TOO_LARGE, 0, text, (struct slice){0});
}

/* The chunk fails as its first record does. */
static void fail_as_first(struct part_run *part_run)
{
    uint32_t count;
    const struct bad_record *bad = record_bisect_bad(part_run->bisect, &count);
    fail(part_run, bad->cause, bad->code, "", bad->text);
}

static void fail_too_many(struct part_run *part_run)
{
    char text[96], how[32] = "";
    uint32_t count;
    const struct bad_record *bad = record_bisect_bad(part_run->bisect, &count);
    if (bad->cause == FAILURE_EXIT)
        snprintf(how, sizeof how, " (exit status %" PRIu32 ")", bad->code);
    else if (bad->cause == FAILURE_SIGNAL)
        snprintf(how, sizeof how, " (signal %" PRIu32 ")", bad->code);
    snprintf(text, sizeof text, "the first is record %" PRIu64 "%s%s",
             part_run->record + bad->record + 1, how, bad->text.size ? ":\n" : "");
    fail(part_run, FAILURE_PROTOCOL, FAILURE_PROTOCOL_TOO_MANY, text, bad->text);
}

static void check_input(struct part_run *part_run, struct slice format,
                        uint64_t records)
{
    char text[128];
    bool known = record_format_parse(format, &part_run->format);
    uint64_t counted = known ? records_count(&part_run->format, part_run->input) : 0;
    if (!known)
        snprintf(text, sizeof text,
                 "the chunk is of a record format that this worker does not know");
    else if (counted != records)
        snprintf(text, sizeof text,
                 "the chunk has %" PRIu64 " records where %" PRIu64 " were announced",
                 counted, records);
    else
        return;
    fail(part_run, FAILURE_PROTOCOL, 0, text, (struct slice){0});
}

struct part_run *part_run_new(const struct message *message, struct slice input,
                              const struct part_run_config *config)
{
    struct part_run *part_run = allocate_zeroed(1, sizeof *part_run);
    struct record_bisect_config bisect = {
        .records = message->isolate.records,
        .except = message->isolate.except,
        .except_count = message->isolate.count,
        .except_is_bad = !message->isolate.probe,
        .tries = message->isolate.tries,
        .hopeless = HOPELESS,
    };
    part_run->input = input;
    part_run->offset = message->isolate.offset;
    part_run->record = message->isolate.record;
    part_run->probe = message->isolate.probe;
    part_run->header_out = config->header_out;
    part_run->max_result = config->max_result;
    part_run->bisect = record_bisect_new(&bisect);
    check_input(part_run, config->format, message->isolate.records);
    return part_run;
}

void part_run_destroy(struct part_run **part_run_p)
{
    struct part_run *part_run = *part_run_p;
    if (!part_run)
        return;
    record_bisect_destroy(&part_run->bisect);
    byte_buffer_deinit(&part_run->result);
    free(part_run->bad);
    free(part_run);
    *part_run_p = NULL;
}

/* The bytes of the records from the cursor on. */
static size_t measure(const struct part_run *part_run, const struct cursor *cursor,
                      uint64_t records)
{
    struct slice rest = {part_run->input.data + cursor->byte,
                         part_run->input.size - cursor->byte};
    return records_size(&part_run->format, rest, records);
}

static struct slice slice_at(const struct part_run *part_run, struct cursor *cursor,
                             struct range records)
{
    cursor->byte += measure(part_run, cursor, records.first - cursor->record);
    cursor->record = records.first;
    return (struct slice){part_run->input.data + cursor->byte,
                          measure(part_run, cursor, records.count)};
}

/* Lists the bad records; their bytes count towards the size of the result. */
static void list_bad(struct part_run *part_run)
{
    const struct bad_record *found =
        record_bisect_bad(part_run->bisect, &part_run->bad_count);
    uint64_t size = part_run->result.size;
    struct cursor cursor = {0};
    part_run->bad = allocate_zeroed(part_run->bad_count, sizeof *part_run->bad);
    for (uint32_t i = 0; i < part_run->bad_count; i++) {
        struct bad_record *bad = &part_run->bad[i];
        struct slice bytes =
            slice_at(part_run, &cursor, (struct range){found[i].record, 1});
        *bad = found[i];
        bad->record += part_run->record;
        bad->offset = part_run->offset + cursor.byte;
        bad->length = bytes.size;
        size += bytes.size;
        if (size > part_run->max_result) {
            fail_too_large(part_run);
            return;
        }
    }
}

static void end(struct part_run *part_run, enum record_bisect_state state)
{
    part_run->over = true;
    if (state == RECORD_BISECT_GAVE_UP)
        fail_too_many(part_run);
    else if (state == RECORD_BISECT_NONE_GOOD)
        fail_as_first(part_run);
    else if (!part_run->probe)
        list_bad(part_run);
}

enum part_run_state part_run_next(struct part_run *part_run, struct slice *ret_input,
                                  uint64_t *ret_records)
{
    struct range records;
    enum record_bisect_state state = RECORD_BISECT_OVER;
    if (!part_run->over)
        state = record_bisect_next(part_run->bisect, &records);
    if (!part_run->over && state != RECORD_BISECT_RUNS)
        end(part_run, state);
    if (part_run->over)
        return part_run->failed ? PART_RUN_FAILED : PART_RUN_DONE;
    struct cursor sample = part_run->cursor;
    *ret_input = slice_at(
        part_run, record_bisect_samples(part_run->bisect) ? &sample : &part_run->cursor,
        records);
    *ret_records = records.count;
    return PART_RUN_RUNS;
}

void part_run_on_done(struct part_run *part_run, const void *result, size_t size)
{
    struct slice bytes = {result, size};
    bool sample = record_bisect_samples(part_run->bisect);
    record_bisect_on_done(part_run->bisect);
    if (part_run->probe || sample)
        return;
    if (part_run->result.size > 0)
        bytes = lines_after(bytes, part_run->header_out);
    if (bytes.size > part_run->max_result ||
        part_run->result.size > part_run->max_result - bytes.size)
        fail_too_large(part_run);
    else
        byte_buffer_append(&part_run->result, bytes.data, bytes.size);
}

void part_run_on_failed(struct part_run *part_run, enum failure cause, uint32_t code,
                        struct slice text)
{
    record_bisect_on_failed(part_run->bisect, cause, code, text);
}

void part_run_take(struct part_run *part_run, zmq_msg_t *ret_message,
                   uint64_t *ret_length, const struct bad_record **ret_bad,
                   uint32_t *ret_count)
{
    *ret_length = part_run->result.size;
    for (uint32_t i = 0; i < part_run->bad_count; i++) {
        const struct bad_record *bad = &part_run->bad[i];
        byte_buffer_append(&part_run->result,
                           part_run->input.data + (bad->offset - part_run->offset),
                           bad->length);
    }
    byte_buffer_take(&part_run->result, ret_message);
    *ret_bad = part_run->bad;
    *ret_count = part_run->bad_count;
}

struct slice part_run_failure(const struct part_run *part_run, enum failure *ret_cause,
                              uint32_t *ret_code)
{
    *ret_cause = part_run->cause;
    *ret_code = part_run->code;
    return (struct slice){part_run->text, part_run->text_size};
}
