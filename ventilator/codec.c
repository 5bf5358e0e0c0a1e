/* SPDX-License-Identifier: MIT */
/*
 * A table of formats: begin, step, end. A step is within a member; when that has ended,
 * the next one begins with the next byte, if there is any. xz knows members by itself,
 * as there may be padding between them.
 */
#include "ventilator/codec.h"

#include "common/memory.h"
#include <assert.h>
#include <bzlib.h>
#include <limits.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define XZ_MEMORY_MAX (UINT64_C(1) << 30) /* bytes; xz -9 needs 65 MiB */

enum step { STEP_WITHIN, STEP_OVER /* the member */, STEP_DAMAGED };

struct format {
    bool (*begin)(struct codec *codec); /* a member */
    enum step (*step)(struct codec *codec, struct codec_buffers *buffers);
    void (*deinit)(struct codec *codec);
};

struct codec {
    const struct format *format;
    bool begun;   /* the library has its memory */
    bool within;  /* a member has begun, and has not ended */
    bool members; /* there was one */
    bool padding; /* zeros follow the last one */
    const char *error;
    union {
        z_stream gzip;
        bz_stream bzip2;
        lzma_stream xz;
        ZSTD_DStream *zstd;
        LZ4F_dctx *lz4;
    };
};

static enum step damaged(struct codec *codec, const char *error)
{
    codec->error = error;
    return STEP_DAMAGED;
}

static unsigned at_most(size_t size)
{
    return size < UINT_MAX ? (unsigned)size : UINT_MAX;
}

static void use(struct codec_buffers *buffers, size_t in, size_t out)
{
    buffers->in += in;
    buffers->in_size -= in;
    buffers->out += out;
    buffers->out_size -= out;
}

/* ---- gzip ---- */

static bool begin_gzip(struct codec *codec)
{
    enum { WITH_GZIP_HEADER = 16 };
    if (codec->begun)
        return inflateReset(&codec->gzip) == Z_OK;
    return inflateInit2(&codec->gzip, MAX_WBITS + WITH_GZIP_HEADER) == Z_OK;
}

static enum step step_gzip(struct codec *codec, struct codec_buffers *buffers)
{
    z_stream *stream = &codec->gzip;
    unsigned in = at_most(buffers->in_size), out = at_most(buffers->out_size);
    stream->next_in = (uint8_t *)(uintptr_t)buffers->in; /* which it only reads */
    stream->avail_in = in;
    stream->next_out = buffers->out;
    stream->avail_out = out;
    int result = inflate(stream, Z_NO_FLUSH);
    use(buffers, in - stream->avail_in, out - stream->avail_out);
    if (result == Z_MEM_ERROR)
        abort_out_of_memory();
    if (result == Z_STREAM_END)
        return STEP_OVER;
    if (result == Z_OK || result == Z_BUF_ERROR)
        return STEP_WITHIN;
    return damaged(codec, stream->msg ? stream->msg : "corrupted data");
}

static void deinit_gzip(struct codec *codec)
{
    inflateEnd(&codec->gzip);
}

/* ---- bzip2 ---- */

static void deinit_bzip2(struct codec *codec)
{
    BZ2_bzDecompressEnd(&codec->bzip2);
}

static bool begin_bzip2(struct codec *codec)
{
    if (codec->begun)
        deinit_bzip2(codec);
    codec->bzip2 = (bz_stream){.bzalloc = NULL};
    return BZ2_bzDecompressInit(&codec->bzip2, 0, 0) == BZ_OK;
}

static enum step step_bzip2(struct codec *codec, struct codec_buffers *buffers)
{
    bz_stream *stream = &codec->bzip2;
    unsigned in = at_most(buffers->in_size), out = at_most(buffers->out_size);
    stream->next_in = (char *)(uintptr_t)buffers->in; /* which it only reads */
    stream->avail_in = in;
    stream->next_out = (char *)buffers->out;
    stream->avail_out = out;
    int result = BZ2_bzDecompress(stream);
    use(buffers, in - stream->avail_in, out - stream->avail_out);
    if (result == BZ_MEM_ERROR)
        abort_out_of_memory();
    if (result == BZ_STREAM_END)
        return STEP_OVER;
    if (result == BZ_OK)
        return STEP_WITHIN;
    return damaged(codec, result == BZ_DATA_ERROR_MAGIC
                              ? "what follows is not bzip2"
                              : "corrupted data, or a checksum that differs");
}

/* ---- xz ---- */

static bool begin_xz(struct codec *codec)
{
    static const lzma_stream fresh = LZMA_STREAM_INIT;
    codec->xz = fresh;
    return lzma_stream_decoder(&codec->xz, XZ_MEMORY_MAX, LZMA_CONCATENATED) == LZMA_OK;
}

static const char *describe_xz(lzma_ret result)
{
    switch ((int)result) {
    case LZMA_FORMAT_ERROR:
        return "what follows is not xz";
    case LZMA_OPTIONS_ERROR:
        return "it needs options that this liblzma does not have";
    case LZMA_MEMLIMIT_ERROR:
        return "it needs more than 1 GiB of memory";
    default:
        return "corrupted data, or a checksum that differs";
    }
}

static enum step run_xz(struct codec *codec, struct codec_buffers *buffers,
                        lzma_action action)
{
    lzma_stream *stream = &codec->xz;
    stream->next_in = buffers->in;
    stream->avail_in = buffers->in_size;
    stream->next_out = buffers->out;
    stream->avail_out = buffers->out_size;
    lzma_ret result = lzma_code(stream, action);
    use(buffers, buffers->in_size - stream->avail_in,
        buffers->out_size - stream->avail_out);
    if (result == LZMA_MEM_ERROR)
        abort_out_of_memory();
    if (result == LZMA_STREAM_END)
        return STEP_OVER;
    if (result == LZMA_OK || result == LZMA_BUF_ERROR)
        return STEP_WITHIN;
    return damaged(codec, describe_xz(result));
}

