/* SPDX-License-Identifier: MIT */
/* What a step of decompression takes, and the room for what it makes. */
#ifndef FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_CODEC_BUFFERS_H
#define FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_CODEC_BUFFERS_H

#include <stddef.h>
#include <stdint.h>

struct codec_buffers {
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_size;
};

/* Advances both. */
void codec_buffers_use(struct codec_buffers *buffers, size_t in, size_t out);
/* For libraries that count in unsigned. */
unsigned codec_at_most(size_t size);

#endif
