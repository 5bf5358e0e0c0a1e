/* SPDX-License-Identifier: MIT */
/*
 * Each kind of record has a function that goes on from `seen`, the bytes of the record
 * that it need not look at again, and the little that has to be known of them. All of
 * that is of one record, and cleared after it.
 */
#include "common/record_search.h"

#include "common/memory.h"
#include "common/record_expression.h"
#include "common/record_quotes.h"
#include "common/text_search.h"
#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FASTQ_LINES = 4, FRAME_HEAD = 4 };

/* What is known of an open record. */
struct progress {
    size_t seen;
    size_t line; /* where its last line begins */
    uint64_t lines;
    bool started; /* the start that belongs to it was seen */
    struct record_quotes quotes;
    struct expression_search expression;
};

struct record_search {
    struct record_format format;
    struct record_expression *expression; /* of a format that has one */
    uint8_t border[2 * RECORD_MARK_MAX];  /* end and start */
    size_t border_size;
    size_t border_anchor;
    uint64_t announced;
    char problem[200];
    struct progress progress;
};

static const struct progress nothing = {.quotes = RECORD_QUOTES_START};

struct record_search *record_search_new(const struct record_format *format)
{
    char error[200];
    struct record_search *search = allocate_zeroed(1, sizeof *search);
    search->format = *format;
    search->progress = nothing;
    memcpy(search->border, format->end, format->end_size);
    memcpy(search->border + format->end_size, format->start, format->start_size);
    search->border_size = format->end_size + format->start_size;
    search->border_anchor = text_search_anchor(search->border, search->border_size);
    if (format->kind == RECORDS_MARKED && format->regexp) {
        search->expression = record_expression_new(format, error, sizeof error);
        assert(search->expression);
    }
    return search;
}

void record_search_destroy(struct record_search **search_p)
{
    struct record_search *search = *search_p;
    if (!search)
        return;
    record_expression_destroy(&search->expression);
    free(search);
    *search_p = NULL;
}

void record_search_restart(struct record_search *search)
{
    search->progress = nothing;
    search->announced = 0;
}

__attribute__((format(printf, 2, 3))) static enum record_outcome
break_with(struct record_search *search, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(search->problem, sizeof search->problem, format, arguments);
    va_end(arguments);
    return RECORD_BROKEN;
}

/* The first border that begins at `from` or after, of which none is in what was seen;
 * or the size of the bytes. Of lines it is the end alone. */
static size_t find_border(const struct record_search *search, struct slice bytes,
                          size_t from)
{
    size_t size = search->border_size, seen = search->progress.seen;
    if (seen > from + size - 1)
        from = seen - (size - 1);
    if (from >= bytes.size)
        return bytes.size;
    const uint8_t *found = text_search(bytes.data + from, bytes.size - from,
                                       search->border, size, search->border_anchor);
    return found ? (size_t)(found - bytes.data) : bytes.size;
}

static enum record_outcome find_lines(struct record_search *search, struct slice bytes,
                                      size_t *ret_size)
{
    struct progress *progress = &search->progress;
    for (;;) {
        size_t at = find_border(search, bytes, progress->line);
        progress->seen = at;
        if (at == bytes.size)
            return RECORD_OPEN;
        progress->seen = progress->line = at + search->border_size;
        if (++progress->lines < search->format.lines)
            continue;
        *ret_size = progress->line;
        return RECORD_WHOLE;
    }
}

static enum record_outcome find_csv(struct record_search *search, struct slice bytes,
                                    size_t *ret_size)
{
    struct progress *progress = &search->progress;
    size_t size = record_quotes_find(&progress->quotes, bytes.data + progress->seen,
                                     bytes.size - progress->seen);
    *ret_size = progress->seen + size;
    progress->seen = bytes.size;
    return size ? RECORD_WHOLE : RECORD_OPEN;
}

