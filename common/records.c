/* SPDX-License-Identifier: MIT */
/*
 * Ends of records. An end is looked for from where the last one ended, so that two
 * never share a byte: "\n\n" is once in "\n\n\n". Ends of one byte are counted many
 * bytes at a time, as a program that numbers records looks at all of its input so.
 */
#include "common/records.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct record_format lines_format = RECORD_FORMAT_DEFAULT;

void record_format_print(const struct record_format *format,
                         char text[NAME_MAX_BYTES + 1])
{
    int used =
        snprintf(text, NAME_MAX_BYTES + 1, "lines=%" PRIu64 " end=", format->lines);
    for (size_t i = 0; i < format->end_size; i++)
        used += snprintf(text + used, (size_t)(NAME_MAX_BYTES + 1 - used), "%02x",
                         format->end[i]);
}

static bool skip_word(struct slice *text, const char *word)
{
    size_t size = strlen(word);
    if (text->size < size || memcmp(text->data, word, size) != 0)
        return false;
    text->data += size;
    text->size -= size;
    return true;
}

static bool skip_number(struct slice *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9'; i++)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, text->data[i] - '0', &number))
            return false;
    text->data += i;
    text->size -= i;
    *ret_number = number;
    return i > 0;
}

static bool parse_digit(uint8_t digit, uint8_t *ret_value)
{
    if (digit >= '0' && digit <= '9')
        *ret_value = (uint8_t)(digit - '0');
    else if (digit >= 'a' && digit <= 'f')
        *ret_value = (uint8_t)(digit - 'a' + 10);
    else
        return false;
    return true;
}

static bool parse_hex(struct slice text, struct record_format *format)
{
    uint8_t high, low;
    format->end_size = text.size / 2;
    if (text.size % 2 != 0 || format->end_size < 1 || format->end_size > RECORD_END_MAX)
        return false;
    for (size_t i = 0; i < format->end_size; i++) {
        if (!parse_digit(text.data[2 * i], &high) ||
            !parse_digit(text.data[2 * i + 1], &low))
            return false;
        format->end[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

bool record_format_parse(struct slice text, struct record_format *ret_format)
{
    struct record_format format = {.lines = 0};
    if (text.size == 0) {
        *ret_format = lines_format;
        return true;
    }
    if (!skip_word(&text, "lines=") || !skip_number(&text, &format.lines) ||
        format.lines == 0 || !skip_word(&text, " end=") || !parse_hex(text, &format))
        return false;
    *ret_format = format;
    return true;
}

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

/* The byte after the first end; NULL: there is none. */
static const uint8_t *next_end(const struct record_format *format, const uint8_t *bytes,
                               size_t size)
{
    const uint8_t *end = format->end_size == 1
                             ? memchr(bytes, format->end[0], size)
                             : memmem(bytes, size, format->end, format->end_size);
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
    while (at < limit && (end = next_end(format, at, (size_t)(limit - at))) != NULL) {
        at = end;
        count++;
    }
    return count + (at < limit ? 1 : 0);
}

uint64_t records_count(const struct record_format *format, struct slice bytes)
{
    uint64_t lines = count_lines(format, bytes);
    return lines / format->lines + (lines % format->lines > 0 ? 1 : 0);
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

size_t records_size(const struct record_format *format, struct slice bytes,
                    uint64_t count)
{
    uint64_t lines;
    if (count == 0 || bytes.size == 0)
        return 0;
    if (__builtin_mul_overflow(count, format->lines, &lines))
        return bytes.size;
    const uint8_t *limit = bytes.data + bytes.size;
    const uint8_t *at = bytes.data + skip_stretches(format, bytes, &lines);
    for (; lines > 0 && at != NULL && at < limit; lines--)
        at = next_end(format, at, (size_t)(limit - at));
    return at != NULL ? (size_t)(at - bytes.data) : bytes.size;
}
