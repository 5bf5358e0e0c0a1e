/* SPDX-License-Identifier: MIT */
#include "common/spool/producers.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct slice id_of(unsigned number)
{
    static char text[16];
    snprintf(text, sizeof text, "p%u", number);
    return slice_of_text(text);
}

Test(producers, finds_what_was_added_and_nothing_else)
{
    struct producers producers = {.items = NULL};
    for (unsigned i = 0; i < 200; i++)
        producers_add(&producers, id_of(i * 7 % 200))->highest = i * 7 % 200;
    for (unsigned i = 0; i < 200; i++)
        cr_assert_eq(producers_find(&producers, id_of(i))->highest, i);
    cr_assert_null(producers_find(&producers, id_of(200)));
    cr_assert_eq(producers_add(&producers, id_of(3))->highest, 3);
    cr_assert_eq(producers.count, 200);
    producers_deinit(&producers);
}

Test(producers, refuses_a_bad_id_and_one_too_many)
{
    struct producers producers = {.items = NULL};
    uint8_t bytes[PRODUCER_ID_MAX + 1] = {0};
    cr_assert_null(producers_add(&producers, (struct slice){bytes, 0}));
    cr_assert_null(producers_add(&producers, (struct slice){bytes, sizeof bytes}));
    cr_assert_not_null(
        producers_add(&producers, (struct slice){bytes, PRODUCER_ID_MAX}));
    for (unsigned i = 1; i < PRODUCERS_MAX; i++)
        cr_assert_not_null(producers_add(&producers, id_of(i)));
    cr_assert_null(producers_add(&producers, id_of(PRODUCERS_MAX)));
    cr_assert_not_null(producers_add(&producers, id_of(1)));
    producers_deinit(&producers);
}
