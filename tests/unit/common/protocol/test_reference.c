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

/* Likewise: the same by a path. */
static const uint8_t named_bytes[] =
    "\x93\x94\xc4\x04"
    "a/in"
    "\xcc\x83\xcd\x0b\xb8\xcf\x17\x97\x9c\xfe\x3d\x85\xcd\x15"
    "\xcd\x07\xd1\x92\x93\x00\xcd\x03\xe8\xcd\x07\xd0\x92\x01\xc4\x01\x0a";

Test(reference, by_a_path_is_written_and_read_as_the_text_says)
{
    uint8_t bytes[REFERENCE_BYTES_MAX];
    struct reference reference = sample(), again;
    reference.file = (struct reference_file){.path = {(const uint8_t *)"a/in", 4},
                                             .inode = 131,
                                             .size = 3000,
                                             .mtime_ns = reference.file.mtime_ns};
    size_t size = reference_write(&reference, bytes);
    cr_assert_eq(size, sizeof named_bytes - 1);
    cr_assert_arr_eq(bytes, named_bytes, size);
    cr_assert(reference_read((struct slice){bytes, size}, &again));
    cr_assert_eq(again.file.path.size, 4);
    cr_assert_arr_eq(again.file.path.data, "a/in", 4);
    cr_assert_eq(again.file.pid + again.file.descriptor + again.file.device, 0);
    cr_assert_eq(again.file.inode, 131);
    cr_assert_eq(again.file.size, 3000);
    cr_assert_eq(again.file.mtime_ns, reference.file.mtime_ns);
    for (size_t cut = 0; cut < size; cut++)
        cr_assert_not(reference_read((struct slice){bytes, cut}, &again));
}

Test(reference, by_a_path_with_a_nul_is_none)
{
    uint8_t bytes[sizeof named_bytes - 1];
    struct reference reference;
    memcpy(bytes, named_bytes, sizeof bytes);
    bytes[5] = '\0';
    cr_assert_not(reference_read((struct slice){bytes, sizeof bytes}, &reference));
}

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
    static uint8_t path[REFERENCE_PATH_MAX];
    memset(path, 'a', sizeof path);
    reference.file.path = (struct slice){path, sizeof path};
    reference.count = REFERENCE_PIECES_MAX;
    reference.length = (uint64_t)REFERENCE_PIECES_MAX * sizeof literal;
    for (uint32_t i = 0; i < REFERENCE_PIECES_MAX; i++)
        reference.pieces[i] = (struct reference_piece){
            .length = sizeof literal, .literal = {literal, sizeof literal}};
    size_t size = reference_write(&reference, bytes);
    cr_assert(reference_read((struct slice){bytes, size}, &again));
    cr_assert_eq(again.count, REFERENCE_PIECES_MAX);
}
