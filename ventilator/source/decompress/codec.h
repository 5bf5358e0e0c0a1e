/* SPDX-License-Identifier: MIT */
/*
 * Decompresses one format, a step at a time, with that format's library. Members that
 * follow each other are one content, and so are the frames of zstd, or the two kinds of
 * lz4's, with frames between them that are to be skipped. Zeros behind a member are
 * padding; all other bytes are damage, and none is dropped. The library checks the
 * checksums that the format has. The format's window bounds the memory, and the
 * library's limit bounds the window, however much comes out. Pure.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_CODEC_H
#define FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_CODEC_H

#include "ventilator/source/decompress/codec_buffers.h"
#include "ventilator/source/decompress/compression.h"

struct codec;

struct codec *codec_new(enum compression compression);
void codec_destroy(struct codec **codec_p);

enum codec_outcome {
    CODEC_OK,
    CODEC_DAMAGED, /* for good: codec_error */
};

/* Advances both buffers by the bytes that it used. Once `in` is empty and `out` is not
 * full, all of the content so far has come out. */
enum codec_outcome codec_step(struct codec *codec, struct codec_buffers *buffers);

/* The input has ended. CODEC_DAMAGED: within a member. */
enum codec_outcome codec_end(struct codec *codec);

/* Words for a person that follow "cannot decompress FILE: "; "" before. */
const char *codec_error(const struct codec *codec);

#endif
