/* SPDX-License-Identifier: MIT */
/* Looks no further than the header goes, and moves nothing: a parcel is told where its
 * bytes begin. Of one that was spilled the header is read once more. */
#include "sink/heading.h"

#include "common/lines.h"

enum { PIECE_BYTES = 4096 };

/* Bytes of the spilled parcel's first lines. */
static int measure_spilled(const struct parcel *parcel, uint32_t lines,
                           uint64_t *ret_size)
{
    uint8_t bytes[PIECE_BYTES];
    uint64_t at = 0, size = parcel_size(parcel);
    while (lines > 0 && at < size) {
        size_t piece = size - at < sizeof bytes ? (size_t)(size - at) : sizeof bytes;
        int result = parcel_read(parcel, at, bytes, piece);
        if (result < 0)
            return result;
        at += lines_take((struct slice){bytes, piece}, &lines);
    }
    *ret_size = at;
    return 0;
}

int heading_cut(struct heading *heading, uint32_t lines, struct parcel *parcel)
{
    uint64_t size = 0;
    int result = 0;
    if (lines == 0 || parcel_size(parcel) == 0)
        return 0;
    if (!heading->there)
        heading->there = true;
    else if (parcel_spilled(parcel))
        result = measure_spilled(parcel, lines, &size);
    else
        size = lines_take(parcel_bytes(parcel), &lines);
    if (result == 0)
        parcel_cut(parcel, size);
    return result;
}
