/* SPDX-License-Identifier: MIT */
/*
 * Turns a record format into text and back. Each format has exactly one text, so two
 * formats are equal if their texts are.
 */
#include "common/records/record_format_text.h"

#include "common/records/record_regex.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct record_format lines_format = RECORD_FORMAT_DEFAULT;

/* The whole text of a kind that has no parameters; NULL: it has some. */
static const char *const kind_words[] = {
    [RECORDS_LINES] = NULL,    [RECORDS_CSV] = "csv",       [RECORDS_FASTA] = "fasta",
    [RECORDS_FASTQ] = "fastq", [RECORDS_FRAMES] = "frames", [RECORDS_FIXED] = NULL,
    [RECORDS_WHOLE] = "whole", [RECORDS_MARKED] = NULL,
};

enum { KINDS = sizeof kind_words / sizeof *kind_words };

static int print_mark(char *text, const char *name, const uint8_t *mark, size_t size)
{
    int used = sprintf(text, "%s=", name);
    for (size_t i = 0; i < size; i++)
        used += sprintf(text + used, "%02x", mark[i]);
    return used;
}

static void print_marks(const struct record_format *format, char *text)
{
    if (format->regexp)
        text += sprintf(text, "regexp ");
    if (format->start_size)
        text += print_mark(text, "start", format->start, format->start_size);
    if (format->start_size && format->end_size)
        text += sprintf(text, " ");
    if (format->end_size)
        print_mark(text, "end", format->end, format->end_size);
}

_Static_assert(FORMAT_MAX_BYTES >= sizeof "regexp start= end=" + 4 * RECORD_MARK_MAX,
               "the longest marks have room");

void record_format_print(const struct record_format *format,
                         char text[FORMAT_MAX_BYTES + 1])
{
    if (kind_words[format->kind])
        strcpy(text, kind_words[format->kind]);
    else if (format->kind == RECORDS_FIXED)
        sprintf(text, "fixed=%" PRIu64, format->size);
    else if (format->kind == RECORDS_MARKED)
        print_marks(format, text);
    else
        print_mark(text + sprintf(text, "lines=%" PRIu64 " ", format->lines), "end",
                   format->end, format->end_size);
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

/* Reads a number from 1, without leading zeros. */
static bool skip_number(struct slice *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text->size && text->data[i] >= '0' && text->data[i] <= '9'; i++)
        if ((i == 0 && text->data[i] == '0') ||
            __builtin_mul_overflow(number, 10, &number) ||
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

/* Reads the digits of a mark, up to a blank or the end. */
static bool skip_mark(struct slice *text, uint8_t mark[RECORD_MARK_MAX],
                      size_t *ret_size)
{
    size_t size = 0;
    uint8_t high, low;
    for (; text->size >= 2 && text->data[0] != ' '; size++) {
        if (size == RECORD_MARK_MAX || !parse_digit(text->data[0], &high) ||
            !parse_digit(text->data[1], &low))
            return false;
        mark[size] = (uint8_t)(high << 4 | low);
        text->data += 2;
        text->size -= 2;
    }
    *ret_size = size;
    return size > 0;
}

static bool parse_lines(struct slice *text, struct record_format *format)
{
    format->kind = RECORDS_LINES;
    return skip_number(text, &format->lines) && skip_word(text, " end=") &&
           skip_mark(text, format->end, &format->end_size);
}

static bool parse_marks(struct slice *text, struct record_format *format)
{
    char error[1];
    format->kind = RECORDS_MARKED;
    format->regexp = skip_word(text, "regexp ");
    bool has_start = skip_word(text, "start=");
    if (has_start && !skip_mark(text, format->start, &format->start_size))
        return false;
    if (!has_start && !format->regexp)
        return false;
    if (skip_word(text, has_start ? " end=" : "end=")
            ? !skip_mark(text, format->end, &format->end_size)
            : !has_start)
        return false;
    return record_format_check(format, error, sizeof error);
}

/* Reads a kind that has no parameters: one word, which is all of the text. */
static bool parse_kind(struct slice *text, struct record_format *format)
{
    for (int kind = 0; kind < KINDS; kind++) {
        format->kind = (enum record_kind)kind;
        if (kind_words[kind] && strlen(kind_words[kind]) == text->size &&
            skip_word(text, kind_words[kind]))
            return true;
    }
    return false;
}

bool record_format_parse(struct slice text, struct record_format *ret_format)
{
    struct record_format format = {.lines = 0};
    bool known;
    if (text.size == 0) {
        *ret_format = lines_format;
        return true;
    }
    if (skip_word(&text, "lines=")) {
        known = parse_lines(&text, &format);
    } else if (skip_word(&text, "fixed=")) {
        format.kind = RECORDS_FIXED;
        known = skip_number(&text, &format.size);
    } else {
        known = parse_kind(&text, &format) || parse_marks(&text, &format);
    }
    if (known && text.size == 0)
        *ret_format = format;
    return known && text.size == 0;
}

bool record_format_check(const struct record_format *format, char *error,
                         size_t error_size)
{
    struct record_regex *regex;
    if (format->kind != RECORDS_MARKED || !format->regexp)
        return true;
    regex = record_regex_new(format, error, error_size);
    bool usable = regex != NULL;
    record_regex_destroy(&regex);
    return usable;
}
