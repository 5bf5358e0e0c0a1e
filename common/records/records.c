/* SPDX-License-Identifier: MIT */
/*
 * Ends of one byte are counted many bytes at a time, because a program that numbers
 * records counts all of its input. Other kinds go through the scanner that cut them.
 */
#include "common/records/records.h"

#include "common/records/byte_search.h"
#include "common/records/record_scanner.h"
#include <string.h>

/* LANES bytes fill a register; ROWS registers do not wait for each other. */
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

/* At most STEPS_MAX steps, each of which adds at most one to a lane: none overflows.
 * Without the pragma gcc keeps the sums in memory, at a third of the speed. */
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

/* The index of the end's rarest byte. */
static size_t end_anchor(const struct record_format *format)
{
    return byte_search_anchor(format->end, format->end_size);
}

/* The byte after the first end; NULL: there is none. */
static const uint8_t *next_end(const struct record_format *format, size_t anchor,
                               const uint8_t *bytes, size_t size)
{
    const uint8_t *end =
        byte_search(bytes, size, format->end, format->end_size, anchor);
    return end != NULL ? end + format->end_size : NULL;
}

/* Counts the lines, the last of which may lack its end. */
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

/* The size of the first *count records, or of all if there are fewer; sets *count to
 * their number. A rest that is open or broken counts as one. */
static size_t search_through(const struct record_format *format, struct slice bytes,
                             uint64_t *count)
{
    struct record_scanner *scanner = record_scanner_new(format);
    uint64_t found = 0;
    size_t at = 0, size;
    while (found < *count && at < bytes.size) {
        struct slice rest = {bytes.data + at, bytes.size - at};
        if (record_scanner_next(scanner, rest, true, &size) != RECORD_WHOLE)
            size = rest.size;
        at += size;
        found++;
    }
    record_scanner_destroy(&scanner);
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

/* Skips whole stretches that lie before the last of *lines ends, and counts *lines down
 * by the ends in them. The bytes skipped. */
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
    for (; lines > 0 && at && at < limit; lines--)
        at = next_end(format, anchor, at, (size_t)(limit - at));
    return at ? (size_t)(at - bytes.data) : bytes.size;
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

/* Whether the end of one occurrence can be the beginning of the next. */
static bool overlaps_itself(const uint8_t *text, size_t size)
{
    for (size_t shift = 1; shift < size; shift++)
        if (memcmp(text, text + shift, size - shift) == 0)
            return true;
    return false;
}

bool records_end_by_themselves(const struct record_format *format)
{
    if (format->kind == RECORDS_FIXED)
        return true;
    return format->kind == RECORDS_LINES && format->lines == 1 &&
           !overlaps_itself(format->end, format->end_size);
}
