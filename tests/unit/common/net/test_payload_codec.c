/* SPDX-License-Identifier: MIT */
#include "common/net/payload_codec.h"
#include <criterion/criterion.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static const enum payload_compression both[] = {PAYLOAD_ZSTD, PAYLOAD_LZ4};
static const size_t ways = sizeof both / sizeof *both;

static struct payload_codec *codec;

static void open_codec(void)
{
    codec = payload_codec_new();
}

static void close_codec(void)
{
    payload_codec_destroy(&codec);
    cr_assert_null(codec);
}

TestSuite(payload_codec, .init = open_codec, .fini = close_codec);

static void fill(zmq_msg_t *message, const void *data, size_t size)
{
    zmq_msg_init_size(message, size);
    if (data)
        memcpy(zmq_msg_data(message), data, size);
}

/* Text-like, and no two parts of it the same. */
static void write_text(zmq_msg_t *message, size_t size)
{
    fill(message, NULL, size);
    char *data = zmq_msg_data(message);
    for (size_t at = 0, line = 0; at < size; line++) {
        char text[64];
        int length = snprintf(text, sizeof text, "the line of number %zu\n", line);
        for (int i = 0; i < length && at < size; i++)
            data[at++] = text[i];
    }
}

static void write_noise(zmq_msg_t *message, size_t size)
{
    uint64_t state = 88172645463325252u;
    fill(message, NULL, size);
    uint8_t *data = zmq_msg_data(message);
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data[i] = (uint8_t)state;
    }
}

static bool same(zmq_msg_t *a, zmq_msg_t *b)
{
    return zmq_msg_size(a) == zmq_msg_size(b) &&
           memcmp(zmq_msg_data(a), zmq_msg_data(b), zmq_msg_size(a)) == 0;
}

/* 5,000 bytes of text and what they become. */
static void make_pair(enum payload_compression way, zmq_msg_t *text, zmq_msg_t *packed)
{
    write_text(text, 5000);
    write_text(packed, 5000);
    cr_assert(payload_codec_compress(codec, way, packed));
}

Test(payload_codec, gives_back_what_it_was_given)
{
    static const size_t sizes[] = {512, 513, 4096, 65536, 65537, 1 << 20, 9 << 20};
    for (size_t i = 0; i < ways; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            zmq_msg_t text, packed;
            write_text(&text, sizes[k]);
            write_text(&packed, sizes[k]);
            cr_assert(payload_codec_compress(codec, both[i], &packed));
            cr_assert_lt(zmq_msg_size(&packed), sizes[k] - sizes[k] / 16 + 1);
            cr_assert(payload_codec_decompress(codec, both[i], &packed, sizes[k]));
            cr_assert(same(&text, &packed), "%zu bytes", sizes[k]);
            zmq_msg_close(&text);
            zmq_msg_close(&packed);
            payload_codec_begin_turn(codec);
        }
}

Test(payload_codec, leaves_alone_what_is_short_or_noise_or_not_to_be_compressed)
{
    zmq_msg_t bytes, twin;
    for (size_t i = 0; i < ways; i++) {
        write_text(&bytes, 511);
        cr_assert_not(payload_codec_compress(codec, both[i], &bytes));
        zmq_msg_close(&bytes);
        zmq_msg_init(&bytes);
        cr_assert_not(payload_codec_compress(codec, both[i], &bytes));
        zmq_msg_close(&bytes);
        write_noise(&bytes, 100000);
        write_noise(&twin, 100000);
        cr_assert_not(payload_codec_compress(codec, both[i], &bytes));
        cr_assert(same(&bytes, &twin));
        zmq_msg_close(&bytes);
        zmq_msg_close(&twin);
    }
    write_text(&bytes, 5000);
    cr_assert_not(payload_codec_compress(codec, PAYLOAD_PLAIN, &bytes));
    cr_assert_eq(zmq_msg_size(&bytes), 5000);
    zmq_msg_close(&bytes);
}

Test(payload_codec, compresses_no_more_in_a_turn_than_a_heartbeat_bears)
{
    zmq_msg_t bytes;
    zmq_msg_init_size(&bytes, COMPRESSED_MAX + 1);
    memset(zmq_msg_data(&bytes), 'a', COMPRESSED_MAX + 1);
    cr_assert_not(payload_codec_compress(codec, PAYLOAD_LZ4, &bytes));
    zmq_msg_close(&bytes);
    zmq_msg_init_size(&bytes, COMPRESSED_MAX);
    memset(zmq_msg_data(&bytes), 'a', COMPRESSED_MAX);
    cr_assert(payload_codec_compress(codec, PAYLOAD_LZ4, &bytes));
    cr_assert(payload_codec_is_spent(codec));
    zmq_msg_t small;
    write_text(&small, 1000);
    cr_assert_not(payload_codec_compress(codec, PAYLOAD_LZ4, &small));
    payload_codec_begin_turn(codec);
    cr_assert_not(payload_codec_is_spent(codec));
    cr_assert(payload_codec_compress(codec, PAYLOAD_LZ4, &small));
    cr_assert(payload_codec_decompress(codec, PAYLOAD_LZ4, &bytes, COMPRESSED_MAX));
    cr_assert(payload_codec_is_spent(codec), "what comes in counts as well");
    zmq_msg_close(&bytes);
    zmq_msg_close(&small);
}

