/* SPDX-License-Identifier: MIT */
#include "common/protocol/input_mark.h"

#include <criterion/criterion.h>
#include <string.h>

static uint8_t bytes[INPUT_MARK_MAX];

static void expect_back(const struct input_mark *mark, const char *name, size_t size)
{
    struct input_mark back;
    size_t written = input_mark_write(mark, name, bytes);
    cr_assert_eq(written, size, "%zu bytes", written);
    cr_assert(input_mark_read((struct slice){bytes, size}, &back));
    cr_expect_eq(back.offset, mark->offset);
    cr_expect_eq(back.record, mark->record);
    cr_expect_eq(back.hash, mark->hash);
    cr_expect_eq(back.hash_before, mark->hash_before);
    cr_expect_eq(back.input, mark->input);
    cr_expect_eq(back.bytes, mark->bytes);
    cr_expect_str_eq(back.cursor, mark->cursor);
    for (size_t cut = 0; cut < 42; cut++)
        cr_expect_not(input_mark_read((struct slice){bytes, cut}, &back), "%zu", cut);
}

static const struct input_mark plain = {1, 2, 3, 4, 0, 1, ""};

Test(input_mark, stays_as_it_was_where_there_is_nothing_new_to_say)
{
    expect_back(&plain, NULL, 42);
    cr_expect_eq(bytes[1], 4);
    expect_back(&plain, "name", 46);
}

Test(input_mark, has_the_bytes_of_all_inputs_where_these_are_others)
{
    struct input_mark mark = plain;
    mark.bytes = 1000;
    expect_back(&mark, "name", 54);
    cr_expect_eq(bytes[5], 5);
}

Test(input_mark, has_a_cursor)
{
    struct input_mark mark = plain;
    memset(mark.cursor, 'c', INPUT_MARK_CURSOR_MAX);
    expect_back(&mark, NULL, 42 + 8 + INPUT_MARK_CURSOR_MAX);
}

Test(input_mark, keeps_the_end_of_a_long_name)
{
    char name[300];
    memset(name, 'n', sizeof name);
    name[299] = '\0';
    struct input_mark mark = plain;
    mark.bytes = 7;
    expect_back(&mark, name, 42 + 118 + 8);
    cr_expect_arr_eq(bytes + 1, "...nnn", 6);
}
