/* SPDX-License-Identifier: MIT */
/*
 * Goes from member to member: looks for the bytes that one begins with, gives them and
 * all that follows to its format until that says that it is over, and looks again. What
 * was looked at is held until it is known what it is.
 */
#include "ventilator/source/decompress/codec.h"

#include "common/memory.h"
#include "ventilator/source/decompress/format.h"
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct codec {
    enum compression compression; /* SKIPPABLE: not known yet */
    const struct format *format;  /* of the member that we are in; NULL: between two */
    struct member members[COMPRESSION_COUNT], *member;
    uint8_t held[COMPRESSION_BYTES_MAX];
    size_t held_size, held_used;
    uint64_t taken; /* bytes of the input */
    uint64_t end;   /* of the last member that is over; 0: there was none */
    bool damaged;
    char error[200];
};

static const struct format *const formats[] = {
    [COMPRESSION_GZIP] = &gzip_format,
    [COMPRESSION_BZIP2] = &bzip2_format,
    [COMPRESSION_XZ] = &xz_format,
    [COMPRESSION_ZSTD] = &zstd_format,
    [COMPRESSION_LZ4] = &lz4_format,
    [COMPRESSION_LZ4_LEGACY] = &lz4_legacy_format,
    [COMPRESSION_SKIPPABLE] = &skippable_format,
};

struct codec *codec_new(enum compression compression)
{
    assert(compression > COMPRESSION_NONE && compression < COMPRESSION_COUNT);
    struct codec *codec = allocate_zeroed(1, sizeof *codec);
    codec->compression = compression;
    return codec;
}

void codec_destroy(struct codec **codec_p)
{
    struct codec *codec = *codec_p;
    if (!codec)
        return;
    for (int i = COMPRESSION_NONE + 1; i < COMPRESSION_COUNT; i++)
        if (codec->members[i].state)
            formats[i]->deinit(&codec->members[i]);
    free(codec);
    *codec_p = NULL;
}

/* ---- damage ---- */

static const char *name_of(const struct codec *codec)
{
    return formats[codec->compression]->name;
}

static enum codec_outcome refuse_member(struct codec *codec)
{
    const char *why = codec->member->error;
    codec->damaged = true;
    snprintf(codec->error, sizeof codec->error, "its %s data are damaged%s%s%s",
             name_of(codec), why ? " (" : "", why ? why : "", why ? ")" : "");
    return CODEC_DAMAGED;
}

static enum codec_outcome refuse_others(struct codec *codec)
{
    codec->damaged = true;
    if (codec->end == 0)
        snprintf(codec->error, sizeof codec->error, "it does not begin as %s does",
                 name_of(codec));
    else
        snprintf(codec->error, sizeof codec->error,
                 "its %s data end after %" PRIu64
                 " bytes, and other bytes follow (head -c %" PRIu64 " leaves them out)",
                 name_of(codec), codec->end, codec->end);
    return CODEC_DAMAGED;
}

/* ---- between members ---- */

/* Whether a member of this kind may follow. */
static bool is_kin(enum compression compression, enum compression next)
{
    bool of_lz4 = next == COMPRESSION_LZ4 || next == COMPRESSION_LZ4_LEGACY;
    switch ((int)compression) {
    case COMPRESSION_SKIPPABLE:
        return of_lz4 || next == COMPRESSION_ZSTD || next == COMPRESSION_SKIPPABLE;
    case COMPRESSION_LZ4:
    case COMPRESSION_LZ4_LEGACY:
        return of_lz4 || next == COMPRESSION_SKIPPABLE;
    case COMPRESSION_ZSTD:
        return next == COMPRESSION_ZSTD || next == COMPRESSION_SKIPPABLE;
    default:
        return next == compression;
    }
}

static enum codec_outcome begin_member(struct codec *codec, enum compression kind)
{
    if (!is_kin(codec->compression, kind))
        return refuse_others(codec);
    if (kind != COMPRESSION_SKIPPABLE)
        codec->compression = kind;
    codec->format = formats[kind];
    codec->member = &codec->members[kind];
    codec->held_used = 0;
    codec->taken -= codec->held_size; /* step counts them */
    if (!codec->format->begin(codec->member))
        abort_out_of_memory(); /* the only failure that can be */
    return CODEC_OK;
}

