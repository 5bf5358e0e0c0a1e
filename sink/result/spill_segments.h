/* SPDX-License-Identifier: MIT */
/*
 * Small results in the spill file. They are gathered in segments of up to 64 KiB, each
 * of which is written as one extent when the next result finds no room in it, and given
 * back with the last of its results. The segment that is being filled, and the one that
 * was read last, lie in memory: 128 KiB, whatever is spilled.
 */
#ifndef FANFOLD_SINK_RESULT_SPILL_SEGMENTS_H
#define FANFOLD_SINK_RESULT_SPILL_SEGMENTS_H

#include "sink/result/spill.h"

enum { SPILL_SEGMENT_BYTES = 64 << 10 };

struct spill_segments;
struct spill_segment;

/* `spill` must outlive it. */
struct spill_segments *spill_segments_new(struct spill *spill);
/* What is in it is lost. */
void spill_segments_destroy(struct spill_segments **segments_p);

/* `size` is from 1 to SPILL_SEGMENT_BYTES. 0, or -errno: then it does not hold these
 * bytes, and loses none that it has. */
int spill_segments_write(struct spill_segments *segments, const void *data, size_t size,
                         struct spill_segment **ret_segment, uint64_t *ret_offset);
/* Any part of what was written; `offset` is in the segment. 0 or -errno. */
int spill_segments_read(struct spill_segments *segments, struct spill_segment *segment,
                        uint64_t offset, void *data, size_t size);
/* As many bytes of the segment are needed no more. With the last the segment ends. */
void spill_segments_release(struct spill_segments *segments,
                            struct spill_segment *segment, size_t size);

#endif
