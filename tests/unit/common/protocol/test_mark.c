/* SPDX-License-Identifier: MIT */
#include "common/protocol/mark.h"
#include <criterion/criterion.h>
#include <string.h>

Test(mark, is_of_its_task_and_of_no_other)
{
    static const uint64_t seqs[] = {0, 1, 255, 256, UINT64_C(1) << 40, UINT64_MAX - 1};
    uint8_t bytes[3 + MARK_SEAL_BYTES] = "abc";
    uint64_t seq;
    for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++) {
        struct slice mark = {bytes, mark_seal(bytes, 3, seqs[i])};
        cr_assert_eq(mark.size, sizeof bytes);
        cr_assert_eq(mark_check(mark, seqs[i], &seq), MARK_RIGHT);
        cr_assert_eq(mark_check(mark, seqs[i] + 1, &seq), MARK_OF_ANOTHER);
        cr_assert_eq(seq, seqs[i]);
    }
}

Test(mark, is_sealed_as_the_protocol_says)
{
    static const uint8_t wanted[] = {'@', '6', 0, 0,    0,    0,    0,
                                     0,   0,   0, 0x20, 0x1B, 0xD6, 0x8E};
    uint8_t bytes[2 + MARK_SEAL_BYTES] = "@6";
    mark_seal(bytes, 2, 0);
    cr_assert_arr_eq(bytes, wanted, sizeof wanted);
}

Test(mark, is_broken_by_each_bit)
{
    uint8_t bytes[3 + MARK_SEAL_BYTES] = "abc";
    uint64_t seq;
    struct slice mark = {bytes, mark_seal(bytes, 3, 7)};
    for (size_t bit = 0; bit < 8 * mark.size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        cr_assert_eq(mark_check(mark, 7, &seq), MARK_BROKEN, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < mark.size; size++)
        cr_assert_eq(mark_check((struct slice){bytes, size}, 7, &seq), MARK_BROKEN);
}

Test(mark, names_its_input_before_the_seal)
{
    uint8_t bytes[6 + MARK_SEAL_BYTES] = "\4nameX";
    struct slice mark = {bytes, mark_seal(bytes, 6, 1)}, name = mark_input(mark);
    cr_assert_eq(name.size, 4);
    cr_assert_eq(memcmp(name.data, "name", 4), 0);
    cr_assert_eq(mark_content(mark).size, 6);
    bytes[0] = 6; /* more than there is before the seal */
    cr_assert_eq(mark_input(mark).size, 0);
    cr_assert_eq(mark_input((struct slice){bytes, 5}).size, 0);
    cr_assert_eq(mark_content((struct slice){bytes, 5}).size, 0);
}
