/* SPDX-License-Identifier: MIT */
#include "ventilator/source/decompress/codec_buffers.h"

#include <limits.h>

void codec_buffers_use(struct codec_buffers *buffers, size_t in, size_t out)
{
    buffers->in += in;
    buffers->in_size -= in;
    buffers->out += out;
    buffers->out_size -= out;
}

unsigned codec_at_most(size_t size)
{
    return size < UINT_MAX ? (unsigned)size : UINT_MAX;
}
