/* SPDX-License-Identifier: MIT */
#include "common/protocol/reference.h"
#include <criterion/criterion.h>
#include <string.h>

static struct reference sample(void)
{
    return (struct reference){
        .file = {.pid = 812,
                 .descriptor = 5,
                 .device = 0x801,
                 .inode = 131,
                 .size = 3000,
                 .mtime_ns = UINT64_C(1700000000123456789)},
        .length = 2001,
        .count = 2,
        .pieces = {{.offset = 1000, .length = 2000},
                   {.length = 1, .literal = {(const uint8_t *)"\n", 1}}},
    };
}

/* As PROTOCOL.md prints them. */
static const uint8_t sample_bytes[] =
    "\x93\x96\xcd\x03\x2c\x05\xcd\x08\x01\xcc\x83\xcd\x0b\xb8\xcf\x17\x97\x9c\xfe\x3d"
    "\x85\xcd\x15\xcd\x07\xd1\x92\x93\x00\xcd\x03\xe8\xcd\x07\xd0\x92\x01\xc4\x01\x0a";

Test(reference, is_written_as_the_text_says)
{
    uint8_t bytes[REFERENCE_BYTES_MAX];
    struct reference reference = sample();
    size_t size = reference_write(&reference, bytes);
    cr_assert_eq(size, sizeof sample_bytes - 1);
    cr_assert_arr_eq(bytes, sample_bytes, size);
}

Test(reference, comes_back_as_it_was_written)
{
    struct reference reference;
    cr_assert(reference_read((struct slice){sample_bytes, sizeof sample_bytes - 1},
                             &reference));
    struct reference was = sample();
    cr_assert_arr_eq((const char *)&reference.file, (const char *)&was.file,
                     sizeof was.file);
    cr_assert_eq(reference.length, 2001);
    cr_assert_eq(reference.count, 2);
    cr_assert_eq(reference.pieces[0].offset, 1000);
    cr_assert_eq(reference.pieces[0].length, 2000);
    cr_assert_null(reference.pieces[0].literal.data);
    cr_assert_eq(reference.pieces[1].length, 1);
    cr_assert_eq(*reference.pieces[1].literal.data, '\n');
}

Test(reference, that_is_cut_anywhere_is_none)
{
    struct reference reference = {.length = 77};
    for (size_t size = 0; size < sizeof sample_bytes - 1; size++)
        cr_assert_not(reference_read((struct slice){sample_bytes, size}, &reference));
    cr_assert_eq(reference.length, 77);
}

Test(reference, has_room_for_the_most_pieces)
{
    static const uint8_t literal[REFERENCE_LITERAL_MAX];
    uint8_t bytes[REFERENCE_BYTES_MAX];
    struct reference reference = sample(), again;
    reference.count = REFERENCE_PIECES_MAX;
    reference.length = (uint64_t)REFERENCE_PIECES_MAX * sizeof literal;
    for (uint32_t i = 0; i < REFERENCE_PIECES_MAX; i++)
        reference.pieces[i] = (struct reference_piece){
            .length = sizeof literal, .literal = {literal, sizeof literal}};
    size_t size = reference_write(&reference, bytes);
    cr_assert(reference_read((struct slice){bytes, size}, &again));
    cr_assert_eq(again.count, REFERENCE_PIECES_MAX);
}
