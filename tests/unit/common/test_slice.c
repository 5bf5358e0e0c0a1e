/* SPDX-License-Identifier: MIT */
#include "common/slice.h"

#include <criterion/criterion.h>
#include <string.h>

static void expect_printable(const char *bytes, size_t size, const char *expected)
{
    char text[64];
    slice_copy_printable((struct slice){(const uint8_t *)bytes, size}, text,
                         sizeof text);
    cr_expect_str_eq(text, expected);
}

#define EXPECT_PRINTABLE(bytes, expected) \
    expect_printable(bytes, sizeof bytes - 1, expected)

Test(slice, copies_a_text_cut_to_fit)
{
    char text[4];
    slice_copy_text(slice_of_text("abcdef"), text, sizeof text);
    cr_expect_str_eq(text, "abc");
    slice_copy_text((struct slice){NULL, 0}, text, sizeof text);
    cr_expect_str_eq(text, "");
}

Test(slice, shows_what_a_person_can_read)
{
    EXPECT_PRINTABLE("cannot do this: 100 %", "cannot do this: 100 %");
    EXPECT_PRINTABLE("Bücher €5 \xf0\x9f\x93\x9a", "Bücher €5 \xf0\x9f\x93\x9a");
}

Test(slice, spells_what_would_drive_a_terminal_or_begin_a_line)
{
    EXPECT_PRINTABLE("\033]0;owned\007", "\\x1b]0;owned\\x07");
    EXPECT_PRINTABLE("a\r\nfanfold: all is well\t",
                     "a\\x0d\\x0afanfold: all is well\\x09");
    EXPECT_PRINTABLE("a\0b\x7f", "a\\x00b\\x7f");
    EXPECT_PRINTABLE("\xc2\x9b", "\\xc2\\x9b"); /* U+009B, which begins a sequence */
}

Test(slice, spells_what_is_not_utf8)
{
    EXPECT_PRINTABLE("\xff\xc3", "\\xff\\xc3");
    EXPECT_PRINTABLE("\xc0\x8a", "\\xc0\\x8a"); /* a line's end in two bytes */
    EXPECT_PRINTABLE("\xe2\x82", "\\xe2\\x82");
    EXPECT_PRINTABLE("\xe2zz", "\\xe2zz");
}

Test(slice, cuts_a_printable_copy_between_spellings)
{
    char text[7];
    slice_copy_printable(slice_of_text("abc\033\033"), text, sizeof text);
    cr_expect_str_eq(text, "abc");
    slice_copy_printable(slice_of_text("ab\033\033"), text, sizeof text);
    cr_expect_str_eq(text, "ab\\x1b");
}