Test(payload_codec, refuses_every_payload_of_which_a_bit_is_wrong_or_that_is_cut)
{
    for (size_t i = 0; i < ways; i++) {
        zmq_msg_t text, packed, bad;
        make_pair(both[i], &text, &packed);
        size_t size = zmq_msg_size(&packed);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            fill(&bad, zmq_msg_data(&packed), size);
            ((uint8_t *)zmq_msg_data(&bad))[bit / 8] ^= (uint8_t)(1u << bit % 8);
            bool taken = payload_codec_decompress(codec, both[i], &bad, 5000);
            cr_assert(!taken || same(&bad, &text), "bit %zu of way %zu", bit, i);
            zmq_msg_close(&bad);
        }
        for (size_t cut = 0; cut < size; cut++) {
            fill(&bad, zmq_msg_data(&packed), cut);
            cr_assert_not(payload_codec_decompress(codec, both[i], &bad, 5000));
            zmq_msg_close(&bad);
        }
        fill(&bad, NULL, size + 1);
        memcpy(zmq_msg_data(&bad), zmq_msg_data(&packed), size);
        ((uint8_t *)zmq_msg_data(&bad))[size] = 0;
        cr_assert_not(payload_codec_decompress(codec, both[i], &bad, 5000));
        zmq_msg_close(&bad);
        cr_assert(payload_codec_decompress(codec, both[i], &packed, 5000),
                  "it is usable after all that");
        zmq_msg_close(&text);
        zmq_msg_close(&packed);
    }
}

Test(payload_codec, refuses_what_becomes_longer_or_shorter_than_was_said)
{
    static const size_t lengths[] = {0, 1, 4999, 5001, COMPRESSED_MAX};
    for (size_t i = 0; i < ways; i++) {
        zmq_msg_t text, packed;
        make_pair(both[i], &text, &packed);
        for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++)
            cr_assert_not(
                payload_codec_decompress(codec, both[i], &packed, lengths[k]));
        cr_assert_not(payload_codec_decompress(codec, both[i], &packed,
                                               (uint64_t)COMPRESSED_MAX + 1));
        cr_assert_not(payload_codec_decompress(codec, both[1 - i], &packed, 5000));
        zmq_msg_close(&text);
        zmq_msg_close(&packed);
    }
}

/* Frames as the libraries make them by default: without a checksum, or without a word
 * of their length, they are not taken. */
Test(payload_codec, refuses_a_frame_without_a_checksum_or_a_length)
{
    zmq_msg_t text, packed;
    uint8_t frame[8192];
    write_text(&text, 5000);
    size_t size = ZSTD_compress(frame, sizeof frame, zmq_msg_data(&text), 5000,
                                ZSTD_CLEVEL_DEFAULT);
    fill(&packed, frame, size);
    cr_assert_not(payload_codec_decompress(codec, PAYLOAD_ZSTD, &packed, 5000));
    zmq_msg_close(&packed);
    LZ4F_preferences_t preferences = {.frameInfo = {.contentSize = 5000}};
    for (int i = 0; i < 2; i++) {
        size = LZ4F_compressFrame(frame, sizeof frame, zmq_msg_data(&text), 5000,
                                  &preferences);
        fill(&packed, frame, size);
        cr_assert_not(payload_codec_decompress(codec, PAYLOAD_LZ4, &packed, 5000));
        zmq_msg_close(&packed);
        preferences.frameInfo.contentSize = 0;
        preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    }
    zmq_msg_close(&text);
}

/* Two frames that together are as long as was said. */
Test(payload_codec, refuses_a_second_frame)
{
    zmq_msg_t text, packed, twice;
    make_pair(PAYLOAD_ZSTD, &text, &packed);
    size_t size = zmq_msg_size(&packed);
    fill(&twice, NULL, 2 * size);
    memcpy(zmq_msg_data(&twice), zmq_msg_data(&packed), size);
    memcpy((uint8_t *)zmq_msg_data(&twice) + size, zmq_msg_data(&packed), size);
    cr_assert_not(payload_codec_decompress(codec, PAYLOAD_ZSTD, &twice, 10000));
    zmq_msg_close(&text);
    zmq_msg_close(&packed);
    zmq_msg_close(&twice);
}

Test(payload_codec, refuses_the_format_of_old_zstds_whose_checksum_nobody_looks_at)
{
    /* zstd 0.7: a raw block of "hello", and an end whose 22 bits of checksum are 0. */
    static const uint8_t old[] = {0x27, 0xb5, 0x2f, 0xfd, 0x24, 5,    0x40, 0, 5,
                                  'h',  'e',  'l',  'l',  'o',  0xc0, 0,    0};
    zmq_msg_t message;
    fill(&message, old, sizeof old);
    cr_assert_not(payload_codec_decompress(codec, PAYLOAD_ZSTD, &message, 5));
    zmq_msg_close(&message);
}
