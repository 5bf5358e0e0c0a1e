/* SPDX-License-Identifier: MIT */
#include "common/net/payload_codec.h"

#include "common/log.h"
#include "common/memory.h"
#include <inttypes.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum {
    LEAST_BYTES = 512,    /* below, there is little to gain */
    GAIN_PART = 16,       /* of a payload, that compression must save */
    KEPT_BYTES = 4 << 20, /* of the buffer, from one payload to the next */
    ZSTD_LEVEL = 1,       /* links are slow, but hosts have other work too */
};

struct payload_codec {
    ZSTD_CCtx *zstd_out; /* NULL, as the next two: none was needed yet */
    ZSTD_DCtx *zstd_in;
    LZ4F_dctx *lz4_in;
    uint8_t *buffer; /* capacity bytes */
    size_t capacity;
    uint64_t turn_bytes;
    uint64_t before, after; /* bytes of all payloads that it compressed */
};

struct payload_codec *payload_codec_new(void)
{
    return allocate_zeroed(1, sizeof(struct payload_codec));
}

void payload_codec_destroy(struct payload_codec **codec_p)
{
    struct payload_codec *codec = *codec_p;
    if (!codec)
        return;
    ZSTD_freeCCtx(codec->zstd_out);
    ZSTD_freeDCtx(codec->zstd_in);
    LZ4F_freeDecompressionContext(codec->lz4_in);
    free(codec->buffer);
    free(codec);
    *codec_p = NULL;
}

bool payload_codec_is_spent(const struct payload_codec *codec)
{
    return codec->turn_bytes >= COMPRESSED_MAX;
}

void payload_codec_begin_turn(struct payload_codec *codec)
{
    codec->turn_bytes = 0;
}

void payload_codec_log(const struct payload_codec *codec, const char *what)
{
    if (codec->before)
        log_event(LOG_LEVEL_INFO, "compressed",
                  "what=%s bytes=%" PRIu64 " sent=%" PRIu64, what, codec->before,
                  codec->after);
}

/* ---- out ---- */

static void reserve(struct payload_codec *codec, size_t size)
{
    if (size <= codec->capacity)
        return;
    free(codec->buffer);
    codec->buffer = allocate(size);
    codec->capacity = size;
}

static void release(struct payload_codec *codec)
{
    if (codec->capacity <= KEPT_BYTES)
        return;
    free(codec->buffer);
    codec->buffer = NULL;
    codec->capacity = 0;
}

/* Into the buffer; how many bytes it became, 0: more than `most`. */
static size_t compress_zstd(struct payload_codec *codec, struct slice bytes,
                            size_t most)
{
    if (!codec->zstd_out && !(codec->zstd_out = ZSTD_createCCtx()))
        abort_out_of_memory();
    ZSTD_CCtx_setParameter(codec->zstd_out, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    ZSTD_CCtx_setParameter(codec->zstd_out, ZSTD_c_checksumFlag, 1);
    reserve(codec, most);
    size_t size =
        ZSTD_compress2(codec->zstd_out, codec->buffer, most, bytes.data, bytes.size);
    return ZSTD_isError(size) ? 0 : size;
}

static size_t compress_lz4(struct payload_codec *codec, struct slice bytes, size_t most)
{
    const LZ4F_preferences_t preferences = {
        .frameInfo = {.contentChecksumFlag = LZ4F_contentChecksumEnabled,
                      .contentSize = bytes.size},
    };
    size_t bound = LZ4F_compressFrameBound(bytes.size, &preferences);
    reserve(codec, bound);
    size_t size =
        LZ4F_compressFrame(codec->buffer, bound, bytes.data, bytes.size, &preferences);
    return LZ4F_isError(size) || size > most ? 0 : size;
}

static size_t compress(struct payload_codec *codec, enum payload_compression how,
                       struct slice bytes, size_t most)
{
    switch (how) {
    case PAYLOAD_PLAIN:
    case PAYLOAD_LENT:
    case PAYLOAD_PART:
        return 0;
    case PAYLOAD_ZSTD:
        return compress_zstd(codec, bytes, most);
    case PAYLOAD_LZ4:
        return compress_lz4(codec, bytes, most);
    }
    return 0;
}

static void replace(zmq_msg_t *payload, zmq_msg_t *by)
{
    zmq_msg_move(payload, by);
    zmq_msg_close(by);
}

static void message_init(zmq_msg_t *message, size_t size)
{
    if (zmq_msg_init_size(message, size) < 0)
        abort_out_of_memory();
}

bool payload_codec_compress(struct payload_codec *codec,
                            enum payload_compression compression, zmq_msg_t *payload)
{
    struct slice bytes = {zmq_msg_data(payload), zmq_msg_size(payload)};
    if (compression == PAYLOAD_PLAIN || bytes.size < LEAST_BYTES ||
        bytes.size > COMPRESSED_MAX || codec->turn_bytes + bytes.size > COMPRESSED_MAX)
        return false;
    codec->turn_bytes += bytes.size;
    size_t size =
        compress(codec, compression, bytes, bytes.size - bytes.size / GAIN_PART);
    if (size) {
        /* A copy, as nobody knew how much room it takes; it is the smaller part. */
        zmq_msg_t smaller;
        message_init(&smaller, size);
        memcpy(zmq_msg_data(&smaller), codec->buffer, size);
        replace(payload, &smaller);
        codec->before += bytes.size;
        codec->after += size;
    }
    release(codec);
    return size > 0;
}

/* ---- in ---- */

/* One frame and nothing else, which has a checksum, and says the length that the
 * message says; the bytes are looked at only then. A libzstd may also read the formats
 * of before its version 0.8, whose checksums it does not look at. */
static bool is_right_zstd(struct slice bytes, size_t length)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd}; /* RFC 8878, 3.1.1 */
    enum { DESCRIPTOR = sizeof magic, CHECKSUM = 1 << 2 };   /* 3.1.1.1.1 */
    return bytes.size > DESCRIPTOR && memcmp(bytes.data, magic, sizeof magic) == 0 &&
           bytes.data[DESCRIPTOR] & CHECKSUM &&
           ZSTD_getFrameContentSize(bytes.data, bytes.size) == length &&
           ZSTD_findFrameCompressedSize(bytes.data, bytes.size) == bytes.size;
}

