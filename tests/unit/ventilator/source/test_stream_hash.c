/* SPDX-License-Identifier: MIT */
/* However the bytes come, wherever one resumes: the same value, and another for other
 * bytes. */
#include "ventilator/source/stream_hash.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 5 * STREAM_HASH_SEGMENT + 777 };

static uint8_t *random_bytes(unsigned seed)
{
    uint8_t *bytes = malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)rand_r(&seed);
    return bytes;
}

static uint64_t hash_of(const uint8_t *bytes, size_t size)
{
    struct stream_hash hash;
    stream_hash_init(&hash);
    stream_hash_add(&hash, bytes, size);
    uint64_t value = stream_hash_value(&hash);
    stream_hash_deinit(&hash);
    return value;
}

Test(stream_hash, is_the_same_however_the_bytes_come)
{
    uint8_t *bytes = random_bytes(1);
    struct stream_hash hash;
    unsigned seed = 2;
    stream_hash_init(&hash);
    cr_expect_eq(stream_hash_value(&hash), 0);
    for (size_t at = 0, step; at < SIZE; at += step) {
        step = 1 + (size_t)rand_r(&seed) % 30000;
        if (step > SIZE - at)
            step = SIZE - at;
        stream_hash_add(&hash, bytes + at, step);
        cr_assert_eq(stream_hash_value(&hash), hash_of(bytes, at + step));
    }
    stream_hash_deinit(&hash);
    free(bytes);
}

Test(stream_hash, is_another_where_a_byte_or_the_order_of_segments_is)
{
    uint8_t *bytes = random_bytes(1);
    uint64_t value = hash_of(bytes, SIZE);
    for (size_t at = 0; at < SIZE; at += SIZE / 7) {
        bytes[at] ^= 1;
        cr_expect_neq(hash_of(bytes, SIZE), value);
        bytes[at] ^= 1;
    }
    cr_expect_neq(hash_of(bytes, SIZE - 1), value);
    uint8_t *other = malloc(SIZE);
    memcpy(other, bytes, SIZE);
    memcpy(other, bytes + STREAM_HASH_SEGMENT, STREAM_HASH_SEGMENT);
    memcpy(other + STREAM_HASH_SEGMENT, bytes, STREAM_HASH_SEGMENT);
    cr_expect_neq(hash_of(other, SIZE), value);
    free(other);
    free(bytes);
}

Test(stream_hash, resumes_from_a_value_with_no_more_than_its_segment)
{
    static const size_t places[] = {0,
                                    1,
                                    STREAM_HASH_SEGMENT - 1,
                                    STREAM_HASH_SEGMENT,
                                    STREAM_HASH_SEGMENT + 1,
                                    3 * STREAM_HASH_SEGMENT + 50,
                                    SIZE};
    uint8_t *bytes = random_bytes(3);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct stream_hash hash;
        stream_hash_init(&hash);
        size_t before = stream_hash_seek(&hash, places[i]);
        cr_assert_lt(before, STREAM_HASH_SEGMENT);
        stream_hash_add(&hash, bytes + places[i] - before, before);
        stream_hash_set(&hash, hash_of(bytes, places[i]));
        stream_hash_add(&hash, bytes + places[i], SIZE - places[i]);
        cr_expect_eq(stream_hash_value(&hash), hash_of(bytes, SIZE), "%zu", places[i]);
        stream_hash_deinit(&hash);
    }
    free(bytes);
}
