/* SPDX-License-Identifier: MIT */
#include "ventilator/source/decompress/format.h"
#include <zstd.h>

static bool begin(struct member *member)
{
    if (!member->state)
        member->state = ZSTD_createDStream();
    return member->state && !ZSTD_isError(ZSTD_initDStream(member->state));
}

static enum step step(struct member *member, struct codec_buffers *buffers)
{
    ZSTD_inBuffer in = {buffers->in, buffers->in_size, 0};
    ZSTD_outBuffer out = {buffers->out, buffers->out_size, 0};
    size_t result = ZSTD_decompressStream(member->state, &out, &in);
    codec_buffers_use(buffers, in.pos, out.pos);
    if (ZSTD_isError(result)) {
        member->error = ZSTD_getErrorName(result);
        return STEP_DAMAGED;
    }
    return result == 0 ? STEP_OVER : STEP_WITHIN;
}

static void deinit(struct member *member)
{
    ZSTD_freeDStream(member->state);
}

const struct format zstd_format = {"zstd", begin, step, deinit};
