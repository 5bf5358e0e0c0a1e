/* SPDX-License-Identifier: MIT */
/*
 * Each kind of record has a function that continues after `seen`, the bytes of the
 * record that it need not look at again, and keeps the little that it must know of them
 * in `struct progress`, which is cleared after each record.
 */
#include "common/records/record_scanner.h"

#include "common/memory.h"
#include "common/records/byte_order_mark.h"
#include "common/records/byte_search.h"
#include "common/records/csv_scanner.h"
#include "common/records/record_regex.h"
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FASTQ_LINES = 4, FRAME_HEAD = 4 };

/* What a scanner knows of an open record. */
struct progress {
    size_t seen;
    size_t line; /* where its last line begins */
    uint64_t lines;
    bool started; /* the start that belongs to it was seen */
    struct csv_scanner csv;
    struct regex_search regex;
};

struct record_scanner {
    struct record_format format;
    struct record_regex *regex;          /* of a format that has one */
    uint8_t border[2 * RECORD_MARK_MAX]; /* end and start */
    size_t border_size;
    size_t border_anchor;
    uint64_t announced;
    char problem[200];
    struct progress progress;
};

static const struct progress nothing = {.csv = CSV_SCANNER_START};

struct record_scanner *record_scanner_new(const struct record_format *format)
{
    char error[200];
    struct record_scanner *scanner = allocate_zeroed(1, sizeof *scanner);
    scanner->format = *format;
    scanner->progress = nothing;
    memcpy(scanner->border, format->end, format->end_size);
    memcpy(scanner->border + format->end_size, format->start, format->start_size);
    scanner->border_size = format->end_size + format->start_size;
    scanner->border_anchor = byte_search_anchor(scanner->border, scanner->border_size);
    if (format->kind == RECORDS_MARKED && format->regexp) {
        scanner->regex = record_regex_new(format, error, sizeof error);
        assert(scanner->regex);
    }
    return scanner;
}

void record_scanner_destroy(struct record_scanner **scanner_p)
{
    struct record_scanner *scanner = *scanner_p;
    if (!scanner)
        return;
    record_regex_destroy(&scanner->regex);
    free(scanner);
    *scanner_p = NULL;
}

void record_scanner_restart(struct record_scanner *scanner)
{
    scanner->progress = nothing;
    scanner->announced = 0;
}

__attribute__((format(printf, 2, 3))) static enum record_outcome
break_with(struct record_scanner *scanner, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(scanner->problem, sizeof scanner->problem, format, arguments);
    va_end(arguments);
    return RECORD_BROKEN;
}

/* The first border that begins at `from` or after it, or the size of the bytes. None
 * lies in the bytes already seen. A border of lines is the end alone. */
static size_t find_border(const struct record_scanner *scanner, struct slice bytes,
                          size_t from)
{
    size_t size = scanner->border_size, seen = scanner->progress.seen;
    if (seen > from + size - 1)
        from = seen - (size - 1);
    if (from >= bytes.size)
        return bytes.size;
    const uint8_t *found = byte_search(bytes.data + from, bytes.size - from,
                                       scanner->border, size, scanner->border_anchor);
    return found ? (size_t)(found - bytes.data) : bytes.size;
}

static enum record_outcome find_lines(struct record_scanner *scanner,
                                      struct slice bytes, size_t *ret_size)
{
    struct progress *progress = &scanner->progress;
    for (;;) {
        size_t at = find_border(scanner, bytes, progress->line);
        progress->seen = at;
        if (at == bytes.size)
            return RECORD_OPEN;
        progress->seen = progress->line = at + scanner->border_size;
        if (++progress->lines < scanner->format.lines)
            continue;
        *ret_size = progress->line;
        return RECORD_WHOLE;
    }
}

static enum record_outcome find_csv(struct record_scanner *scanner, struct slice bytes,
                                    size_t *ret_size)
{
    struct progress *progress = &scanner->progress;
    if (progress->seen == 0)
        progress->seen = byte_order_mark_size(bytes);
    size_t size = csv_scanner_find(&progress->csv, bytes.data + progress->seen,
                                   bytes.size - progress->seen);
    *ret_size = progress->seen + size;
    progress->seen = bytes.size;
    return size ? RECORD_WHOLE : RECORD_OPEN;
}

/* The next ">" at a line's beginning, or behind a byte order mark there, after the
 * record's first byte. */
static size_t next_header(struct slice bytes, size_t from)
{
    const uint8_t *limit = bytes.data + bytes.size, *at = bytes.data + from;
    while (at < limit && (at = memchr(at, '>', (size_t)(limit - at))) != NULL) {
        size_t place = (size_t)(at - bytes.data);
        if (at[-1] == '\n' || byte_order_mark_before(bytes, place))
            return place;
        at++;
    }
    return bytes.size;
}

