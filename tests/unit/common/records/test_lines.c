/* SPDX-License-Identifier: MIT */
/* Lines at the front of bytes that come whole or in pieces. */
#include "common/records/lines.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_after(const char *bytes, uint32_t lines, const char *rest)
{
    struct slice after = lines_after(slice_of_text(bytes), lines);
    cr_assert_eq(after.size, strlen(rest), "%u lines of '%s'", lines, bytes);
    cr_assert(after.size == 0 || memcmp(after.data, rest, after.size) == 0);
}

Test(lines, are_skipped_at_the_front)
{
    expect_after("a\nb\nc\n", 0, "a\nb\nc\n");
    expect_after("a\nb\nc\n", 1, "b\nc\n");
    expect_after("a\nb\nc\n", 2, "c\n");
    expect_after("\n\nc", 2, "c");
}

Test(lines, leave_nothing_if_there_are_no_more)
{
    expect_after("a\nb\nc\n", 3, "");
    expect_after("a\nb\nc\n", UINT32_MAX, "");
    expect_after("a\nb", 2, "");
    expect_after("", 2, "");
    cr_assert_eq(lines_after((struct slice){0}, 1).size, 0);
}

Test(lines, are_taken_from_pieces_however_they_are_cut)
{
    static const char bytes[] = "one\n\nthree\nfour\n";
    size_t size = strlen(bytes);
    for (size_t first = 0; first <= size; first++) {
        for (size_t second = first; second <= size; second++) {
            size_t ends[] = {first, second, size}, from = 0, taken = 0;
            uint32_t lines = 3;
            for (int i = 0; i < 3; i++) {
                struct slice piece = {(const uint8_t *)bytes + from, ends[i] - from};
                size_t own = lines_take(piece, &lines);
                cr_assert(own == piece.size || lines == 0);
                taken += own;
                from = ends[i];
            }
            cr_assert_eq(taken, strlen("one\n\nthree\n"));
        }
    }
}
