/* SPDX-License-Identifier: MIT */
#include "ventilator/source/decompress/format.h"
#include <lz4frame.h>

static bool begin(struct member *member)
{
    LZ4F_dctx *context = member->state;
    if (context) {
        LZ4F_resetDecompressionContext(context);
        return true;
    }
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        return false;
    member->state = context;
    return true;
}

static enum step step(struct member *member, struct codec_buffers *buffers)
{
    size_t in = buffers->in_size, out = buffers->out_size;
    size_t result =
        LZ4F_decompress(member->state, buffers->out, &out, buffers->in, &in, NULL);
    if (LZ4F_isError(result)) {
        member->error = LZ4F_getErrorName(result);
        return STEP_DAMAGED;
    }
    codec_buffers_use(buffers, in, out);
    return result == 0 ? STEP_OVER : STEP_WITHIN;
}

static void deinit(struct member *member)
{
    LZ4F_freeDecompressionContext(member->state);
}

const struct format lz4_format = {"lz4", begin, step, deinit};