static enum record_outcome find_fasta(struct record_scanner *scanner,
                                      struct slice bytes, size_t *ret_size)
{
    struct progress *progress = &scanner->progress;
    if (progress->seen == 0) {
        size_t mark = byte_order_mark_size(bytes);
        if (mark == bytes.size)
            return RECORD_OPEN;
        progress->started = bytes.data[mark] == '>';
        progress->seen = mark + 1;
    }
    for (;;) {
        size_t at = next_header(bytes, progress->seen);
        progress->seen = at < bytes.size ? at + 1 : at;
        if (at == bytes.size)
            return RECORD_OPEN;
        if (progress->started) {
            *ret_size = at - byte_order_mark_before(bytes, at);
            return RECORD_WHOLE;
        }
        progress->started = true;
    }
}

/* Whether all bytes are empty lines, which may be at the input's end. */
static bool is_empty_lines(struct progress *progress, struct slice bytes)
{
    while (progress->seen < bytes.size &&
           (bytes.data[progress->seen] == '\n' || bytes.data[progress->seen] == '\r'))
        progress->seen++;
    return progress->seen == bytes.size;
}

static bool next_line(struct progress *progress, struct slice bytes)
{
    const uint8_t *found =
        memchr(bytes.data + progress->seen, '\n', bytes.size - progress->seen);
    progress->seen = found ? (size_t)(found - bytes.data) + 1 : bytes.size;
    if (found) {
        progress->line = progress->seen;
        progress->lines++;
    }
    return found != NULL;
}

/* Whether the line at `line` may be the record's next one. */
static bool is_fastq_line(const struct progress *progress, struct slice bytes)
{
    if (progress->line >= bytes.size)
        return true;
    if (progress->lines == 0)
        return bytes.data[progress->line] == '@';
    return progress->lines != 2 || bytes.data[progress->line] == '+';
}

/* Bytes of a line of the record, without its "\n" or "\r\n". */
static size_t line_length(struct slice bytes, unsigned number)
{
    const uint8_t *at = bytes.data, *limit = bytes.data + bytes.size;
    for (; number > 0; number--)
        at = (const uint8_t *)memchr(at, '\n', (size_t)(limit - at)) + 1;
    const uint8_t *end = memchr(at, '\n', (size_t)(limit - at));
    if (!end)
        end = limit;
    return (size_t)(end - at) - (end > at && end[-1] == '\r');
}

/* The input has ended within an entry. Only the last newline may be missing, which is
 * also all that an empty quality has. */
static enum record_outcome end_fastq(struct record_scanner *scanner, struct slice bytes)
{
    static const char *const lacking[FASTQ_LINES] = {
        "",
        "its sequence, its \"+\" and its quality are",
        "its \"+\" and its quality are",
        "its quality is",
    };
    const struct progress *progress = &scanner->progress;
    uint64_t begun = progress->lines + (progress->line < bytes.size);
    if (progress->lines < FASTQ_LINES - 1)
        return break_with(scanner, "is cut short: %s missing", lacking[begun]);
    size_t sequence = line_length(bytes, 1), quality = line_length(bytes, 3);
    if (quality >= sequence)
        return RECORD_OPEN;
    if (begun < FASTQ_LINES)
        return break_with(scanner, "is cut short: %s missing", lacking[begun]);
    return break_with(scanner,
                      "is cut short: its quality ends after %zu of %zu characters",
                      quality, sequence);
}

static enum record_outcome find_fastq(struct record_scanner *scanner,
                                      struct slice bytes, bool ended, size_t *ret_size)
{
    struct progress *progress = &scanner->progress;
    size_t mark = byte_order_mark_size(bytes);
    if (progress->seen == 0)
        progress->seen = progress->line = mark;
    if (bytes.size == mark)
        return RECORD_OPEN;
    if (bytes.data[mark] == '\n' || bytes.data[mark] == '\r') {
        if (is_empty_lines(progress, bytes))
            return RECORD_OPEN;
        return break_with(scanner, "begins with an empty line, not with \"@\"");
    }
    do {
        if (progress->lines == FASTQ_LINES) {
            *ret_size = progress->line;
            return RECORD_WHOLE;
        }
        if (!is_fastq_line(progress, bytes))
            return progress->lines == 0
                       ? break_with(scanner, "does not begin with \"@\"")
                       : break_with(scanner, "has no \"+\" where its third line begins "
                                             "(it must have four)");
    } while (next_line(progress, bytes));
    return ended ? end_fastq(scanner, bytes) : RECORD_OPEN;
}

static enum record_outcome find_frame(struct record_scanner *scanner,
                                      struct slice bytes, bool ended, size_t *ret_size)
{
    const uint8_t *head = bytes.data;
    uint64_t size = FRAME_HEAD;
    if (bytes.size >= FRAME_HEAD)
        size += (uint64_t)head[0] << 24 | (uint64_t)head[1] << 16 |
                (uint64_t)head[2] << 8 | head[3];
    scanner->announced = size;
    if (bytes.size >= size && bytes.size >= FRAME_HEAD) {
        *ret_size = (size_t)size;
        return RECORD_WHOLE;
    }
    if (!ended)
        return RECORD_OPEN;
    if (bytes.size < FRAME_HEAD)
        return break_with(scanner,
                          "is cut short: a frame begins with its length, four "
                          "bytes, and %zu are left",
                          bytes.size);
    return break_with(
        scanner, "is cut short: a frame of %" PRIu64 " bytes, of which %zu are left",
        size, bytes.size);
}

