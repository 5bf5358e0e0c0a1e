/* SPDX-License-Identifier: MIT */
#include "sink/output/framing.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_head(enum framing framing, const struct frame *frame,
                        const char *expected, size_t size)
{
    uint8_t head[FRAME_HEAD_MAX];
    cr_assert_eq(framing_head(framing, frame, head), size);
    cr_assert_eq(memcmp(head, expected, size), 0);
}

Test(framing, puts_a_length_before_a_result)
{
    const struct frame small = {.seq = 9, .size = 0x10203}, empty = {.seq = 9};
    const struct frame largest = {.size = FRAME_BODY_MAX};
    expect_head(FRAMING_RESULT, &small, "\0\1\2\3", 4);
    expect_head(FRAMING_RESULT, &empty, "\0\0\0\0", 4);
    expect_head(FRAMING_RESULT, &largest, "\xff\xff\xff\xff", 4);
    expect_head(FRAMING_NONE, &small, "", 0);
}

Test(framing, says_nothing_of_dead_letters_and_of_results_without_records)
{
    const struct frame given_up = {.seq = 9, .dead_letter = true}, empty = {.seq = 9};
    expect_head(FRAMING_RESULT, &given_up, "", 0);
    expect_head(FRAMING_RECORD, &given_up, "", 0);
    expect_head(FRAMING_RECORD, &empty, "", 0);
}

Test(framing, tags_results_and_dead_letters)
{
    const struct frame result = {.seq = 0x0102030405060708, .size = 5};
    const struct frame given_up = {.seq = 1, .size = 258, .dead_letter = true};
    expect_head(FRAMING_TAGGED, &result, "\1\2\3\4\5\6\7\10\0\0\0\0\0\0\0\5", 16);
    expect_head(FRAMING_TAGGED, &given_up, "\0\0\0\0\0\0\0\1\0\0\0\1\0\0\1\2", 16);
}

Test(framing, has_three_names)
{
    enum framing framing = FRAMING_NONE;
    cr_assert(framing_parse(NULL, &framing));
    cr_assert_eq(framing, FRAMING_RESULT);
    cr_assert(framing_parse("record", &framing));
    cr_assert_eq(framing, FRAMING_RECORD);
    cr_assert(framing_parse("tagged", &framing));
    cr_assert_eq(framing, FRAMING_TAGGED);
    cr_assert_not(framing_parse("", &framing));
    cr_assert_not(framing_parse("none", &framing));
    cr_assert_eq(framing, FRAMING_TAGGED);
}
