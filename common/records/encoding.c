/* SPDX-License-Identifier: MIT */
#include "common/records/encoding.h"

#include "common/records/byte_order_mark.h"
#include <string.h>

enum { LOOKED_AT = 4096 /* bytes behind a mark */ };

static const uint8_t utf16le[] = {0xff, 0xfe}, utf16be[] = {0xfe, 0xff};
static const uint8_t utf32le[] = {0xff, 0xfe, 0, 0}, utf32be[] = {0, 0, 0xfe, 0xff};

static bool begins(struct slice bytes, const uint8_t *mark, size_t size)
{
    return bytes.size >= size && memcmp(bytes.data, mark, size) == 0;
}

static bool may_begin(struct slice bytes, const uint8_t *mark, size_t size)
{
    return bytes.size < size &&
           (bytes.size == 0 || memcmp(bytes.data, mark, bytes.size) == 0);
}

static struct slice behind(struct slice bytes, size_t size)
{
    struct slice rest = {bytes.data + size, bytes.size - size};
    if (rest.size > LOOKED_AT)
        rest.size = LOOKED_AT;
    return rest;
}

static bool is_control(uint32_t character)
{
    return character < 0x09 || (character > 0x0d && character < 0x1a);
}

static uint32_t unit_at(struct slice bytes, size_t at, size_t size, bool little)
{
    uint32_t unit = 0;
    for (size_t i = 0; i < size; i++)
        unit = unit << 8 | bytes.data[at + (little ? size - 1 - i : i)];
    return unit;
}

static bool is_utf16(struct slice text, bool little)
{
    bool high = false; /* the first half of a pair came */
    for (size_t at = 0; at + 2 <= text.size; at += 2) {
        uint32_t unit = unit_at(text, at, 2, little);
        bool low = unit >= 0xdc00 && unit <= 0xdfff;
        if (low != high || is_control(unit) || unit >= 0xfffe)
            return false;
        high = unit >= 0xd800 && unit <= 0xdbff;
    }
    return true;
}

static bool is_utf32(struct slice text, bool little)
{
    for (size_t at = 0; at + 4 <= text.size; at += 4) {
        uint32_t unit = unit_at(text, at, 4, little);
        if (is_control(unit) || unit > 0x10ffff || (unit >= 0xd800 && unit <= 0xdfff))
            return false;
    }
    return true;
}

/* Every other byte is zero, and between them are letters of ASCII. */
static bool is_ascii_in_pairs(struct slice bytes, bool little)
{
    for (size_t at = 0; at + 2 <= ENCODING_SURE; at += 2) {
        uint32_t unit = unit_at(bytes, at, 2, little);
        bool space = unit == '\t' || unit == '\n' || unit == '\r';
        if (unit > 0x7e || (unit < ' ' && !space))
            return false;
    }
    return true;
}

static enum encoding without_mark(struct slice first)
{
    if (first.size < ENCODING_SURE)
        return ENCODING_NONE;
    return is_ascii_in_pairs(first, true)    ? ENCODING_UTF16LE
           : is_ascii_in_pairs(first, false) ? ENCODING_UTF16BE
                                             : ENCODING_NONE;
}

enum encoding encoding_of(struct slice first, bool ended)
{
    if (!ended && (byte_order_mark_is_open(first) || may_begin(first, utf32le, 4) ||
                   may_begin(first, utf32be, 4) || may_begin(first, utf16be, 2)))
        return ENCODING_OPEN;
    if (byte_order_mark_size(first))
        return ENCODING_UTF8;
    bool little = begins(first, utf32le, 4);
    if (little || begins(first, utf32be, 4))
        return is_utf32(behind(first, 4), little) ? ENCODING_UTF32 : ENCODING_NONE;
    little = begins(first, utf16le, 2);
    if (little || begins(first, utf16be, 2))
        return is_utf16(behind(first, 2), little) ? ENCODING_UTF16 : ENCODING_NONE;
    return without_mark(first);
}

const char *encoding_name(enum encoding encoding)
{
    static const char *const names[] = {
        [ENCODING_NONE] = "",
        [ENCODING_OPEN] = "",
        [ENCODING_UTF8] = "UTF-8",
        [ENCODING_UTF16] = "UTF-16",
        [ENCODING_UTF16LE] = "UTF-16LE",
        [ENCODING_UTF16BE] = "UTF-16BE",
        [ENCODING_UTF32] = "UTF-32",
    };
    return names[encoding];
}

/* A mark with a zero byte, or an expression that may match one, is for such text. */
static bool is_for_zeros(const uint8_t *mark, size_t size, bool regexp)
{
    return memchr(mark, 0, size) ||
           (regexp && (memmem(mark, size, "\\x0", 3) || memmem(mark, size, "\\0", 2) ||
                       memmem(mark, size, "\\x{0", 4)));
}

bool encoding_matters(const struct record_format *format)
{
    switch ((int)format->kind) {
    case RECORDS_FRAMES:
    case RECORDS_FIXED:
    case RECORDS_WHOLE:
        return false;
    default:
        return !is_for_zeros(format->end, format->end_size, format->regexp) &&
               !is_for_zeros(format->start, format->start_size, format->regexp);
    }
}
