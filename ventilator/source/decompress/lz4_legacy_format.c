/* SPDX-License-Identifier: MIT */
/*
 * The frame of lz4's first versions, which lz4 -l and the Linux kernel's build still
 * write: four bytes by which compression_of knows it, and blocks, each with its size in
 * front, of at most 8 MiB of content. It has neither a checksum nor an end: it ends
 * where the input does, or where no size of a block follows.
 */
#include "common/memory.h"
#include "ventilator/source/decompress/format.h"
#include <endian.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

enum { CONTENT_MAX = 8 << 20, MAGIC_SIZE = 4, SIZE_SIZE = 4 };

struct legacy {
    size_t magic_left;
    uint8_t size[SIZE_SIZE]; /* of the block, as it is written */
    size_t size_got;
    uint32_t block_size, block_got; /* once all of `size` is here */
    size_t content_size, content_used;
    uint8_t block[LZ4_COMPRESSBOUND(CONTENT_MAX)];
    uint8_t content[CONTENT_MAX];
};

static bool begin(struct member *member)
{
    if (!member->state)
        member->state = allocate(sizeof(struct legacy));
    struct legacy *legacy = member->state;
    member->may_end = false;
    legacy->magic_left = MAGIC_SIZE;
    legacy->size_got = legacy->content_size = legacy->content_used = 0;
    return true;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* False: it takes more bytes. */
static bool take(struct codec_buffers *buffers, uint8_t *to, size_t size, size_t *got)
{
    size_t here = least(size - *got, buffers->in_size);
    memcpy(to + *got, buffers->in, here);
    codec_buffers_use(buffers, here, 0);
    *got += here;
    return *got == size;
}

/* Within the four bytes that say what this is. */
static bool skip_magic(struct legacy *legacy, struct codec_buffers *buffers)
{
    size_t here = least(legacy->magic_left, buffers->in_size);
    codec_buffers_use(buffers, here, 0);
    legacy->magic_left -= here;
    return legacy->magic_left == 0;
}

/* True: a block of this size follows. */
static bool read_size(struct member *member, struct codec_buffers *buffers)
{
    static const uint8_t none[SIZE_SIZE]; /* nothing, or the zeros of padding */
    struct legacy *legacy = member->state;
    bool all = take(buffers, legacy->size, SIZE_SIZE, &legacy->size_got);
    member->may_end = memcmp(legacy->size, none, legacy->size_got) == 0;
    if (!all)
        return false;
    uint32_t size;
    memcpy(&size, legacy->size, sizeof size);
    legacy->block_size = le32toh(size);
    legacy->block_got = 0;
    return legacy->block_size > 0 && legacy->block_size <= sizeof legacy->block;
}

static enum step give_back(struct member *member)
{
    struct legacy *legacy = member->state;
    memcpy(member->returned, legacy->size, SIZE_SIZE);
    member->returned_size = SIZE_SIZE;
    return STEP_OVER;
}

static enum step read_block(struct legacy *legacy, struct codec_buffers *buffers)
{
    size_t got = legacy->block_got;
    bool all = take(buffers, legacy->block, legacy->block_size, &got);
    legacy->block_got = (uint32_t)got;
    if (!all)
        return STEP_WITHIN;
    int size = LZ4_decompress_safe((const char *)legacy->block, (char *)legacy->content,
                                   (int)legacy->block_size, CONTENT_MAX);
    if (size < 0)
        return STEP_DAMAGED;
    legacy->content_size = (size_t)size;
    legacy->content_used = legacy->size_got = 0;
    return STEP_WITHIN;
}

static void write_content(struct legacy *legacy, struct codec_buffers *buffers)
{
    size_t here = least(legacy->content_size - legacy->content_used, buffers->out_size);
    memcpy(buffers->out, legacy->content + legacy->content_used, here);
    legacy->content_used += here;
    codec_buffers_use(buffers, 0, here);
}

static enum step step(struct member *member, struct codec_buffers *buffers)
{
    struct legacy *legacy = member->state;
    if (!skip_magic(legacy, buffers))
        return STEP_WITHIN;
    for (;;) {
        write_content(legacy, buffers);
        if (buffers->out_size == 0)
            return STEP_WITHIN;
        if (legacy->size_got < SIZE_SIZE && !read_size(member, buffers))
            return legacy->size_got == SIZE_SIZE ? give_back(member) : STEP_WITHIN;
        enum step outcome = read_block(legacy, buffers);
        if (outcome == STEP_DAMAGED || legacy->size_got == SIZE_SIZE)
            return outcome;
    }
}

static void deinit(struct member *member)
{
    free(member->state);
}

const struct format lz4_legacy_format = {"lz4", begin, step, deinit};
