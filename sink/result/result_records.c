/* SPDX-License-Identifier: MIT */
/*
 * A result in memory is scanned where it is. A spilled one comes through a window of
 * its bytes, which grows only for a record that is larger.
 */
#include "sink/result/result_records.h"

#include "common/memory.h"
#include "common/records/record_scanner.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_BYTES = 256 << 10, FRAME_HEAD = 4 };

struct result_records {
    struct record_format format;
    struct record_scanner *scanner;
    uint64_t at;        /* in the result: where the next record begins */
    uint8_t *window;    /* of a spilled result: bytes from window_at on */
    size_t window_room; /* allocated */
    size_t window_size; /* filled */
    uint64_t window_at;
};

struct result_records *result_records_new(const struct record_format *format)
{
    struct result_records *records = allocate_zeroed(1, sizeof *records);
    records->format = *format;
    records->scanner = record_scanner_new(format);
    return records;
}

void result_records_destroy(struct result_records **records_p)
{
    struct result_records *records = *records_p;
    if (!records)
        return;
    record_scanner_destroy(&records->scanner);
    free(records->window);
    free(records);
    *records_p = NULL;
}

void result_records_restart(struct result_records *records)
{
    record_scanner_restart(records->scanner);
    records->at = 0;
    records->window_at = 0;
    records->window_size = 0;
}

/* ---- a window of a spilled result ---- */

/* Bytes before the next record are needed no more. */
static void slide(struct result_records *records)
{
    size_t passed = (size_t)(records->at - records->window_at);
    if (passed == 0)
        return;
    records->window_size -= passed;
    memmove(records->window, records->window + passed, records->window_size);
    records->window_at = records->at;
}

/* Reads more of the result, of which some is left. 0 or -errno. */
static int load_more(struct result_records *records, const struct result *result)
{
    slide(records);
    if (records->window_size == records->window_room) {
        records->window_room = records->window_room > 0 ? records->window_room * 2
                                                        : WINDOW_BYTES;
        records->window = reallocate(records->window, records->window_room, 1);
    }
    uint64_t from = records->window_at + records->window_size;
    uint64_t left = result_size(result) - from;
    size_t size = records->window_room - records->window_size;
    if (size > left)
        size = (size_t)left;
    int error = result_read(result, from, records->window + records->window_size, size);
    if (error == 0)
        records->window_size += size;
    return error;
}

/* What is at hand of the bytes from the next record on. */
static struct slice bytes_at_hand(const struct result_records *records,
                                  const struct result *result, bool *ret_ended)
{
    struct slice bytes;
    if (result_spilled(result)) {
        size_t passed = (size_t)(records->at - records->window_at);
        bytes = (struct slice){records->window + passed, records->window_size - passed};
    } else {
        bytes = result_bytes(result);
        bytes.data += records->at;
        bytes.size -= (size_t)records->at;
    }
    *ret_ended = records->at + bytes.size == result_size(result);
    return bytes;
}

/* ---- records ---- */

static struct slice without_end(struct slice record, const uint8_t *end, size_t size)
{
    if (record.size >= size && memcmp(record.data + record.size - size, end, size) == 0)
        record.size -= size;
    return record;
}

static struct slice without_border(const struct record_format *format,
                                   struct slice record)
{
    switch (format->kind) {
    case RECORDS_LINES:
        return without_end(record, format->end, format->end_size);
    case RECORDS_CSV: {
        struct slice row = without_end(record, (const uint8_t *)"\n", 1);
        return row.size < record.size ? without_end(row, (const uint8_t *)"\r", 1)
                                      : row;
    }
    case RECORDS_FRAMES:
        return (struct slice){record.data + FRAME_HEAD, record.size - FRAME_HEAD};
    case RECORDS_FASTA:
    case RECORDS_FASTQ:
    case RECORDS_FIXED:
    case RECORDS_WHOLE:
    case RECORDS_MARKED:
        break;
    }
    return record;
}

int result_records_next(struct result_records *records, const struct result *result,
                        struct slice *ret_record)
{
    bool ended;
    size_t size;
    if (records->at == result_size(result))
        return 0;
    for (;;) {
        struct slice bytes = bytes_at_hand(records, result, &ended);
        enum record_outcome outcome =
            record_scanner_next(records->scanner, bytes, ended, &size);
        if (outcome == RECORD_BROKEN)
            return -EBADMSG;
        if (outcome == RECORD_OPEN && !ended) {
            int error = load_more(records, result);
            if (error < 0)
                return error;
            continue;
        }
        if (outcome == RECORD_OPEN)
            size = bytes.size;
        *ret_record =
            without_border(&records->format, (struct slice){bytes.data, size});
        records->at += size;
        return 1;
    }
}
