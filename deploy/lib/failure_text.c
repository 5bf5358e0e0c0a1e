/* SPDX-License-Identifier: MIT */
/* Walks over the members one by one, so that a name within a string is not taken for a
 * member. */
#include "deploy/lib/failure_text.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct reader {
    const char *at, *end;
};

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \n\t\r", *reader->at))
        reader->at++;
}

static bool skip_sign(struct reader *reader, char sign)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != sign)
        return false;
    reader->at++;
    return true;
}

/* Leaves the reader behind the string, `ret_string` on what is between its quotes. */
static bool read_string(struct reader *reader, struct reader *ret_string)
{
    if (!skip_sign(reader, '"'))
        return false;
    const char *begin = reader->at;
    while (reader->at < reader->end && *reader->at != '"')
        reader->at += *reader->at == '\\' ? 2 : 1;
    if (reader->at >= reader->end) {
        reader->at = reader->end; /* a backslash at the end led behind it */
        return false;
    }
    *ret_string = (struct reader){begin, reader->at++};
    return true;
}

static void skip_number(struct reader *reader)
{
    while (reader->at < reader->end && !strchr(",}\n", *reader->at))
        reader->at++;
}

/* Finds the member's value: true if it is there. */
static bool find(struct reader *reader, const char *name)
{
    struct reader key, value;
    if (!skip_sign(reader, '{'))
        return false;
    while (read_string(reader, &key) && skip_sign(reader, ':')) {
        size_t size = (size_t)(key.end - key.at);
        skip_blanks(reader);
        if (size == strlen(name) && memcmp(key.at, name, size) == 0)
            return true;
        if (!read_string(reader, &value))
            skip_number(reader);
        if (!skip_sign(reader, ','))
            return false;
    }
    return false;
}

static unsigned hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return (unsigned)(digit - '0');
    return (unsigned)((digit | 0x20) - 'a' + 10) & 15U;
}

/* The character of \uXXXX in UTF-8. The sink writes none above U+FFFF this way. */
static size_t encode(unsigned code, char bytes[3])
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        bytes[0] = (char)(0xC0 | code >> 6);
        bytes[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    bytes[0] = (char)(0xE0 | code >> 12);
    bytes[1] = (char)(0x80 | (code >> 6 & 63));
    bytes[2] = (char)(0x80 | (code & 63));
    return 3;
}

/* One character of a string, behind its backslash. */
static size_t unescape(struct reader *string, char bytes[3])
{
    static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
    char sign = *string->at++;
    const char *found = sign ? strchr(from, sign) : NULL;
    if (sign == 'u' && string->end - string->at >= 4) {
        unsigned code = 0;
        for (int i = 0; i < 4; i++)
            code = code << 4 | hex_digit(*string->at++);
        return encode(code, bytes);
    }
    bytes[0] = found ? to[found - from] : sign;
    return 1;
}

void failure_text_string(const char *json, size_t size, const char *name, char *text,
                         size_t text_size)
{
    struct reader reader = {json, json + size}, string;
    size_t length = 0;
    if (find(&reader, name) && read_string(&reader, &string)) {
        while (string.at < string.end) {
            char bytes[3] = {*string.at++};
            size_t more = 1;
            if (bytes[0] == '\\' && string.at < string.end)
                more = unescape(&string, bytes);
            if (length + more >= text_size)
                break;
            memcpy(text + length, bytes, more);
            length += more;
        }
    }
    text[length] = '\0';
}

void failure_text_lines(const char *json, size_t size, const char *name, char *text,
                        size_t text_size)
{
    failure_text_string(json, size, name, text, text_size);
    for (size_t end = strlen(text); end > 0 && text[end - 1] == '\n'; end--)
        text[end - 1] = '\0';
}

unsigned failure_text_number(const char *json, size_t size, const char *name)
{
    struct reader reader = {json, json + size};
    uint64_t number = 0;
    if (find(&reader, name))
        while (reader.at < reader.end && *reader.at >= '0' && *reader.at <= '9' &&
               number < UINT_MAX)
            number = number * 10 + (uint64_t)(*reader.at++ - '0');
    return number < UINT_MAX ? (unsigned)number : UINT_MAX;
}
