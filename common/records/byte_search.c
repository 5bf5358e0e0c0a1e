/* SPDX-License-Identifier: MIT */
/*
 * memchr looks at many bytes at once, memmem at one after the other. So memchr looks
 * for one byte of the text, and memcmp compares what is around it. After VAIN_MAX such
 * bytes in vain, memmem takes over.
 */
#include "common/records/byte_search.h"

#include <string.h>

enum { VAIN_MAX = 8 };

/* A guess of how common a byte is in text. */
static int commonness(uint8_t byte)
{
    if ((byte >= 'a' && byte <= 'z') || byte == ' ' || byte == '\0')
        return 2;
    if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || byte >= 0x80 ||
        byte == '\n' || byte == '\t' || byte == ',' || byte == '.')
        return 1;
    return 0;
}

size_t byte_search_anchor(const uint8_t *text, size_t text_size)
{
    size_t anchor = 0;
    for (size_t i = 1; i < text_size; i++)
        if (commonness(text[i]) <= commonness(text[anchor]))
            anchor = i;
    return anchor;
}

const uint8_t *byte_search(const uint8_t *bytes, size_t size, const uint8_t *text,
                           size_t text_size, size_t anchor)
{
    if (size < text_size)
        return NULL;
    const uint8_t *limit = bytes + size - text_size + anchor + 1, *at = bytes + anchor;
    for (int vain = 0; vain < VAIN_MAX; vain++, at++) {
        at = memchr(at, text[anchor], (size_t)(limit - at));
        if (!at || memcmp(at - anchor, text, text_size) == 0)
            return at ? at - anchor : NULL;
    }
    at -= anchor;
    return memmem(at, (size_t)(bytes + size - at), text, text_size);
}