/* A ">" at a line's beginning, after the record's first byte. */
static size_t next_header(struct slice bytes, size_t from)
{
    const uint8_t *limit = bytes.data + bytes.size, *at = bytes.data + from;
    while (at < limit && (at = memchr(at, '>', (size_t)(limit - at))) != NULL) {
        if (at[-1] == '\n')
            return (size_t)(at - bytes.data);
        at++;
    }
    return bytes.size;
}

static enum record_outcome find_fasta(struct record_search *search, struct slice bytes,
                                      size_t *ret_size)
{
    struct progress *progress = &search->progress;
    if (progress->seen == 0)
        progress->started = bytes.data[progress->seen++] == '>';
    for (;;) {
        size_t at = next_header(bytes, progress->seen);
        progress->seen = at < bytes.size ? at + 1 : at;
        if (at == bytes.size)
            return RECORD_OPEN;
        if (progress->started) {
            *ret_size = at;
            return RECORD_WHOLE;
        }
        progress->started = true;
    }
}

/* Empty lines may be at the end of all. */
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

/* Whether the line that begins in front of the bytes may be the record's next. */
static bool is_fastq_line(const struct progress *progress, struct slice bytes)
{
    if (progress->line >= bytes.size)
        return true;
    if (progress->lines == 0)
        return bytes.data[progress->line] == '@';
    return progress->lines != 2 || bytes.data[progress->line] == '+';
}

/* Bytes of a line of the record, without what ends it. */
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

/* What there is of an entry when the input has ended: all but the last newline, or too
 * little. That of an empty quality may be the last one. */
static enum record_outcome end_fastq(struct record_search *search, struct slice bytes)
{
    static const char *const lacking[FASTQ_LINES] = {
        "",
        "its sequence, its \"+\" and its quality are",
        "its \"+\" and its quality are",
        "its quality is",
    };
    const struct progress *progress = &search->progress;
    uint64_t begun = progress->lines + (progress->line < bytes.size);
    if (progress->lines < FASTQ_LINES - 1)
        return break_with(search, "is cut short: %s missing", lacking[begun]);
    size_t sequence = line_length(bytes, 1), quality = line_length(bytes, 3);
    if (quality >= sequence)
        return RECORD_OPEN;
    if (begun < FASTQ_LINES)
        return break_with(search, "is cut short: %s missing", lacking[begun]);
    return break_with(search,
                      "is cut short: its quality ends after %zu of %zu characters",
                      quality, sequence);
}

static enum record_outcome find_fastq(struct record_search *search, struct slice bytes,
                                      bool ended, size_t *ret_size)
{
    struct progress *progress = &search->progress;
    if (bytes.data[0] == '\n' || bytes.data[0] == '\r') {
        if (is_empty_lines(progress, bytes))
            return RECORD_OPEN;
        return break_with(search, "begins with an empty line, not with \"@\"");
    }
    do {
        if (progress->lines == FASTQ_LINES) {
            *ret_size = progress->line;
            return RECORD_WHOLE;
        }
        if (!is_fastq_line(progress, bytes))
            return progress->lines == 0
                       ? break_with(search, "does not begin with \"@\"")
                       : break_with(search, "has no \"+\" where its third line begins "
                                            "(it must have four)");
    } while (next_line(progress, bytes));
    return ended ? end_fastq(search, bytes) : RECORD_OPEN;
}

static enum record_outcome find_frame(struct record_search *search, struct slice bytes,
                                      bool ended, size_t *ret_size)
{
    const uint8_t *head = bytes.data;
    uint64_t size = FRAME_HEAD;
    if (bytes.size >= FRAME_HEAD)
        size += (uint64_t)head[0] << 24 | (uint64_t)head[1] << 16 |
                (uint64_t)head[2] << 8 | head[3];
    search->announced = size;
    if (bytes.size >= size && bytes.size >= FRAME_HEAD) {
        *ret_size = (size_t)size;
        return RECORD_WHOLE;
    }
    if (!ended)
        return RECORD_OPEN;
    if (bytes.size < FRAME_HEAD)
        return break_with(search,
                          "is cut short: a frame begins with its length, four "
                          "bytes, and %zu are left",
                          bytes.size);
    return break_with(
        search, "is cut short: a frame of %" PRIu64 " bytes, of which %zu are left",
        size, bytes.size);
}

