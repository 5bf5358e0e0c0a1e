/* SPDX-License-Identifier: MIT */
/*
 * Taking a chunk apart. Ends of one byte are counted many bytes at a time, as a program
 * that numbers records looks at all of its input so; other kinds are searched through,
 * by the search that cut them.
 */
#include "common/records.h"

#include "common/record_search.h"
#include "common/text_search.h"
#include <string.h>

/* A register of bytes, and several at a time, which need not wait for each other. */
enum { LANES = 16, ROWS = 4, STEP = LANES * ROWS, STEPS_MAX = 255 };
enum { STRETCH = STEP * STEPS_MAX };
typedef uint8_t lanes __attribute__((vector_size(LANES)));

static uint64_t sum_lanes(const lanes *sums)
{
    uint64_t sum = 0;
    for (size_t row = 0; row < ROWS; row++)
        for (size_t i = 0; i < LANES; i++)
            sum += sums[row][i];
    return sum;
}

/* At most STEPS_MAX, each of which adds one at most: no lane overflows. Without the
 * pragma gcc keeps the sums in memory, at a third of the speed. */
static uint64_t count_steps(const uint8_t *bytes, size_t steps, uint8_t byte)
{
    lanes sums[ROWS] = {{0}}, wanted = {0}, here;
    wanted += byte;
    for (size_t i = 0; i < steps; i++, bytes += STEP)
#pragma GCC unroll 4
        for (size_t row = 0; row < ROWS; row++) {
            memcpy(&here, bytes + row * LANES, LANES);
            sums[row] -= (lanes)(here == wanted); /* all bits where it is: -1 */
        }
    return sum_lanes(sums);
}

static uint64_t count_byte(const uint8_t *bytes, size_t size, uint8_t byte)
{
    uint64_t count = 0;
    while (size >= STEP) {
        size_t steps = size / STEP < STEPS_MAX ? size / STEP : STEPS_MAX;
        count += count_steps(bytes, steps, byte);
        bytes += steps * STEP;
        size -= steps * STEP;
    }
    for (size_t i = 0; i < size; i++)
        count += bytes[i] == byte;
    return count;
}

/* Where an end's rarest byte is. */
static size_t end_anchor(const struct record_format *format)
{
    return text_search_anchor(format->end, format->end_size);
}

/* The byte after the first end; NULL: there is none. */
static const uint8_t *next_end(const struct record_format *format, size_t anchor,
                               const uint8_t *bytes, size_t size)
{
    const uint8_t *end =
        text_search(bytes, size, format->end, format->end_size, anchor);
    return end != NULL ? end + format->end_size : NULL;
}

/* Lines in the bytes, the last of which may lack its end. */
static uint64_t count_lines(const struct record_format *format, struct slice bytes)
{
    uint64_t count = 0;
    if (bytes.size == 0)
        return 0;
    if (format->end_size == 1)
        return count_byte(bytes.data, bytes.size, format->end[0]) +
               (bytes.data[bytes.size - 1] != format->end[0] ? 1 : 0);
    const uint8_t *at = bytes.data, *limit = bytes.data + bytes.size, *end;
    size_t anchor = end_anchor(format);
    while (at < limit &&
           (end = next_end(format, anchor, at, (size_t)(limit - at))) != NULL) {
        at = end;
        count++;
    }
    return count + (at < limit ? 1 : 0);
}

static uint64_t round_up(uint64_t number, uint64_t unit)
{
    return number / unit + (number % unit > 0 ? 1 : 0);
}

/* The size of the first `*count` records, or of all; how many they are. What is open or
 * broken in the end counts as one. */
static size_t search_through(const struct record_format *format, struct slice bytes,
                             uint64_t *count)
{
    struct record_search *search = record_search_new(format);
    uint64_t found = 0;
    size_t at = 0, size;
    while (found < *count && at < bytes.size) {
        struct slice rest = {bytes.data + at, bytes.size - at};
        if (record_search_next(search, rest, true, &size) != RECORD_WHOLE)
            size = rest.size;
        at += size;
        found++;
    }
    record_search_destroy(&search);
    *count = found;
    return at;
}

uint64_t records_count(const struct record_format *format, struct slice bytes)
{
    uint64_t count = UINT64_MAX;
    if (format->kind == RECORDS_LINES)
        return round_up(count_lines(format, bytes), format->lines);
    if (format->kind == RECORDS_FIXED)
        return round_up(bytes.size, format->size);
    search_through(format, bytes, &count);
    return count;
}

/* Bytes at the front that end before the last of `*lines` ends, which are then as many
 * fewer as lie in them. */
static size_t skip_stretches(const struct record_format *format, struct slice bytes,
                             uint64_t *lines)
{
    size_t at = 0;
    while (format->end_size == 1 && bytes.size - at >= STRETCH) {
        uint64_t here = count_byte(bytes.data + at, STRETCH, format->end[0]);
        if (here >= *lines)
            break;
        *lines -= here;
        at += STRETCH;
    }
    return at;
}

static size_t size_of_lines(const struct record_format *format, struct slice bytes,
                            uint64_t count)
{
    uint64_t lines;
    if (bytes.size == 0)
        return 0;
    if (__builtin_mul_overflow(count, format->lines, &lines))
        return bytes.size;
    const uint8_t *limit = bytes.data + bytes.size;
    const uint8_t *at = bytes.data + skip_stretches(format, bytes, &lines);
    size_t anchor = end_anchor(format);
    for (; lines > 0 && at != NULL && at < limit; lines--)
        at = next_end(format, anchor, at, (size_t)(limit - at));
    return at != NULL ? (size_t)(at - bytes.data) : bytes.size;
}

size_t records_size(const struct record_format *format, struct slice bytes,
                    uint64_t count)
{
    if (count == 0)
        return 0;
    if (format->kind == RECORDS_LINES)
        return size_of_lines(format, bytes, count);
    if (format->kind == RECORDS_FIXED)
        return count < round_up(bytes.size, format->size)
                   ? (size_t)(count * format->size)
                   : bytes.size;
    return search_through(format, bytes, &count);
}
