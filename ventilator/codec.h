/* SPDX-License-Identifier: MIT */
/*
 * Decompression of one kind, a step at a time, over the library that each format has.
 * Members that follow each other are one content. What the format has of checksums is
 * checked. Memory is bounded by the format's window, and that by the library's limit:
 * never by how much comes out. Pure.
 */
#ifndef FANFOLD_VENTILATOR_CODEC_H
#define FANFOLD_VENTILATOR_CODEC_H

#include "ventilator/compression.h"

struct codec;

struct codec *codec_new(enum compression compression);
void codec_destroy(struct codec **codec_p);

struct codec_buffers {
    const uint8_t *in;
    size_t in_size;
    uint8_t *out;
    size_t out_size;
};

enum codec_outcome {
    CODEC_GOES_ON,
    CODEC_DAMAGED, /* for good: codec_error */
};

/* Moves on in both buffers by what was used of each; once `in` is empty and `out` was
 * not filled, there is nothing more to come out of what went in. */
enum codec_outcome codec_step(struct codec *codec, struct codec_buffers *buffers);

/* The input has ended. Whether that is where the content does. */
enum codec_outcome codec_end(struct codec *codec);

/* In the library's words, where it has some. */
const char *codec_error(const struct codec *codec);

#endif