static enum record_outcome find_fixed(struct record_scanner *scanner,
                                      struct slice bytes, size_t *ret_size)
{
    scanner->announced = scanner->format.size;
    if (bytes.size < scanner->format.size)
        return RECORD_OPEN;
    *ret_size = (size_t)scanner->format.size;
    return RECORD_WHOLE;
}

/* The search for the next start begins after the one that the record begins with.
 * False: there are too few bytes to tell. */
static bool skip_start(struct record_scanner *scanner, struct slice bytes, bool ended)
{
    const struct record_format *format = &scanner->format;
    struct progress *progress = &scanner->progress;
    size_t mark = byte_order_mark_size(bytes), left = bytes.size - mark;
    size_t common = left < format->start_size ? left : format->start_size;
    bool same = memcmp(bytes.data + mark, format->start, common) == 0;
    if (same && common < format->start_size && !ended)
        return false;
    progress->started = true;
    progress->line = same && common == format->start_size ? mark + common : 1;
    return true;
}

static enum record_outcome find_marked(struct record_scanner *scanner,
                                       struct slice bytes, bool ended, size_t *ret_size)
{
    const struct record_format *format = &scanner->format;
    struct progress *progress = &scanner->progress;
    if (format->end_size == 0 && !progress->started &&
        !skip_start(scanner, bytes, ended))
        return RECORD_OPEN;
    size_t at = find_border(scanner, bytes, progress->line);
    progress->seen = bytes.size;
    *ret_size = at + format->end_size;
    return at < bytes.size ? RECORD_WHOLE : RECORD_OPEN;
}

static enum record_outcome find_regex(struct record_scanner *scanner,
                                      struct slice bytes, bool ended, size_t *ret_size)
{
    size_t mark = byte_order_mark_size(bytes);
    struct slice text = {bytes.data + mark, bytes.size - mark};
    if (text.size == 0)
        return RECORD_OPEN;
    switch (record_regex_find(scanner->regex, &scanner->progress.regex, text, ended,
                              ret_size)) {
    case REGEX_FOUND:
        *ret_size += mark;
        return RECORD_WHOLE;
    case REGEX_OPEN:
        break;
    case REGEX_FAILED:
        return break_with(scanner, "%s", record_regex_problem(scanner->regex));
    }
    return RECORD_OPEN;
}

static enum record_outcome find_end(struct record_scanner *scanner, struct slice bytes,
                                    bool ended, size_t *ret_size)
{
    switch (scanner->format.kind) {
    case RECORDS_LINES:
        return find_lines(scanner, bytes, ret_size);
    case RECORDS_CSV:
        return find_csv(scanner, bytes, ret_size);
    case RECORDS_FASTA:
        return find_fasta(scanner, bytes, ret_size);
    case RECORDS_FASTQ:
        return find_fastq(scanner, bytes, ended, ret_size);
    case RECORDS_FRAMES:
        return find_frame(scanner, bytes, ended, ret_size);
    case RECORDS_FIXED:
        return find_fixed(scanner, bytes, ret_size);
    case RECORDS_WHOLE:
        break;
    case RECORDS_MARKED:
        return scanner->regex ? find_regex(scanner, bytes, ended, ret_size)
                              : find_marked(scanner, bytes, ended, ret_size);
    }
    return RECORD_OPEN;
}

enum record_outcome record_scanner_next(struct record_scanner *scanner,
                                        struct slice bytes, bool ended,
                                        size_t *ret_size)
{
    size_t size;
    if (bytes.size == 0 || (!ended && byte_order_mark_is_passed(&scanner->format) &&
                            byte_order_mark_is_open(bytes)))
        return RECORD_OPEN;
    enum record_outcome outcome = find_end(scanner, bytes, ended, &size);
    if (outcome == RECORD_WHOLE) {
        record_scanner_restart(scanner);
        *ret_size = size;
    }
    return outcome;
}

uint64_t record_scanner_announced(const struct record_scanner *scanner)
{
    return scanner->announced;
}

size_t record_scanner_least_end(const struct record_scanner *scanner, size_t size,
                                bool ended)
{
    const struct record_format *format = &scanner->format;
    switch (format->kind) {
    case RECORDS_LINES:
    case RECORDS_CSV:
    case RECORDS_FASTQ:
    case RECORDS_FRAMES:
    case RECORDS_FIXED:
    case RECORDS_WHOLE:
        return size + 1;
    case RECORDS_FASTA:
    case RECORDS_MARKED:
        break;
    }
    if (ended)
        return size;
    if (format->kind == RECORDS_FASTA) /* the next one may begin by a mark here */
        return size > BYTE_ORDER_MARK_SIZE ? size - BYTE_ORDER_MARK_SIZE : 1;
    if (scanner->regex)
        return scanner->progress.regex.from;
    return size >= format->start_size ? size - (format->start_size - 1) : 1;
}

const char *record_scanner_problem(const struct record_scanner *scanner)
{
    return scanner->problem;
}
