/* SPDX-License-Identifier: MIT */
/*
 * One format's library, for codec.c: begins a member, steps within it, and says when it
 * is over. Knows nothing of what lies between members.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_FORMAT_H
#define FANFOLD_VENTILATOR_SOURCE_DECOMPRESS_FORMAT_H

#include "ventilator/source/decompress/codec_buffers.h"
#include "ventilator/source/decompress/compression.h"
#include <stdbool.h>

enum step { STEP_WITHIN, STEP_OVER /* the member */, STEP_DAMAGED };

/* What a format keeps between steps. All zero before the first member. */
struct member {
    void *state;       /* the format's; NULL before the first member */
    const char *error; /* the library's words, once it is damaged; NULL: it has none */
    bool may_end;      /* the input may end within it, as the format has no end */
    /* Bytes that were taken though they lie behind the member, which is over. */
    uint8_t returned[COMPRESSION_BYTES_MAX];
    size_t returned_size;
};

struct format {
    const char *name;
    /* False: there is no memory. */
    bool (*begin)(struct member *member);
    enum step (*step)(struct member *member, struct codec_buffers *buffers);
    void (*deinit)(struct member *member); /* of one that began */
};

extern const struct format gzip_format, bzip2_format, xz_format, zstd_format,
    lz4_format, lz4_legacy_format, skippable_format;

#endif
