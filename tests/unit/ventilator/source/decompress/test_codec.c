/* SPDX-License-Identifier: MIT */
/* Each format, in steps of any size: "hello\n" in what the tools make of it. */
#include "ventilator/source/decompress/codec.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
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
    char error[200];
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
            outcome.good = codec_step(codec, &buffers) == CODEC_OK;
            outcome.size += out_step - buffers.out_size;
        } while (outcome.good && (buffers.in_size > 0 || buffers.out_size == 0));
        in += piece;
        size -= piece;
    }
    outcome.good = outcome.good && codec_end(codec) == CODEC_OK;
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

Test(codec, makes_the_same_content_in_steps_of_any_size)
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

Test(codec, notices_a_cut_at_every_place)
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
Test(codec, never_takes_a_changed_bit_for_other_content)
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

Test(codec, says_where_a_member_ends_that_other_bytes_follow)
{
    for (size_t i = 0; i < MEMBERS; i++)
        for (size_t step = 1; step < 40; step += 4) {
            char where[64];
            uint8_t *bytes = copy_of(&members[i], 2, 12);
            memcpy(bytes + 2 * members[i].size, "and garbage\n", 12);
            struct outcome outcome =
                decode(members[i].kind, bytes, 2 * members[i].size + 12, step, 100);
            snprintf(where, sizeof where, "end after %zu bytes, and other bytes follow",
                     2 * members[i].size);
            cr_expect(!outcome.good && strstr(outcome.error, where), "%zu: %s", i,
                      outcome.error);
            cr_expect_eq(outcome.size, 2 * strlen(content));
            free(bytes);
        }
}

Test(codec, lets_every_format_be_filled_up_with_zeros_and_no_more)
{
    for (size_t i = 0; i < MEMBERS; i++)
        for (size_t zeros = 1; zeros < 514; zeros += 73) {
            const struct member *member = &members[i];
            size_t size = member->size + zeros;
            uint8_t *bytes = copy_of(member, 1, zeros);
            struct outcome outcome = decode(member->kind, bytes, size, 7, 100);
            cr_expect(outcome.good, "%zu: %s", i, outcome.error);
            bytes[size - 1] = 'x';
            cr_expect(!decode(member->kind, bytes, size, 7, 100).good, "%zu", i);
            free(bytes);
        }
}

Test(codec, takes_a_member_behind_padding)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        size_t size = members[i].size;
        uint8_t *bytes = copy_of(&members[i], 1, size + 8);
        memcpy(bytes + size + 8, members[i].bytes, size);
        struct outcome outcome = decode_all(&members[i], bytes, 2 * size + 8);
        cr_expect(outcome.good, "%zu: %s", i, outcome.error);
        cr_expect_eq(outcome.size, 2 * strlen(content));
        free(bytes);
    }
}

Test(codec, refuses_a_member_of_another_format)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        const struct member *next = &members[(i + 1) % MEMBERS];
        uint8_t *bytes = copy_of(&members[i], 1, next->size);
        memcpy(bytes + members[i].size, next->bytes, next->size);
        cr_expect(!decode_all(&members[i], bytes, members[i].size + next->size).good,
                  "%zu", i);
        free(bytes);
    }
}

/* ---- frames to skip, and lz4's first kind ---- */

#define SKIP   "\x53\x2a\x4d\x18\x05\x00\x00\x00hello"
#define LEGACY "\x02\x21\x4c\x18\x07\x00\x00\x00\x60hello\n"

static struct outcome decode_text(enum compression kind, const char *text, size_t size,
                                  size_t step)
{
    return decode(kind, (const uint8_t *)text, size, step, 3);
}

static void expect_content(struct outcome outcome, size_t times)
{
    cr_expect(outcome.good, "%s", outcome.error);
    cr_assert_eq(outcome.size, times * strlen(content));
    for (size_t i = 0; i < times; i++)
        cr_expect_eq(memcmp(outcome.text + i * 6, content, 6), 0);
}

static struct outcome decode_pieces(enum compression kind, const struct member *pieces,
                                    size_t count, size_t step)
{
    uint8_t bytes[512];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(bytes + size, pieces[i].bytes, pieces[i].size);
        size += pieces[i].size;
    }
    return decode(kind, bytes, size, step, 5);
}

Test(codec, takes_frames_to_skip_before_between_and_behind_those_of_zstd_and_of_lz4)
{
    const struct member skip = MEMBER(COMPRESSION_SKIPPABLE, SKIP);
    for (size_t step = 1; step < 30; step++)
        for (size_t i = 3; i < MEMBERS; i++) {
            struct member pieces[] = {skip, skip, members[i], skip, members[i], skip};
            expect_content(decode_pieces(COMPRESSION_SKIPPABLE, pieces, 6, step), 2);
            expect_content(decode_pieces(members[i].kind, pieces + 2, 4, step), 2);
        }
    expect_content(decode_pieces(COMPRESSION_SKIPPABLE, &skip, 1, 5), 0);
}

Test(codec, refuses_what_neither_is_skipped_nor_of_the_kind_that_came_first)
{
    const struct member skip = MEMBER(COMPRESSION_SKIPPABLE, SKIP);
    struct member others[] = {skip, members[3], members[4]};
    cr_expect_not(decode_pieces(COMPRESSION_SKIPPABLE, others, 3, 9).good);
    struct member gzip[] = {skip, members[0]};
    cr_expect_not(decode_pieces(COMPRESSION_SKIPPABLE, gzip, 2, 9).good);
    cr_expect_not(decode_text(COMPRESSION_SKIPPABLE, SKIP, sizeof SKIP - 2, 4).good);
}

Test(codec, takes_the_first_kind_of_lz4_alone_and_among_the_second)
{
    const struct member legacy = MEMBER(COMPRESSION_LZ4_LEGACY, LEGACY);
    const struct member skip = MEMBER(COMPRESSION_SKIPPABLE, SKIP);
    const struct member empty = {COMPRESSION_LZ4_LEGACY, legacy.bytes, 4};
    for (size_t step = 1; step < 20; step++) {
        struct member pieces[] = {legacy, legacy, members[4], skip, legacy, members[4]};
        expect_content(decode_pieces(COMPRESSION_LZ4_LEGACY, pieces, 6, step), 5);
        struct member last[] = {members[4], skip, legacy, empty};
        expect_content(decode_pieces(COMPRESSION_LZ4, last, 4, step), 2);
    }
}

/* It may end behind any block. */
Test(codec, notices_a_cut_within_a_block_of_the_first_kind_of_lz4)
{
    for (size_t size = 1; size < sizeof LEGACY - 1; size++)
        cr_expect_eq(decode_text(COMPRESSION_LZ4_LEGACY, LEGACY, size, 3).good,
                     size == 4, "%zu", size);
}

Test(codec, lets_the_first_kind_of_lz4_be_filled_up_with_zeros_and_no_more)
{
    for (size_t zeros = 1; zeros < 20; zeros++) {
        char bytes[64] = LEGACY;
        size_t size = sizeof LEGACY - 1 + zeros;
        expect_content(decode_text(COMPRESSION_LZ4_LEGACY, bytes, size, 3), 1);
        bytes[size - 1] = 'x';
        cr_expect_not(decode_text(COMPRESSION_LZ4_LEGACY, bytes, size, 3).good);
    }
    struct outcome outcome = decode_text(COMPRESSION_LZ4_LEGACY, LEGACY "and garbage",
                                         sizeof LEGACY - 1 + 11, 3);
    cr_expect(!outcome.good && strstr(outcome.error, "end after 15 bytes"), "%s",
              outcome.error);
}
