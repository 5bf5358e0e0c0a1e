/* SPDX-License-Identifier: MIT */
#include "common/memory.h"
#include "ventilator/source/decompress/format.h"
#include <bzlib.h>
#include <stdlib.h>

static bool begin(struct member *member)
{
    if (member->state)
        BZ2_bzDecompressEnd(member->state);
    else
        member->state = allocate(sizeof(bz_stream));
    bz_stream *stream = member->state;
    *stream = (bz_stream){.bzalloc = NULL};
    return BZ2_bzDecompressInit(stream, 0, 0) == BZ_OK;
}

static enum step step(struct member *member, struct codec_buffers *buffers)
{
    bz_stream *stream = member->state;
    unsigned in = codec_at_most(buffers->in_size);
    unsigned out = codec_at_most(buffers->out_size);
    stream->next_in = (char *)(uintptr_t)buffers->in; /* which it only reads */
    stream->avail_in = in;
    stream->next_out = (char *)buffers->out;
    stream->avail_out = out;
    int result = BZ2_bzDecompress(stream);
    codec_buffers_use(buffers, in - stream->avail_in, out - stream->avail_out);
    if (result == BZ_MEM_ERROR)
        abort_out_of_memory();
    if (result == BZ_STREAM_END)
        return STEP_OVER;
    return result == BZ_OK ? STEP_WITHIN : STEP_DAMAGED;
}

static void deinit(struct member *member)
{
    BZ2_bzDecompressEnd(member->state);
    free(member->state);
}

const struct format bzip2_format = {"bzip2", begin, step, deinit};