static bool decompress_zstd(struct payload_codec *codec, struct slice bytes, void *out,
                            size_t length)
{
    if (!codec->zstd_in && !(codec->zstd_in = ZSTD_createDCtx()))
        abort_out_of_memory();
    return ZSTD_decompressDCtx(codec->zstd_in, out, length, bytes.data, bytes.size) ==
           length;
}

/* Likewise: reads the frame's head, and how long that is. */
static bool read_lz4_head(struct payload_codec *codec, struct slice bytes,
                          size_t length, size_t *ret_head)
{
    LZ4F_frameInfo_t info;
    if (!codec->lz4_in &&
        LZ4F_isError(LZ4F_createDecompressionContext(&codec->lz4_in, LZ4F_VERSION)))
        abort_out_of_memory();
    LZ4F_resetDecompressionContext(codec->lz4_in);
    *ret_head = bytes.size;
    return !LZ4F_isError(
               LZ4F_getFrameInfo(codec->lz4_in, &info, bytes.data, ret_head)) &&
           info.frameType == LZ4F_frame &&
           info.contentChecksumFlag == LZ4F_contentChecksumEnabled &&
           info.contentSize == length;
}

/* The head has been read. 0 from LZ4F_decompress is the end of the frame, with its
 * checksum. */
static bool decompress_lz4(struct payload_codec *codec, struct slice bytes, void *out,
                           size_t length)
{
    const LZ4F_decompressOptions_t options = {.stableDst = 1};
    size_t taken = 0, made = 0, left = 1;
    while (left > 0) {
        size_t in = bytes.size - taken, room = length - made;
        left = LZ4F_decompress(codec->lz4_in, (uint8_t *)out + made, &room,
                               bytes.data + taken, &in, &options);
        if (LZ4F_isError(left) || (in == 0 && room == 0 && left > 0))
            return false;
        taken += in;
        made += room;
    }
    return taken == bytes.size && made == length;
}

/* Whether it is worth the room that it says it needs. *ret_rest is what follows the
 * head that was read. */
static bool is_right(struct payload_codec *codec, enum payload_compression how,
                     struct slice bytes, size_t length, struct slice *ret_rest)
{
    size_t head = 0;
    bool right = how == PAYLOAD_LZ4 ? read_lz4_head(codec, bytes, length, &head)
                                    : is_right_zstd(bytes, length);
    if (right)
        *ret_rest = (struct slice){bytes.data + head, bytes.size - head};
    return right;
}

bool payload_codec_decompress(struct payload_codec *codec,
                              enum payload_compression compression, zmq_msg_t *payload,
                              uint64_t length)
{
    struct slice bytes = {zmq_msg_data(payload), zmq_msg_size(payload)}, rest;
    zmq_msg_t out;
    if (length > COMPRESSED_MAX || compression == PAYLOAD_PLAIN ||
        !is_right(codec, compression, bytes, length, &rest))
        return false;
    codec->turn_bytes += length;
    message_init(&out, length);
    bool well = compression == PAYLOAD_LZ4
                    ? decompress_lz4(codec, rest, zmq_msg_data(&out), length)
                    : decompress_zstd(codec, rest, zmq_msg_data(&out), length);
    if (well)
        replace(payload, &out);
    else
        zmq_msg_close(&out);
    return well;
}
