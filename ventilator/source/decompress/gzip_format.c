/* SPDX-License-Identifier: MIT */
#include "common/memory.h"
#include "ventilator/source/decompress/format.h"
#include <stdlib.h>
#include <zlib.h>

static bool begin(struct member *member)
{
    enum { WITH_GZIP_HEADER = 16 };
    if (member->state)
        return inflateReset(member->state) == Z_OK;
    member->state = allocate_zeroed(1, sizeof(z_stream));
    return inflateInit2((z_stream *)member->state, MAX_WBITS + WITH_GZIP_HEADER) ==
           Z_OK;
}

static enum step step(struct member *member, struct codec_buffers *buffers)
{
    z_stream *stream = member->state;
    unsigned in = codec_at_most(buffers->in_size);
    unsigned out = codec_at_most(buffers->out_size);
    stream->next_in = (uint8_t *)(uintptr_t)buffers->in; /* which it only reads */
    stream->avail_in = in;
    stream->next_out = buffers->out;
    stream->avail_out = out;
    int result = inflate(stream, Z_NO_FLUSH);
    codec_buffers_use(buffers, in - stream->avail_in, out - stream->avail_out);
    if (result == Z_MEM_ERROR)
        abort_out_of_memory();
    if (result == Z_STREAM_END)
        return STEP_OVER;
    if (result == Z_OK || result == Z_BUF_ERROR)
        return STEP_WITHIN;
    member->error = stream->msg;
    return STEP_DAMAGED;
}

static void deinit(struct member *member)
{
    inflateEnd(member->state);
    free(member->state);
}

const struct format gzip_format = {"gzip", begin, step, deinit};
