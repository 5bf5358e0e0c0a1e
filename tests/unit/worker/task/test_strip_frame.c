/* SPDX-License-Identifier: MIT */
#include "worker/task/strip_frame.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(text)                               \
    (struct slice)                                \
    {                                             \
        (const uint8_t *)(text), sizeof(text) - 1 \
    }
#define FRAME(size, text) "\0\0\0" size text

static uint8_t *buffer;
static char why[200];
static struct slice got;

static void end(void)
{
    free(buffer);
    buffer = NULL;
}

TestSuite(strip_frame, .fini = end);

static void expect(enum strip_frame strip, struct slice input, struct slice wanted)
{
    const char *reason = strip_frame(strip, input, &buffer, &got, why, sizeof why);
    cr_assert_null(reason, "%s", reason);
    cr_assert_eq(got.size, wanted.size);
    cr_assert_eq(memcmp(got.data, wanted.data, wanted.size), 0);
}

static void expect_refused(enum strip_frame strip, struct slice input,
                           const char *wanted)
{
    const char *reason = strip_frame(strip, input, &buffer, &got, why, sizeof why);
    cr_assert_not_null(reason);
    cr_assert_not_null(strstr(reason, wanted), "%s", reason);
}

Test(strip_frame, alone_gives_the_bytes_of_the_one_record_without_a_copy)
{
    struct slice input = BYTES(FRAME("\5", "a\nb\0c"));
    expect(STRIP_FRAME_ALONE, input, BYTES("a\nb\0c"));
    cr_assert_eq(got.data, input.data + 4);
    expect(STRIP_FRAME_ALONE, BYTES(FRAME("\0", "")), BYTES(""));
    expect(STRIP_FRAME_ALONE, BYTES(""), BYTES(""));
    cr_assert_null(buffer);
}

Test(strip_frame, alone_refuses_a_second_record)
{
    expect_refused(STRIP_FRAME_ALONE, BYTES(FRAME("\1", "a") FRAME("\1", "b")),
                   "the chunk has 2 records");
    expect_refused(STRIP_FRAME_ALONE,
                   BYTES(FRAME("\0", "") FRAME("\0", "") FRAME("\0", "")),
                   "the chunk has 3 records");
}

Test(strip_frame, lines_gives_each_record_its_end)
{
    expect(STRIP_FRAME_LINES, BYTES(FRAME("\1", "a") FRAME("\0", "") FRAME("\2", "bc")),
           BYTES("a\n\nbc\n"));
    expect(STRIP_FRAME_LINES, BYTES(FRAME("\2", "\0\r")), BYTES("\0\r\n"));
    expect(STRIP_FRAME_LINES, BYTES(""), BYTES(""));
}

Test(strip_frame, lines_refuses_a_record_with_a_newline_and_says_which)
{
    expect_refused(STRIP_FRAME_LINES, BYTES(FRAME("\1", "a") FRAME("\3", "b\nc")),
                   "record 2 of the chunk has a newline in it");
    expect_refused(STRIP_FRAME_LINES, BYTES(FRAME("\1", "\n")), "record 1");
    expect(STRIP_FRAME_LINES, BYTES(FRAME("\1", "a")), BYTES("a\n"));
}

Test(strip_frame, refuses_a_record_that_is_cut_short)
{
    static const enum strip_frame both[] = {STRIP_FRAME_ALONE, STRIP_FRAME_LINES};
    for (size_t i = 0; i < 2; i++) {
        expect_refused(both[i], BYTES("\0\0\0"), "shorter than its length says");
        expect_refused(both[i], BYTES("\0\0\0\4abc"), "shorter than its length says");
        expect_refused(both[i], BYTES("\377\377\377\377abc"), "shorter than");
        expect_refused(both[i], BYTES(FRAME("\1", "a") "\0"), "shorter than");
    }
}

Test(strip_frame, is_for_records_that_are_frames_alone)
{
    cr_assert_eq(strip_frame_of(STRIP_FRAME_ALONE, BYTES("frames")), STRIP_FRAME_ALONE);
    cr_assert_eq(strip_frame_of(STRIP_FRAME_LINES, BYTES("frames")), STRIP_FRAME_LINES);
    cr_assert_eq(strip_frame_of(STRIP_FRAME_LINES, BYTES("")), STRIP_FRAME_WRONG);
    cr_assert_eq(strip_frame_of(STRIP_FRAME_ALONE, BYTES("csv")), STRIP_FRAME_WRONG);
    cr_assert_eq(strip_frame_of(STRIP_FRAME_NOT, BYTES("csv")), STRIP_FRAME_NOT);
    expect(STRIP_FRAME_NOT, BYTES("as it is"), BYTES("as it is"));
    expect_refused(STRIP_FRAME_WRONG, BYTES(FRAME("\1", "a")), "--format frames");
}
