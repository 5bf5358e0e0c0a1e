/* SPDX-License-Identifier: MIT */
/*
 * Numbers are exact: no floating point, so that 0.1G is the same everywhere; a fraction
 * of the smallest unit is dropped. A value that overflows is refused. No locale, no
 * sign, no blanks.
 */
#include "common/parse.h"
#include "common/clock.h"

#include <stdio.h>
#include <string.h>

/* A decimal number and what follows it. */
struct decimal {
    const char *whole, *whole_end;
    const char *fraction, *fraction_end; /* equal: none */
    const char *suffix;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *text)
{
    while (is_digit(*text))
        text++;
    return text;
}

static bool decimal_split(const char *text, struct decimal *ret)
{
    struct decimal split = {.whole = text, .whole_end = skip_digits(text)};
    split.fraction = split.fraction_end = split.suffix = split.whole_end;
    if (*split.whole_end == '.') {
        split.fraction = split.whole_end + 1;
        split.fraction_end = split.suffix = skip_digits(split.fraction);
        if (split.fraction == split.fraction_end)
            return false;
    }
    if (split.whole == split.whole_end && split.fraction == split.fraction_end)
        return false;
    *ret = split;
    return true;
}

static bool append_digit(uint64_t *number, char c)
{
    uint64_t tens;
    return !__builtin_mul_overflow(*number, UINT64_C(10), &tens) &&
           !__builtin_add_overflow(tens, (uint64_t)(c - '0'), number);
}

/* The number times `unit`, rounded down; `unit` is at most UINT64_MAX / 10. */
static bool decimal_scale(const struct decimal *decimal, uint64_t unit, uint64_t *ret)
{
    uint64_t whole = 0, fraction = 0, scaled;
    for (const char *c = decimal->whole; c < decimal->whole_end; c++) {
        if (!append_digit(&whole, *c))
            return false;
    }
    for (const char *c = decimal->fraction_end; c > decimal->fraction; c--)
        fraction = (fraction + (uint64_t)(c[-1] - '0') * unit) / 10;
    if (__builtin_mul_overflow(whole, unit, &scaled) ||
        __builtin_add_overflow(scaled, fraction, &scaled))
        return false;
    *ret = scaled;
    return true;
}

/* K is 1024, k is 1000, Ki and ki are 1024; "" is 1. 0: no such suffix. */
static uint64_t size_unit(const char *suffix)
{
    static const char letters[] = "KMGTPkmgtp";
    if (*suffix == '\0')
        return 1;
    const char *found = strchr(letters, *suffix);
    if (!found)
        return 0;
    size_t place = (size_t)(found - letters);
    bool binary = place < 5;
    if (suffix[1] == 'i') {
        binary = true;
        suffix++;
    }
    if (suffix[1] != '\0')
        return 0;
    uint64_t unit = 1;
    for (size_t power = place % 5 + 1; power > 0; power--)
        unit *= binary ? 1024 : 1000;
    return unit;
}

bool parse_size(const char *text, uint64_t *ret_bytes)
{
    struct decimal decimal;
    if (!decimal_split(text, &decimal))
        return false;
    uint64_t unit = size_unit(decimal.suffix);
    if (unit == 0 || (unit == 1 && decimal.fraction != decimal.fraction_end))
        return false;
    return decimal_scale(&decimal, unit, ret_bytes);
}

/* How many characters of the text are its suffix: "ms" is no minute. */
static size_t duration_suffix(const char *text)
{
    bool fraction = (text[0] == 'm' || text[0] == 'u') && text[1] == 's';
    return fraction ? 2 : text[0] != '\0';
}

static uint64_t duration_unit_us(const char *suffix)
{
    if (duration_suffix(suffix) == 2)
        return *suffix == 'u' ? 1 : SECOND_US / 1000;
    switch (*suffix) {
    case '\0':
    case 's':
        return SECOND_US;
    case 'm':
        return 60 * SECOND_US;
    case 'h':
        return 3600 * SECOND_US;
    case 'd':
        return 86400 * SECOND_US;
    default:
        return 0;
    }
}

bool parse_duration(const char *text, int64_t *ret_us)
{
    /* A deadline is now plus one or two durations, and must not overflow either. */
    static const uint64_t most_us = INT64_MAX / 4;
    uint64_t sum_us = 0;
    do {
        struct decimal decimal;
        if (!decimal_split(text, &decimal))
            return false;
        uint64_t unit_us = duration_unit_us(decimal.suffix), us;
        if (unit_us == 0 || !decimal_scale(&decimal, unit_us, &us) || us > most_us ||
            sum_us + us > most_us)
            return false;
        sum_us += us;
        text = decimal.suffix + duration_suffix(decimal.suffix);
    } while (*text);
    *ret_us = (int64_t)sum_us;
    return true;
}

/* A number, and then `rest`. */
static bool parse_whole(const char *text, const char *rest, uint64_t min, uint64_t max,
                        uint64_t *ret_number)
{
    uint64_t number = 0;
    if (!is_digit(*text))
        return false;
    for (; is_digit(*text); text++) {
        if (!append_digit(&number, *text))
            return false;
    }
    if (strcmp(text, rest) != 0 || number < min || number > max)
        return false;
    *ret_number = number;
    return true;
}

bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
    return parse_whole(text, "", min, max, ret_number);
}

bool parse_percent(const char *text, uint64_t min, uint64_t max, uint64_t *ret_percent)
{
    return parse_whole(text, "%", min, max, ret_percent);
}

/* Reads at most `most` digits of base 8 or 16 and moves *text_p behind them; -1: there
 * are none, or the value is above one byte. */
static int parse_byte(const char **text_p, unsigned base, unsigned most)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    unsigned value = 0, count = 0;
    for (; count < most && **text_p != '\0'; count++, (*text_p)++) {
        const char *found = strchr(digits, **text_p);
        unsigned digit = found ? (unsigned)(found - digits) % 16 : base;
        if (digit >= base)
            break;
        value = value * base + digit;
    }
    return count == 0 || value > 255 ? -1 : (int)value;
}

/* The byte that an escape stands for; *text_p is behind the backslash. -1: bad. */
static int parse_escape(const char **text_p)
{
    static const char letters[] = "n\nt\tr\r\\\\a\ab\bf\fv\v";
    if (**text_p == 'x') {
        (*text_p)++;
        return parse_byte(text_p, 16, 2);
    }
    if (is_digit(**text_p))
        return parse_byte(text_p, 8, 3);
    for (const char *pair = letters; *pair; pair += 2) {
        if (**text_p == pair[0]) {
            (*text_p)++;
            return pair[1];
        }
    }
    return -1;
}

bool parse_escapes(const char *text, char *buffer, size_t *ret_size)
{
    size_t size = 0;
    while (*text) {
        if (*text != '\\') {
            buffer[size++] = *text++;
            continue;
        }
        text++;
        int byte = parse_escape(&text);
        if (byte < 0)
            return false;
        buffer[size++] = (char)byte;
    }
    *ret_size = size;
    return true;
}

const char *format_size(char *buffer, size_t size, uint64_t bytes)
{
    static const char prefixes[] = "KMGTPE";
    if (bytes < 1024) {
        snprintf(buffer, size, "%u B", (unsigned)bytes);
        return buffer;
    }
    double value = (double)bytes / 1024;
    size_t power = 0;
    /* 1023.95 would print as 1024.0. */
    for (; value >= 1023.95 && prefixes[power + 1] != '\0'; power++)
        value /= 1024;
    snprintf(buffer, size, "%.1f %ciB", value, prefixes[power]);
    return buffer;
}
