/* SPDX-License-Identifier: MIT */
#include "common/memory.h"
#include "ventilator/source/decompress/format.h"
#include <lzma.h>
#include <stdlib.h>

#define MEMORY_MAX (UINT64_C(1) << 30) /* bytes; xz -9 needs 65 MiB */

static bool begin(struct member *member)
{
    static const lzma_stream fresh = LZMA_STREAM_INIT;
    if (!member->state) {
        member->state = allocate(sizeof fresh);
        *(lzma_stream *)member->state = fresh;
    }
    return lzma_stream_decoder(member->state, MEMORY_MAX, 0) == LZMA_OK;
}

static const char *describe(lzma_ret result)
{
    switch ((int)result) {
    case LZMA_OPTIONS_ERROR:
        return "it needs options that this liblzma does not have";
    case LZMA_MEMLIMIT_ERROR:
        return "it needs more than 1 GiB of memory";
    default:
        return NULL;
    }
}

static enum step step(struct member *member, struct codec_buffers *buffers)
{
    lzma_stream *stream = member->state;
    stream->next_in = buffers->in;
    stream->avail_in = buffers->in_size;
    stream->next_out = buffers->out;
    stream->avail_out = buffers->out_size;
    lzma_ret result = lzma_code(stream, LZMA_RUN);
    codec_buffers_use(buffers, buffers->in_size - stream->avail_in,
                      buffers->out_size - stream->avail_out);
    if (result == LZMA_MEM_ERROR)
        abort_out_of_memory();
    if (result == LZMA_STREAM_END)
        return STEP_OVER;
    if (result == LZMA_OK || result == LZMA_BUF_ERROR)
        return STEP_WITHIN;
    member->error = describe(result);
    return STEP_DAMAGED;
}

static void deinit(struct member *member)
{
    lzma_end(member->state);
    free(member->state);
}

const struct format xz_format = {"xz", begin, step, deinit};
