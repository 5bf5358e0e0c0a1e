/* SPDX-License-Identifier: MIT */
/* A frame without content, which zstd and lz4 have in common: four bytes by which
 * compression_of knows it, its size, and so many bytes, which are somebody's own. */
#include "common/memory.h"
#include "ventilator/source/decompress/format.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct skippable {
    uint8_t head[8];
    size_t head_size;
    uint64_t left; /* valid once the head is whole */
};

static bool begin(struct member *member)
{
    if (!member->state)
        member->state = allocate(sizeof(struct skippable));
    memset(member->state, 0, sizeof(struct skippable));
    return true;
}

static void take_head(struct skippable *frame, struct codec_buffers *buffers)
{
    uint32_t size;
    while (frame->head_size < sizeof frame->head && buffers->in_size > 0) {
        frame->head[frame->head_size++] = *buffers->in;
        codec_buffers_use(buffers, 1, 0);
    }
    memcpy(&size, frame->head + 4, sizeof size);
    frame->left = le32toh(size);
}

static enum step step(struct member *member, struct codec_buffers *buffers)
{
    struct skippable *frame = member->state;
    if (frame->head_size < sizeof frame->head)
        take_head(frame, buffers);
    if (frame->head_size < sizeof frame->head)
        return STEP_WITHIN;
    size_t here = buffers->in_size < frame->left ? buffers->in_size
                                                 : (size_t)frame->left;
    codec_buffers_use(buffers, here, 0);
    frame->left -= here;
    return frame->left == 0 ? STEP_OVER : STEP_WITHIN;
}

static void deinit(struct member *member)
{
    free(member->state);
}

const struct format skippable_format = {"zstd or lz4", begin, step, deinit};
