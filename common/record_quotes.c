/* SPDX-License-Identifier: MIT */
/*
 * A word of eight bytes is looked at as a whole: each byte of a mask is 1 where there
 * is what is asked for, and a multiplication sums up how many quotes there are so far
 * in it. That is right only where each quote that opens may open; a word in which one
 * may not is gone through by bytes, and so is the rest of less than a word.
 */
#include "common/record_quotes.h"

#include <endian.h>
#include <string.h>

#define ONES UINT64_C(0x0101010101010101)

/* 1 in each byte that is `byte`. */
static uint64_t bytes_that_are(uint64_t word, uint8_t byte)
{
    uint64_t low = ONES * 0x7f, differ = word ^ (ONES * byte);
    return (~(((differ & low) + low) | differ | low)) >> 7;
}

static bool is_delimiter(uint8_t byte)
{
    return byte == ',' || byte == ';' || byte == '\t' || byte == '|';
}

/* 1 in each byte after which a quote may open, if it is not in quotes. */
static uint64_t openers(uint64_t word)
{
    return bytes_that_are(word, ',') | bytes_that_are(word, ';') |
           bytes_that_are(word, '\t') | bytes_that_are(word, '|') |
           bytes_that_are(word, '"');
}

/* True: the record ends with this byte. */
static bool step(struct record_quotes *quotes, uint8_t byte)
{
    if (byte == '"') {
        bool opens = !quotes->inside && quotes->may_open;
        quotes->may_open = quotes->inside;
        quotes->inside = opens;
    } else if (!quotes->inside) {
        quotes->may_open = byte == '\n' || is_delimiter(byte);
    }
    return byte == '\n' && !quotes->inside;
}

static size_t find_by_bytes(struct record_quotes *quotes, const uint8_t *bytes,
                            size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (step(quotes, bytes[i]))
            return i + 1;
    return 0;
}

enum word { WORD_PASSED, WORD_HAS_END, WORD_IS_ODD };

static enum word take_word(struct record_quotes *quotes, uint64_t word, size_t *ret_end)
{
    uint64_t quote = bytes_that_are(word, '"');
    if (!quote && quotes->inside)
        return WORD_PASSED;
    uint64_t inside = ((quote * ONES) & ONES) ^ (quotes->inside ? ONES : 0);
    uint64_t may_open = openers(word) << 8 | (quotes->may_open ? 1 : 0);
    uint64_t end = bytes_that_are(word, '\n') & ~inside;
    if (quote & inside & ~may_open)
        return WORD_IS_ODD;
    if (end) {
        *ret_end = (size_t)__builtin_ctzll(end) / 8 + 1;
        return WORD_HAS_END;
    }
    quotes->inside = inside >> 56;
    quotes->may_open = !quotes->inside && openers(word) >> 56;
    return WORD_PASSED;
}

/* From a word's beginning on. */
static size_t find_by_words(struct record_quotes *quotes, const uint8_t *bytes,
                            size_t size)
{
    size_t at = 0, end;
    uint64_t word;
    for (; size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        enum word outcome = take_word(quotes, le64toh(word), &end);
        if (outcome == WORD_PASSED)
            continue;
        if (outcome == WORD_IS_ODD)
            end = find_by_bytes(quotes, bytes + at, sizeof word);
        if (end)
            return at + end;
    }
    end = find_by_bytes(quotes, bytes + at, size - at);
    return end ? at + end : 0;
}

/* A line without quotes has its end where it seems to have it. */
size_t record_quotes_find(struct record_quotes *quotes, const uint8_t *bytes,
                          size_t size)
{
    size_t line = size, plain = 0;
    if (!quotes->inside && size > 0) {
        const uint8_t *newline = memchr(bytes, '\n', size);
        if (newline)
            line = (size_t)(newline - bytes) + 1;
        const uint8_t *quote = memchr(bytes, '"', line);
        if (!quote && newline)
            return line;
        plain = quote ? (size_t)(quote - bytes) : size;
        if (plain > 0)
            quotes->may_open = is_delimiter(bytes[plain - 1]);
    }
    size_t end = find_by_words(quotes, bytes + plain, size - plain);
    return end ? plain + end : 0;
}
