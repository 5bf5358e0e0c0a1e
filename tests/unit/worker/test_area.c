/* SPDX-License-Identifier: MIT */
#include "worker/area.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static size_t memory_of(const struct area *area)
{
    struct stat info;
    cr_assert_eq(fstat(area->fd, &info), 0);
    return (size_t)info.st_blocks * 512;
}

Test(area, is_seen_by_the_other_side_when_it_has_grown)
{
    struct area mine, other;
    cr_assert_eq(area_create(&mine, "test", 1000), 0);
    cr_assert_eq(area_open(&other, dup(mine.fd)), 0);
    size_t before = other.mapped;
    cr_assert_not(area_follow(&other, before + 1));
    cr_assert_eq(area_grow(&mine, 10 << 20), 0);
    memset(mine.data + (10 << 20) - 4, 'x', 4);
    cr_assert(area_follow(&other, 10 << 20));
    cr_assert_eq(other.data[(10 << 20) - 1], 'x');
    area_close(&mine);
    area_close(&other);
}

Test(area, cannot_be_made_shorter_by_anybody)
{
    struct area area;
    cr_assert_eq(area_create(&area, "test", 1 << 20), 0);
    cr_assert_eq(ftruncate(area.fd, 0), -1);
    cr_assert_eq(errno, EPERM);
    area_close(&area);
}

Test(area, refuses_to_follow_to_where_there_is_nothing)
{
    struct area area;
    cr_assert_eq(area_create(&area, "test", 1), 0);
    cr_assert_not(area_follow(&area, SIZE_MAX));
    cr_assert_not(area_follow(&area, (size_t)1 << 40));
    cr_assert_eq(area_grow(&area, SIZE_MAX), -ENOMEM);
    area_close(&area);
}

Test(area, gives_memory_back_when_it_was_not_needed_for_long)
{
    struct area area;
    cr_assert_eq(area_create(&area, "test", 1), 0);
    cr_assert_eq(area_grow(&area, 64 << 20), 0);
    memset(area.data, 'x', 64 << 20);
    area_rest(&area, 64 << 20);
    cr_assert_geq(memory_of(&area), 64 << 20);
    area_rest(&area, 1000);
    cr_assert_geq(memory_of(&area), 64 << 20, "at once");
    for (int i = 0; i < 200; i++)
        area_rest(&area, 1000);
    cr_assert_leq(memory_of(&area), 8 << 20);
    memset(area.data, 'y', 64 << 20);
    area_close(&area);
}
