/* SPDX-License-Identifier: MIT */
/*
 * Eight bytes are one word. A mask has a 1 in each byte that matches, and a
 * multiplication counts the quotes up to each byte of the word. The count is right only
 * if each quote that would open a field is allowed to; a word in which one is not, and
 * a rest of less than a word, go through `step` byte by byte.
 */
#include "common/records/csv_scanner.h"

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

/* 1 in each byte after which a quote may open, unless it is in quotes. */
static uint64_t openers(uint64_t word)
{
    return bytes_that_are(word, ',') | bytes_that_are(word, ';') |
           bytes_that_are(word, '\t') | bytes_that_are(word, '|') |
           bytes_that_are(word, '"');
}

/* True: the record ends with this byte. */
static bool step(struct csv_scanner *scanner, uint8_t byte)
{
    if (byte == '"') {
        bool opens = !scanner->inside && scanner->may_open;
        scanner->may_open = scanner->inside;
        scanner->inside = opens;
    } else if (!scanner->inside) {
        scanner->may_open = byte == '\n' || is_delimiter(byte);
    }
    return byte == '\n' && !scanner->inside;
}

static size_t find_by_bytes(struct csv_scanner *scanner, const uint8_t *bytes,
                            size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (step(scanner, bytes[i]))
            return i + 1;
    return 0;
}

enum word { WORD_PASSED, WORD_HAS_END, WORD_IS_ODD };

static enum word take_word(struct csv_scanner *scanner, uint64_t word, size_t *ret_end)
{
    uint64_t quote = bytes_that_are(word, '"');
    if (!quote && scanner->inside)
        return WORD_PASSED;
    uint64_t inside = ((quote * ONES) & ONES) ^ (scanner->inside ? ONES : 0);
    uint64_t may_open = openers(word) << 8 | (scanner->may_open ? 1 : 0);
    uint64_t end = bytes_that_are(word, '\n') & ~inside;
    if (quote & inside & ~may_open)
        return WORD_IS_ODD;
    if (end) {
        *ret_end = (size_t)__builtin_ctzll(end) / 8 + 1;
        return WORD_HAS_END;
    }
    scanner->inside = inside >> 56;
    scanner->may_open = !scanner->inside && openers(word) >> 56;
    return WORD_PASSED;
}

/* From a word's beginning on. */
static size_t find_by_words(struct csv_scanner *scanner, const uint8_t *bytes,
                            size_t size)
{
    size_t at = 0, end;
    uint64_t word;
    for (; size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        enum word outcome = take_word(scanner, le64toh(word), &end);
        if (outcome == WORD_PASSED)
            continue;
        if (outcome == WORD_IS_ODD)
            end = find_by_bytes(scanner, bytes + at, sizeof word);
        if (end)
            return at + end;
    }
    end = find_by_bytes(scanner, bytes + at, size - at);
    return end ? at + end : 0;
}

/* A line without quotes ends at its newline; two calls of memchr find that. */
size_t csv_scanner_find(struct csv_scanner *scanner, const uint8_t *bytes, size_t size)
{
    size_t line = size, plain = 0;
    if (!scanner->inside && size > 0) {
        const uint8_t *newline = memchr(bytes, '\n', size);
        if (newline)
            line = (size_t)(newline - bytes) + 1;
        const uint8_t *quote = memchr(bytes, '"', line);
        if (!quote && newline)
            return line;
        plain = quote ? (size_t)(quote - bytes) : size;
        if (plain > 0)
            scanner->may_open = is_delimiter(bytes[plain - 1]);
    }
    size_t end = find_by_words(scanner, bytes + plain, size - plain);
    return end ? plain + end : 0;
}
