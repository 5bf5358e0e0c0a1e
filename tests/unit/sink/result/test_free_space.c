/* SPDX-License-Identifier: MIT */
#include "sink/result/free_space.h"
#include <criterion/criterion.h>
#include <stdlib.h>

Test(free_space, takes_the_first_gap_that_fits_and_joins_what_is_given_back)
{
    struct free_space space;

    free_space_init(&space);
    for (uint64_t i = 0; i < 10; i++)
        cr_assert_eq(free_space_take(&space, 100), i * 100);
    free_space_give(&space, 100, 100);
    free_space_give(&space, 500, 100);
    free_space_give(&space, 700, 100);
    free_space_give(&space, 600, 100);
    cr_assert_eq(free_space_take(&space, 300), 500);
    cr_assert_eq(free_space_take(&space, 60), 100);
    cr_assert_eq(free_space_take(&space, 40), 160);
    cr_assert_eq(free_space_take(&space, 1), 1000);
    free_space_give(&space, 1000, 1);
    free_space_give(&space, 0, 1000);
    cr_assert_eq(space.end, 0);
    cr_assert_null(space.gaps);
    free_space_deinit(&space);
}

/* Beside a map of the bytes: nothing is given out twice, and where a gap fits the file
 * does not grow. */
Test(free_space, gives_nothing_out_twice_and_grows_only_when_no_gap_fits)
{
    enum { BYTES = 1 << 16, EXTENTS = 256, STEPS = 20000 };
    static uint8_t taken[BYTES];
    uint64_t offsets[EXTENTS], sizes[EXTENTS] = {0};
    struct free_space space;
    unsigned state = 4711;

    free_space_init(&space);
    for (int step = 0; step < STEPS; step++) {
        unsigned i = (unsigned)rand_r(&state) % EXTENTS;
        uint64_t end = space.end, row = 0, longest = 0;
        if (sizes[i] > 0) {
            for (uint64_t at = offsets[i]; at < offsets[i] + sizes[i]; at++)
                taken[at]--;
            free_space_give(&space, offsets[i], sizes[i]);
            sizes[i] = 0;
            continue;
        }
        sizes[i] = 1 + (uint64_t)rand_r(&state) % 100;
        for (uint64_t at = 0; at < end; at++) {
            row = taken[at] ? 0 : row + 1;
            longest = row > longest ? row : longest;
        }
        offsets[i] = free_space_take(&space, sizes[i]);
        cr_assert_eq(space.end > end, longest < sizes[i]);
        for (uint64_t at = offsets[i]; at < offsets[i] + sizes[i]; at++)
            cr_assert_eq(taken[at]++, 0);
    }
    free_space_deinit(&space);
}

/* A list or a leaning tree would take minutes, or the stack. */
Test(free_space, is_as_fast_with_many_gaps_in_any_order, .timeout = 20)
{
    enum { EXTENTS = 1 << 18 };
    struct free_space space;

    free_space_init(&space);
    for (uint64_t i = 0; i < EXTENTS; i++)
        free_space_take(&space, 10);
    for (uint64_t i = 0; i < EXTENTS; i += 2) /* rising, no two touch */
        free_space_give(&space, i * 10, 10);
    for (uint64_t i = 0; i < EXTENTS / 2; i++)
        cr_assert_eq(free_space_take(&space, 10), i * 20);
    for (uint64_t i = EXTENTS; i > 0; i--)
        free_space_give(&space, (i - 1) * 10, 10);
    cr_assert_eq(space.end, 0);
    free_space_deinit(&space);
}