/* Programs that write whole blocks, to a tape for one, fill the last one up. */
static bool is_padding(const struct codec *codec, uint8_t byte)
{
    return codec->end > 0 && codec->held_size == 0 && byte == 0;
}

static void hold(struct codec *codec, uint8_t byte)
{
    if (!is_padding(codec, byte))
        codec->held[codec->held_size++] = byte;
}

/* Takes bytes until they tell what begins with them, or there are no more. */
static enum codec_outcome look(struct codec *codec, struct codec_buffers *buffers)
{
    while (!codec->format && buffers->in_size > 0) {
        hold(codec, *buffers->in);
        codec_buffers_use(buffers, 1, 0);
        codec->taken++;
        if (codec->held_size == 0)
            continue;
        enum compression kind = compression_of(codec->held, codec->held_size);
        if (kind == COMPRESSION_NONE)
            return refuse_others(codec);
        if (kind != COMPRESSION_UNKNOWN && begin_member(codec, kind) != CODEC_OK)
            return CODEC_DAMAGED;
    }
    return CODEC_OK;
}

/* What the member gave back is looked at as if it came in now. */
static enum codec_outcome end_member(struct codec *codec)
{
    struct member *member = codec->member;
    struct codec_buffers returned = {.in = member->returned,
                                     .in_size = member->returned_size};
    codec->taken -= member->returned_size;
    codec->end = codec->taken;
    codec->format = NULL;
    codec->held_size = 0;
    member->returned_size = 0;
    return look(codec, &returned);
}

/* ---- within one ---- */

static enum codec_outcome step(struct codec *codec, struct codec_buffers *buffers)
{
    size_t before = buffers->in_size;
    enum step outcome = codec->format->step(codec->member, buffers);
    codec->taken += before - buffers->in_size;
    switch (outcome) {
    case STEP_OVER:
        return end_member(codec);
    case STEP_WITHIN:
        return CODEC_OK;
    case STEP_DAMAGED:
        break;
    }
    return refuse_member(codec);
}

/* The member's first bytes, which are held, as far as there is room. No format ends
 * within them. */
static enum codec_outcome step_held(struct codec *codec, struct codec_buffers *buffers)
{
    enum codec_outcome outcome = CODEC_OK;
    while (codec->format && codec->held_used < codec->held_size && buffers->out_size &&
           outcome == CODEC_OK) {
        struct codec_buffers first = {
            .in = codec->held + codec->held_used,
            .in_size = codec->held_size - codec->held_used,
            .out = buffers->out,
            .out_size = buffers->out_size,
        };
        outcome = step(codec, &first);
        codec->held_used = codec->held_size - first.in_size;
        codec_buffers_use(buffers, 0, buffers->out_size - first.out_size);
    }
    return outcome;
}

/* A member that gave bytes back may have begun the next one. */
enum codec_outcome codec_step(struct codec *codec, struct codec_buffers *buffers)
{
    if (codec->damaged || look(codec, buffers) != CODEC_OK ||
        step_held(codec, buffers) != CODEC_OK)
        return CODEC_DAMAGED;
    if (!codec->format || codec->held_used < codec->held_size)
        return CODEC_OK;
    return step(codec, buffers) == CODEC_OK ? step_held(codec, buffers) : CODEC_DAMAGED;
}

enum codec_outcome codec_end(struct codec *codec)
{
    bool within = codec->format && !codec->member->may_end;
    if (!codec->damaged && (within || (!codec->format && codec->held_size > 0))) {
        codec->damaged = true;
        snprintf(codec->error, sizeof codec->error,
                 "it is cut short: it ends within compressed data");
    }
    return codec->damaged ? CODEC_DAMAGED : CODEC_OK;
}

const char *codec_error(const struct codec *codec)
{
    return codec->error;
}
