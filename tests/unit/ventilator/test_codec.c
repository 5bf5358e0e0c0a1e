/* SPDX-License-Identifier: MIT */
/* Each format, in steps of any size: "hello\n" in what the tools make of it. */
#include "ventilator/codec.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER(kind, text)                           \
    {                                                \
        kind, (const uint8_t *)text, sizeof text - 1 \
    }

static const struct member {
    enum compression kind;
    const uint8_t *bytes;
    size_t size;
} members[] = {
    MEMBER(COMPRESSION_GZIP, "\037\213\010\000\000\000\000\000\000\003\313\110\315\311"
                             "\311\347\002\000\040\060\072\066\006\000\000\000"),
    MEMBER(COMPRESSION_BZIP2,
           "\102\132\150\071\061\101\131\046\123\131\301\300\200\342\000\000\001\101"
           "\000\000\020\002\104\240\000\060\315\000\303\106\051\227\027\162\105\070"
           "\120\220\301\300\200\342"),
    MEMBER(COMPRESSION_XZ,
           "\375\067\172\130\132\000\000\004\346\326\264\106\002\000\041\001\026\000"
           "\000\000\164\057\345\243\001\000\005\150\145\154\154\157\012\000\000\000"
           "\245\140\227\361\224\366\375\340\000\001\036\006\301\057\244\035\037\266"
           "\363\175\001\000\000\000\000\004\131\132"),
    MEMBER(
        COMPRESSION_ZSTD,
        "\050\265\057\375\004\130\061\000\000\150\145\154\154\157\012\123\210\275\221"),
    MEMBER(COMPRESSION_LZ4, "\004\042\115\030\144\100\247\006\000\000\200\150\145\154"
                            "\154\157\012\000\000\000\000\371\133\153\224"),
};

enum { MEMBERS = sizeof members / sizeof *members, OUT_MAX = 4096 };

static const char content[] = "hello\n";

struct outcome {
    bool good;
    char text[OUT_MAX];
    size_t size;
    char error[128];
};

/* Feeds `in` in pieces and takes what comes in pieces. */
static struct outcome decode(enum compression kind, const uint8_t *in, size_t size,
                             size_t in_step, size_t out_step)
{
    struct outcome outcome = {.good = true};
    struct codec *codec = codec_new(kind);
    while (size > 0 && outcome.good) {
        size_t piece = size < in_step ? size : in_step;
        struct codec_buffers buffers = {.in = in, .in_size = piece};
        do {
            buffers.out = (uint8_t *)outcome.text + outcome.size;
            buffers.out_size = out_step;
            outcome.good = codec_step(codec, &buffers) == CODEC_GOES_ON;
            outcome.size += out_step - buffers.out_size;
        } while (outcome.good && (buffers.in_size > 0 || buffers.out_size == 0));
        in += piece;
        size -= piece;
    }
    outcome.good = outcome.good && codec_end(codec) == CODEC_GOES_ON;
    strncpy(outcome.error, codec_error(codec), sizeof outcome.error - 1);
    codec_destroy(&codec);
    cr_assert_null(codec);
    return outcome;
}

static struct outcome decode_all(const struct member *member, const uint8_t *bytes,
                                 size_t size)
{
    return decode(member->kind, bytes, size, size, 100);
}

static uint8_t *copy_of(const struct member *member, size_t times, size_t more)
{
    uint8_t *bytes = calloc(1, member->size * times + more);
    for (size_t i = 0; i < times; i++)
        memcpy(bytes + i * member->size, member->bytes, member->size);
    return bytes;
}

Test(codec, makes_the_same_of_it_in_steps_of_any_size)
{
    for (size_t i = 0; i < MEMBERS; i++)
        for (size_t in_step = 1; in_step < 20; in_step += 3)
            for (size_t out_step = 1; out_step < 10; out_step += 2) {
                struct outcome outcome = decode(members[i].kind, members[i].bytes,
                                                members[i].size, in_step, out_step);
                cr_assert(outcome.good, "%zu: %s", i, outcome.error);
                cr_assert_eq(outcome.size, strlen(content));
                cr_assert_eq(memcmp(outcome.text, content, outcome.size), 0);
            }
}

Test(codec, takes_members_that_follow_each_other_as_one_content)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        uint8_t *bytes = copy_of(&members[i], 3, 0);
        struct outcome outcome = decode_all(&members[i], bytes, 3 * members[i].size);
        cr_expect(outcome.good, "%zu: %s", i, outcome.error);
        cr_expect_eq(outcome.size, 3 * strlen(content));
        free(bytes);
    }
}

Test(codec, says_of_every_place_that_it_is_cut_there)
{
    for (size_t i = 0; i < MEMBERS; i++)
        for (size_t size = 1; size < members[i].size; size++) {
            struct outcome outcome = decode_all(&members[i], members[i].bytes, size);
            cr_expect(!outcome.good, "%zu, cut to %zu", i, size);
            cr_expect(strstr(outcome.error, "cut short"), "%zu, cut to %zu: %s", i,
                      size, outcome.error);
        }
}

/* Not every bit of a header matters; but never does other content come of it. */
Test(codec, makes_no_other_content_of_a_bit_that_is_another)
{
    for (size_t i = 0; i < MEMBERS; i++)
        for (size_t bit = 0; bit < 8 * members[i].size; bit++) {
            uint8_t *bytes = copy_of(&members[i], 1, 0);
            bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            struct outcome outcome = decode_all(&members[i], bytes, members[i].size);
            cr_expect(!outcome.good || (outcome.size == strlen(content) &&
                                        memcmp(outcome.text, content, 6) == 0),
                      "%zu, bit %zu", i, bit);
            free(bytes);
        }
}

Test(codec, takes_nothing_else_for_a_member)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        uint8_t *bytes = copy_of(&members[i], 1, 12);
        memcpy(bytes + members[i].size, "and garbage\n", 12);
        struct outcome outcome = decode_all(&members[i], bytes, members[i].size + 12);
        cr_expect(!outcome.good && outcome.error[0], "%zu", i);
        cr_expect_eq(outcome.size, strlen(content));
        free(bytes);
    }
}

Test(codec, lets_gzip_be_filled_up_with_zeros_and_no_more)
{
    const struct member *gzip = &members[0];
    uint8_t *bytes = copy_of(gzip, 1, 512);
    cr_expect(decode(gzip->kind, bytes, gzip->size + 512, 7, 100).good);
    bytes[gzip->size + 511] = 'x';
    cr_expect(!decode(gzip->kind, bytes, gzip->size + 512, 7, 100).good);
    free(bytes);
}
