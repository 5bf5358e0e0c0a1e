/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/connector_cursors.h"

#include <criterion/criterion.h>

static struct connector_cursors cursors;

static void tear_down(void)
{
    connector_cursors_deinit(&cursors);
}

TestSuite(connector_cursors, .fini = tear_down);

static void expect_at(uint64_t end, const char *text)
{
    char found[INPUT_MARK_CURSOR_MAX + 1];
    cursor_place_write(connector_cursors_at(&cursors, end), found);
    cr_expect_str_eq(found, text, "at %d: %s", (int)end, found);
}

Test(connector_cursors, has_the_cursor_of_the_last_record_that_is_whole)
{
    connector_cursors_add(&cursors, 10, "a");
    connector_cursors_add(&cursors, 20, "b");
    connector_cursors_add(&cursors, 30, "c");
    expect_at(9, "");
    expect_at(20, "b");
    expect_at(29, "b");
    expect_at(30, "c");
    cr_expect_str_eq(cursors.read.cursor, "c");
}

Test(connector_cursors, counts_records_without_a_cursor_behind_the_last_one_with)
{
    connector_cursors_add(&cursors, 1, "");
    expect_at(1, " 1");
    connector_cursors_add(&cursors, 2, "a");
    connector_cursors_add(&cursors, 3, "");
    connector_cursors_add(&cursors, 4, "");
    expect_at(2, "a");
    expect_at(3, "a 1");
    expect_at(4, "a 2");
    connector_cursors_add(&cursors, 5, "b");
    expect_at(5, "b");
}

Test(connector_cursors, stays_small_however_many_records_pass)
{
    for (uint64_t end = 1; end <= 100000; end++) {
        connector_cursors_add(&cursors, end, "cursor");
        connector_cursors_at(&cursors, end);
    }
    cr_expect_lt(cursors.entries.capacity, 100000);
}

Test(connector_cursors, goes_on_at_a_place)
{
    struct cursor_place place;
    cr_assert(cursor_place_read("k 3", &place));
    connector_cursors_begin(&cursors, &place);
    connector_cursors_add(&cursors, 1, "");
    expect_at(0, "k 3");
    expect_at(1, "k 4");
}

Test(connector_cursors, reads_what_it_has_written_and_nothing_else)
{
    struct cursor_place place;
    cr_assert(cursor_place_read("a-1", &place));
    cr_expect_str_eq(place.cursor, "a-1");
    cr_expect_eq(place.after, 0);
    cr_assert(cursor_place_read(" 7", &place));
    cr_expect_str_eq(place.cursor, "");
    cr_expect_eq(place.after, 7);
    cr_expect_not(cursor_place_read("a 0", &place));
    cr_expect_not(cursor_place_read("a b", &place));
    cr_expect_not(cursor_place_read("a ", &place));
}