static enum step step_xz(struct codec *codec, struct codec_buffers *buffers)
{
    return run_xz(codec, buffers, LZMA_RUN);
}

static void deinit_xz(struct codec *codec)
{
    lzma_end(&codec->xz);
}

/* ---- zstd ---- */

static bool begin_zstd(struct codec *codec)
{
    if (!codec->begun)
        codec->zstd = ZSTD_createDStream();
    return codec->zstd && !ZSTD_isError(ZSTD_initDStream(codec->zstd));
}

static enum step step_zstd(struct codec *codec, struct codec_buffers *buffers)
{
    ZSTD_inBuffer in = {buffers->in, buffers->in_size, 0};
    ZSTD_outBuffer out = {buffers->out, buffers->out_size, 0};
    size_t result = ZSTD_decompressStream(codec->zstd, &out, &in);
    use(buffers, in.pos, out.pos);
    if (ZSTD_isError(result))
        return damaged(codec, ZSTD_getErrorName(result));
    return result == 0 ? STEP_OVER : STEP_WITHIN;
}

static void deinit_zstd(struct codec *codec)
{
    ZSTD_freeDStream(codec->zstd);
}

/* ---- lz4 ---- */

static bool begin_lz4(struct codec *codec)
{
    if (!codec->begun)
        return !LZ4F_isError(
            LZ4F_createDecompressionContext(&codec->lz4, LZ4F_VERSION));
    LZ4F_resetDecompressionContext(codec->lz4);
    return true;
}

static enum step step_lz4(struct codec *codec, struct codec_buffers *buffers)
{
    size_t in = buffers->in_size, out = buffers->out_size;
    size_t result =
        LZ4F_decompress(codec->lz4, buffers->out, &out, buffers->in, &in, NULL);
    if (LZ4F_isError(result))
        return damaged(codec, LZ4F_getErrorName(result));
    use(buffers, in, out);
    return result == 0 ? STEP_OVER : STEP_WITHIN;
}

static void deinit_lz4(struct codec *codec)
{
    LZ4F_freeDecompressionContext(codec->lz4);
}

/* ---- any ---- */

static const struct format formats[] = {
    [COMPRESSION_GZIP] = {begin_gzip, step_gzip, deinit_gzip},
    [COMPRESSION_BZIP2] = {begin_bzip2, step_bzip2, deinit_bzip2},
    [COMPRESSION_XZ] = {begin_xz, step_xz, deinit_xz},
    [COMPRESSION_ZSTD] = {begin_zstd, step_zstd, deinit_zstd},
    [COMPRESSION_LZ4] = {begin_lz4, step_lz4, deinit_lz4},
};

struct codec *codec_new(enum compression compression)
{
    assert(compression > COMPRESSION_NONE && compression < COMPRESSION_COUNT);
    struct codec *codec = allocate_zeroed(1, sizeof *codec);
    codec->format = &formats[compression];
    return codec;
}

void codec_destroy(struct codec **codec_p)
{
    struct codec *codec = *codec_p;
    if (!codec)
        return;
    if (codec->begun)
        codec->format->deinit(codec);
    free(codec);
    *codec_p = NULL;
}

static void begin_member(struct codec *codec)
{
    if (!codec->format->begin(codec))
        abort_out_of_memory(); /* the one thing that can go wrong there */
    codec->begun = codec->within = codec->members = true;
}

/* What was written in blocks, to a tape for one, may be filled up with zeros behind the
 * last member of gzip. */
static bool skip_padding(struct codec *codec, struct codec_buffers *buffers)
{
    if (codec->format != &formats[COMPRESSION_GZIP] || !codec->members)
        return false;
    while (buffers->in_size > 0 && buffers->in[0] == 0) {
        codec->padding = true;
        use(buffers, 1, 0);
    }
    return buffers->in_size == 0;
}

enum codec_outcome codec_step(struct codec *codec, struct codec_buffers *buffers)
{
    if (codec->error)
        return CODEC_DAMAGED;
    if (!codec->within) {
        if (buffers->in_size == 0 || skip_padding(codec, buffers))
            return CODEC_GOES_ON;
        if (codec->padding) {
            codec->error = "something follows its end";
            return CODEC_DAMAGED;
        }
        begin_member(codec);
    }
    switch (codec->format->step(codec, buffers)) {
    case STEP_OVER:
        codec->within = false;
        return CODEC_GOES_ON;
    case STEP_WITHIN:
        return CODEC_GOES_ON;
    case STEP_DAMAGED:
        break;
    }
    return CODEC_DAMAGED;
}

enum codec_outcome codec_end(struct codec *codec)
{
    static const char cut[] = "it is cut short: it ends within compressed data";
    uint8_t none[1];
    struct codec_buffers buffers = {.out = none, .out_size = sizeof none};
    if (codec->error)
        return CODEC_DAMAGED;
    if (codec->within && codec->format == &formats[COMPRESSION_XZ] &&
        run_xz(codec, &buffers, LZMA_FINISH) == STEP_OVER)
        codec->within = false;
    if (codec->within && !codec->error)
        codec->error = cut;
    return codec->error ? CODEC_DAMAGED : CODEC_GOES_ON;
}

const char *codec_error(const struct codec *codec)
{
    return codec->error ? codec->error : "";
}
