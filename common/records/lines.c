/* SPDX-License-Identifier: MIT */
/* One memchr a line: headers are short. */
#include "common/records/lines.h"

#include <string.h>

size_t lines_take(struct slice piece, uint32_t *lines)
{
    size_t at = 0;
    while (*lines > 0 && at < piece.size) {
        const uint8_t *end = memchr(piece.data + at, '\n', piece.size - at);
        if (!end)
            return piece.size;
        at = (size_t)(end - piece.data) + 1;
        --*lines;
    }
    return at;
}

struct slice lines_after(struct slice bytes, uint32_t lines)
{
    size_t size = lines_take(bytes, &lines);
    return (struct slice){size > 0 ? bytes.data + size : bytes.data, bytes.size - size};
}
