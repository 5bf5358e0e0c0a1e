/* SPDX-License-Identifier: MIT */
/* Whatever ends a record is the end of one text: of "\r\n", or of the format's end. So
 * its size tells it. */
#include "common/records/record_seam.h"

#include "common/memory.h"
#include "common/records/byte_order_mark.h"
#include "common/records/csv_scanner.h"
#include "common/records/record_scanner.h"
#include <stdlib.h>
#include <string.h>

static const uint8_t newline[] = {'\r', '\n'};

/* ---- ends by a newline ---- */

static bool ends_with(struct slice bytes, uint8_t byte)
{
    return bytes.size > 0 && bytes.data[bytes.size - 1] == byte;
}

static bool is_by_newline(const struct record_format *format)
{
    bool by_text = format->end_size > 0 && !format->regexp;
    return !by_text || (format->kind == RECORDS_LINES && format->end_size == 1 &&
                        format->end[0] == '\n');
}

/* Whether the newline before the end of these bytes is "\r\n"; of a row of csv it may
 * be one in quotes. */
static bool has_returns(const struct record_format *format, struct slice record,
                        struct slice before)
{
    const uint8_t *last =
        format->kind == RECORDS_CSV ? NULL : memrchr(record.data, '\n', record.size);
    if (last)
        return last > record.data && last[-1] == '\r';
    return before.size == 2 && memcmp(before.data, newline, 2) == 0;
}

static int newline_size(const struct record_format *format, struct slice record,
                        struct slice before)
{
    return !ends_with(record, '\r') && has_returns(format, record, before) ? 2 : 1;
}

/* ---- ends by a text or an expression ---- */

/* What follows the last end in the record. */
static struct slice after_last_end(const struct record_format *ends,
                                   struct slice record)
{
    struct record_scanner *scanner = record_scanner_new(ends);
    size_t size;
    while (record.size > 0 &&
           record_scanner_next(scanner, record, true, &size) == RECORD_WHOLE) {
        record.data += size;
        record.size -= size;
    }
    record_scanner_destroy(&scanner);
    return record;
}

/* The longest beginning of an end that the rest ends with counts. */
static int lacking_of_end(const struct record_format *format, struct slice rest)
{
    size_t has = format->end_size - 1 < rest.size ? format->end_size - 1 : rest.size;
    while (has > 0 && memcmp(rest.data + rest.size - has, format->end, has) != 0)
        has--;
    return rest.size > 0 ? (int)(format->end_size - has) : 0;
}

static int end_by_text(const struct record_format *format, struct slice record)
{
    struct record_format ends = *format;
    ends.kind = RECORDS_LINES;
    ends.lines = 1;
    ends.start_size = 0;
    return lacking_of_end(format, after_last_end(&ends, record));
}

/* Whether a scanner finds the end of a record, and there the end of all, once a newline
 * follows. */
static enum record_outcome try_newline(const struct record_format *format,
                                       struct slice record, int size, bool *ret_all)
{
    struct slice more = record_seam_bytes(format, (size_t)size);
    uint8_t *bytes = allocate(record.size + more.size);
    struct slice whole = {bytes, record.size + more.size};
    struct record_scanner *scanner = record_scanner_new(format);
    size_t found = 0;
    memcpy(mempcpy(bytes, record.data, record.size), more.data, more.size);
    enum record_outcome outcome = record_scanner_next(scanner, whole, true, &found);
    *ret_all = outcome == RECORD_WHOLE && found == whole.size;
    record_scanner_destroy(&scanner);
    free(bytes);
    return outcome;
}

static int end_by_expression(const struct record_format *format, struct slice record,
                             struct slice before, const char **ret_problem)
{
    struct record_format ends = *format;
    bool all;
    ends.start_size = 0;
    struct slice rest = after_last_end(&ends, record);
    if (rest.size == 0)
        return 0;
    int size = newline_size(format, record, before);
    if (!ends_with(rest, '\n') &&
        try_newline(&ends, rest, size, &all) == RECORD_WHOLE && all)
        return size;
    *ret_problem = "has no end as --recend says, and another input follows, whose "
                   "first record would become part of it: end it in the file, or "
                   "give that file last";
    return -1;
}

static int end_before_start(const struct record_format *format, struct slice record,
                            struct slice before)
{
    bool all;
    bool of_lines = before.size > 0 ? ends_with(before, '\n')
                                    : !memchr(record.data, 0, record.size);
    int size = newline_size(format, record, before);
    if (ends_with(record, '\n') || !of_lines ||
        try_newline(format, record, size, &all) != RECORD_OPEN)
        return 0;
    return size;
}

/* ---- any ---- */

static int end_csv(const struct record_format *format, struct slice record,
                   struct slice before, const char **ret_problem)
{
    struct csv_scanner scanner = CSV_SCANNER_START;
    csv_scanner_find(&scanner, record.data, record.size);
    if (!scanner.inside)
        return newline_size(format, record, before);
    *ret_problem = "is cut short: a quote is never closed, and another input follows";
    return -1;
}

/* Empty lines at the end of the input are no entry. The last line of an entry may be
 * empty, and then lacks nothing but its newline. */
static int end_fastq(const struct record_format *format, struct slice record,
                     struct slice before)
{
    bool is_entry = record.data[0] != '\n' && record.data[0] != '\r';
    if (!is_entry && ends_with(record, '\n'))
        return 0;
    return newline_size(format, record, before);
}

int record_seam(const struct record_format *format, struct slice record,
                struct slice before, const char **ret_problem)
{
    size_t mark = is_by_newline(format) ? byte_order_mark_size(record) : 0;
    record.data += mark;
    record.size -= mark;
    if (record.size == 0)
        return 0;
    switch (format->kind) {
    case RECORDS_LINES:
        return !is_by_newline(format)    ? end_by_text(format, record)
               : ends_with(record, '\n') ? 0
                                         : newline_size(format, record, before);
    case RECORDS_CSV:
        return end_csv(format, record, before, ret_problem);
    case RECORDS_FASTA:
        return ends_with(record, '\n') ? 0 : newline_size(format, record, before);
    case RECORDS_FASTQ:
        return end_fastq(format, record, before);
    case RECORDS_FIXED:
        *ret_problem = "is shorter than --fixed says, and another input follows: fill "
                       "it up, or give that file last";
        return -1;
    case RECORDS_MARKED:
        return !format->end_size ? end_before_start(format, record, before)
               : format->regexp ? end_by_expression(format, record, before, ret_problem)
                                : end_by_text(format, record);
    case RECORDS_FRAMES:
    case RECORDS_WHOLE:
        break;
    }
    return 0;
}

struct slice record_seam_bytes(const struct record_format *format, size_t size)
{
    if (is_by_newline(format))
        return (struct slice){newline + sizeof newline - size, size};
    return (struct slice){format->end + format->end_size - size, size};
}
