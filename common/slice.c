/* SPDX-License-Identifier: MIT */
/* Allocates nothing. */
#include "common/slice.h"

#include <stdio.h>
#include <string.h>

struct slice slice_of_text(const char *text)
{
    return (struct slice){.data = (const uint8_t *)text, .size = strlen(text)};
}

void slice_copy_text(struct slice slice, char *to, size_t size)
{
    size_t length = slice.size < size - 1 ? slice.size : size - 1;
    if (length)
        memcpy(to, slice.data, length);
    to[length] = '\0';
}

/* The length of the character at the start, 1 to 4; 0: it is none that may be shown.
 * The characters from U+0080 to U+009F control a terminal. */
static size_t printable_length(const uint8_t *text, size_t size)
{
    uint8_t first = text[0];
    if (first < 0x80)
        return first >= 0x20 && first < 0x7f;
    size_t length = first >= 0xf5   ? 0
                    : first >= 0xf0 ? 4
                    : first >= 0xe0 ? 3
                    : first >= 0xc2 ? 2
                                    : 0;
    if (length > size || (first == 0xc2 && size > 1 && text[1] < 0xa0))
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

void slice_copy_printable(struct slice slice, char *to, size_t size)
{
    size_t used = 0;
    for (size_t at = 0, length; at < slice.size; at += length ? length : 1) {
        char spelling[5];
        length = printable_length(slice.data + at, slice.size - at);
        int spelled =
            length ? snprintf(spelling, sizeof spelling, "%.*s", (int)length,
                              (const char *)slice.data + at)
                   : snprintf(spelling, sizeof spelling, "\\x%02x", slice.data[at]);
        if (used + (size_t)spelled >= size)
            break;
        memcpy(to + used, spelling, (size_t)spelled);
        used += (size_t)spelled;
    }
    to[used] = '\0';
}
