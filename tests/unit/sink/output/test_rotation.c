/* SPDX-License-Identifier: MIT */
#include "sink/output/rotation.h"

#include <criterion/criterion.h>

Test(rotation, is_a_size_or_a_duration)
{
    struct rotation rotation = {.bytes = 0};
    cr_assert_not(rotation_is_wanted(&rotation));
    cr_assert(rotation_parse("64M", &rotation));
    cr_assert_eq(rotation.bytes, 64 << 20);
    cr_assert_eq(rotation.age_us, INT64_MAX);
    cr_assert(rotation_is_wanted(&rotation));
    cr_assert(rotation_parse("5", &rotation));
    cr_assert_eq(rotation.bytes, 5);
    cr_assert(rotation_parse("1h", &rotation));
    cr_assert_eq(rotation.bytes, UINT64_MAX);
    cr_assert_eq(rotation.age_us, INT64_C(3600000000));
    cr_assert(rotation_is_wanted(&rotation));
}

Test(rotation, is_neither_what_could_be_both_nor_nothing)
{
    struct rotation rotation = {.bytes = 7};
    cr_assert_not(rotation_parse("5m", &rotation));
    cr_assert_not(rotation_parse("", &rotation));
    cr_assert_not(rotation_parse("0", &rotation));
    cr_assert_not(rotation_parse("0s", &rotation));
    cr_assert_not(rotation_parse("often", &rotation));
    cr_assert_eq(rotation.bytes, 7);
}
