/* SPDX-License-Identifier: MIT */
/* Looks no further than the header goes, and moves nothing: it tells the result where
 * its bytes begin. It reads a spilled result's header from the file. */
#include "sink/result/header_filter.h"

#include "common/records/lines.h"

enum { PIECE_BYTES = 4096 };

/* Counts the bytes of a spilled result's first lines. */
static int measure_spilled(const struct result *result, uint32_t lines,
                           uint64_t *ret_size)
{
    uint8_t bytes[PIECE_BYTES];
    uint64_t at = 0, size = result_size(result);
    while (lines > 0 && at < size) {
        size_t piece = size - at < sizeof bytes ? (size_t)(size - at) : sizeof bytes;
        int error = result_read(result, at, bytes, piece);
        if (error < 0)
            return error;
        at += lines_take((struct slice){bytes, piece}, &lines);
    }
    *ret_size = at;
    return 0;
}

int header_filter_cut(struct header_filter *header_filter, uint32_t lines,
                      struct result *result)
{
    uint64_t size = 0;
    int error = 0;
    if (lines == 0 || result_size(result) == 0)
        return 0;
    if (!header_filter->there)
        header_filter->there = true;
    else if (result_spilled(result))
        error = measure_spilled(result, lines, &size);
    else
        size = lines_take(result_bytes(result), &lines);
    if (error == 0)
        result_cut(result, size);
    return error;
}