static enum record_outcome find_fixed(struct record_search *search, struct slice bytes,
                                      size_t *ret_size)
{
    search->announced = search->format.size;
    if (bytes.size < search->format.size)
        return RECORD_OPEN;
    *ret_size = (size_t)search->format.size;
    return RECORD_WHOLE;
}

/* Sets where the next start is looked for: after the one that the record begins with.
 * False: there are too few bytes to tell. */
static bool skip_start(struct record_search *search, struct slice bytes, bool ended)
{
    const struct record_format *format = &search->format;
    struct progress *progress = &search->progress;
    size_t common = bytes.size < format->start_size ? bytes.size : format->start_size;
    bool same = memcmp(bytes.data, format->start, common) == 0;
    if (same && common < format->start_size && !ended)
        return false;
    progress->started = true;
    progress->line = same && common == format->start_size ? common : 1;
    return true;
}

static enum record_outcome find_marked(struct record_search *search, struct slice bytes,
                                       bool ended, size_t *ret_size)
{
    const struct record_format *format = &search->format;
    struct progress *progress = &search->progress;
    if (format->end_size == 0 && !progress->started &&
        !skip_start(search, bytes, ended))
        return RECORD_OPEN;
    size_t at = find_border(search, bytes, progress->line);
    progress->seen = bytes.size;
    *ret_size = at + format->end_size;
    return at < bytes.size ? RECORD_WHOLE : RECORD_OPEN;
}

static enum record_outcome find_expression(struct record_search *search,
                                           struct slice bytes, bool ended,
                                           size_t *ret_size)
{
    switch (record_expression_find(search->expression, &search->progress.expression,
                                   bytes, ended, ret_size)) {
    case EXPRESSION_FOUND:
        return RECORD_WHOLE;
    case EXPRESSION_OPEN:
        break;
    case EXPRESSION_FAILED:
        return break_with(search, "%s", record_expression_problem(search->expression));
    }
    return RECORD_OPEN;
}

static enum record_outcome find_end(struct record_search *search, struct slice bytes,
                                    bool ended, size_t *ret_size)
{
    switch (search->format.kind) {
    case RECORDS_LINES:
        return find_lines(search, bytes, ret_size);
    case RECORDS_CSV:
        return find_csv(search, bytes, ret_size);
    case RECORDS_FASTA:
        return find_fasta(search, bytes, ret_size);
    case RECORDS_FASTQ:
        return find_fastq(search, bytes, ended, ret_size);
    case RECORDS_FRAMES:
        return find_frame(search, bytes, ended, ret_size);
    case RECORDS_FIXED:
        return find_fixed(search, bytes, ret_size);
    case RECORDS_WHOLE:
        break;
    case RECORDS_MARKED:
        return search->expression ? find_expression(search, bytes, ended, ret_size)
                                  : find_marked(search, bytes, ended, ret_size);
    }
    return RECORD_OPEN;
}

enum record_outcome record_search_next(struct record_search *search, struct slice bytes,
                                       bool ended, size_t *ret_size)
{
    size_t size;
    if (bytes.size == 0)
        return RECORD_OPEN;
    enum record_outcome outcome = find_end(search, bytes, ended, &size);
    if (outcome == RECORD_WHOLE) {
        record_search_restart(search);
        *ret_size = size;
    }
    return outcome;
}

uint64_t record_search_announced(const struct record_search *search)
{
    return search->announced;
}

size_t record_search_least_end(const struct record_search *search, size_t size,
                               bool ended)
{
    const struct record_format *format = &search->format;
    bool ends_by_next = format->kind == RECORDS_FASTA || format->kind == RECORDS_MARKED;
    if (!ends_by_next)
        return size + 1;
    if (ended || format->kind == RECORDS_FASTA)
        return size;
    if (search->expression)
        return search->progress.expression.from;
    return size >= format->start_size ? size - (format->start_size - 1) : 1;
}

const char *record_search_problem(const struct record_search *search)
{
    return search->problem;
}
