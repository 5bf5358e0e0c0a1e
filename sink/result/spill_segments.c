/* SPDX-License-Identifier: MIT */
/*
 * The open segment is no extent yet: its bytes are in `filling`. Results are read back
 * in order, and lie in segments in nearly that order or the reverse, so a segment from
 * which a second result is read is read as a whole; the first alone may be a stray.
 */
#include "sink/result/spill_segments.h"

#include "common/memory.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct spill_segment {
    uint64_t at;   /* of the extent; valid once the segment is not open */
    uint32_t size; /* bytes of the extent, or so far */
    uint32_t live; /* of them, not released */
};

struct spill_segments {
    struct spill *spill;
    struct spill_segment *open; /* NULL: none */
    uint8_t *filling;           /* its bytes; NULL: never needed yet */
    struct spill_segment *read; /* whose bytes are in `loaded`; NULL: none */
    uint8_t *loaded;
    struct spill_segment *missed; /* from which was read last, past `loaded` */
};

struct spill_segments *spill_segments_new(struct spill *spill)
{
    struct spill_segments *segments = allocate_zeroed(1, sizeof *segments);
    segments->spill = spill;
    return segments;
}

void spill_segments_destroy(struct spill_segments **segments_p)
{
    struct spill_segments *segments = *segments_p;
    if (!segments)
        return;
    free(segments->open);
    free(segments->filling);
    free(segments->loaded);
    free(segments);
    *segments_p = NULL;
}

/* Writes the open segment. 0, or -errno: it stays open. */
static int close_open(struct spill_segments *segments)
{
    struct spill_segment *segment = segments->open;
    int error =
        spill_write(segments->spill, segments->filling, segment->size, &segment->at);
    if (error == 0)
        segments->open = NULL;
    return error;
}

int spill_segments_write(struct spill_segments *segments, const void *data, size_t size,
                         struct spill_segment **ret_segment, uint64_t *ret_offset)
{
    assert(size > 0 && size <= SPILL_SEGMENT_BYTES);
    int error = spill_open(segments->spill);
    if (error == 0 && segments->open &&
        segments->open->size + size > SPILL_SEGMENT_BYTES)
        error = close_open(segments);
    if (error < 0)
        return error;
    if (!segments->open)
        segments->open = allocate_zeroed(1, sizeof *segments->open);
    if (!segments->filling)
        segments->filling = allocate(SPILL_SEGMENT_BYTES);
    struct spill_segment *segment = segments->open;
    memcpy(segments->filling + segment->size, data, size);
    *ret_segment = segment;
    *ret_offset = segment->size;
    segment->size += (uint32_t)size;
    segment->live += (uint32_t)size;
    return 0;
}

static int load(struct spill_segments *segments, struct spill_segment *segment)
{
    if (!segments->loaded)
        segments->loaded = allocate(SPILL_SEGMENT_BYTES);
    segments->read = NULL;
    int error =
        spill_read(segments->spill, segment->at, segments->loaded, segment->size);
    if (error == 0)
        segments->read = segment;
    return error;
}

int spill_segments_read(struct spill_segments *segments, struct spill_segment *segment,
                        uint64_t offset, void *data, size_t size)
{
    assert(offset + size <= segment->size);
    if (segment == segments->open) {
        memcpy(data, segments->filling + offset, size);
        return 0;
    }
    if (segment != segments->read && segment != segments->missed) {
        segments->missed = segment;
        return spill_read(segments->spill, segment->at + offset, data, size);
    }
    int error = segment == segments->read ? 0 : load(segments, segment);
    if (error == 0)
        memcpy(data, segments->loaded + offset, size);
    return error;
}

void spill_segments_release(struct spill_segments *segments,
                            struct spill_segment *segment, size_t size)
{
    assert(size <= segment->live);
    segment->live -= (uint32_t)size;
    if (segment->live > 0)
        return;
    if (segment == segments->open) {
        segment->size = 0;
        return;
    }
    if (segments->read == segment)
        segments->read = NULL;
    if (segments->missed == segment)
        segments->missed = NULL;
    spill_release(segments->spill, segment->at, segment->size);
    free(segment);
}
