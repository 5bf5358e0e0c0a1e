/* SPDX-License-Identifier: MIT */
/*
 * What the codec takes of a peer becomes exactly as many bytes as the message says, and
 * they survive a round through the codec; what it refuses stays as it was.
 */
#include "fuzz_payload.h"
#include "common/net/payload_codec.h"
#include <stdlib.h>
#include <string.h>

/* The compression, then the length that the message says. */
enum { PREFIX = 5, LENGTH_MAX = 1 << 20 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void fill(zmq_msg_t *message, const void *data, size_t size)
{
    zmq_msg_init_size(message, size);
    if (size)
        memcpy(zmq_msg_data(message), data, size);
}

static bool same(zmq_msg_t *message, const void *data, size_t size)
{
    return zmq_msg_size(message) == size &&
           (size == 0 || memcmp(zmq_msg_data(message), data, size) == 0);
}

static void check_roundtrip(struct payload_codec *codec, enum payload_compression way,
                            zmq_msg_t *bytes)
{
    zmq_msg_t packed;
    size_t size = zmq_msg_size(bytes);
    fill(&packed, zmq_msg_data(bytes), size);
    if (payload_codec_compress(codec, way, &packed))
        require(payload_codec_decompress(codec, way, &packed, size));
    require(same(&packed, zmq_msg_data(bytes), size));
    zmq_msg_close(&packed);
}

bool drive_payload(const uint8_t *data, size_t size)
{
    static struct payload_codec *codec;
    zmq_msg_t message;
    if (size < PREFIX)
        return false;
    if (!codec)
        codec = payload_codec_new();
    enum payload_compression way = data[0] & 1 ? PAYLOAD_LZ4 : PAYLOAD_ZSTD;
    uint64_t length = (uint64_t)data[1] << 24 | (uint64_t)data[2] << 16 |
                      (uint64_t)data[3] << 8 | data[4];
    length %= LENGTH_MAX;
    fill(&message, data + PREFIX, size - PREFIX);
    payload_codec_begin_turn(codec);
    bool taken = payload_codec_decompress(codec, way, &message, length);
    if (taken) {
        require(zmq_msg_size(&message) == length);
        check_roundtrip(codec, way, &message);
    } else {
        require(same(&message, data + PREFIX, size - PREFIX));
    }
    zmq_msg_close(&message);
    return taken;
}

#ifdef FANFOLD_FUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    drive_payload(data, size);
    return 0;
}
#endif
