/* SPDX-License-Identifier: MIT */
/* Expressions that would not end by themselves, and how far an expression may see. */
#include "common/records/record_scanner.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct record_scanner *search_by(const char *start, const char *end)
{
    struct record_format format = {.kind = RECORDS_MARKED, .regexp = true};
    format.start_size = strlen(start);
    format.end_size = strlen(end);
    memcpy(format.start, start, format.start_size);
    memcpy(format.end, end, format.end_size);
    return record_scanner_new(&format);
}

static uint8_t *filled(const char *pattern, size_t size)
{
    uint8_t *bytes = malloc(size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)pattern[i % strlen(pattern)];
    return bytes;
}

static void expect_problem(const char *start, const char *end, const char *pattern,
                           size_t size, bool ended, const char *problem)
{
    struct record_scanner *search = search_by(start, end);
    uint8_t *bytes = filled(pattern, size);
    size_t found;
    cr_expect_eq(
        record_scanner_next(search, (struct slice){bytes, size}, ended, &found),
        RECORD_BROKEN);
    cr_expect(strstr(record_scanner_problem(search), problem), "%s",
              record_scanner_problem(search));
    free(bytes);
    record_scanner_destroy(&search);
}

Test(record_regex, that_takes_exponential_time_is_ended)
{
    expect_problem("(x+x+)+[yz]", "", "x", 100, true, "match limit exceeded");
    expect_problem("", "(x+x+)+[yz]", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.", 100,
                   false, "match limit exceeded");
}

Test(record_regex, that_takes_a_little_for_each_of_very_many_bytes_is_ended,
     .timeout = 120)
{
    char pattern[2001] = "";
    memset(pattern, 'x', 1999);
    pattern[1999] = '.';
    expect_problem("(?:x|y)*z", "", pattern, 16 << 20, false, "it takes too long");
}

Test(record_regex, that_wants_to_see_very_much_is_ended)
{
    static const char wants[] =
        "from its byte 0 on, a match wants to see more than 1048576";
    expect_problem("", "(?s)x.*y", "x", 2 << 20, false, wants);
    expect_problem("", "(?s)x.*y", "x", 2 << 20, true, wants);
    expect_problem("(?s)x.*y", "", "x", 2 << 20, false, wants);
}

Test(record_regex, is_open_while_a_match_may_still_come_or_grow)
{
    static const uint8_t text[] = "a\n\n\nb";
    struct record_scanner *search = search_by("", "\\n+");
    size_t size;
    for (size_t known = 1; known < 5; known++)
        cr_expect_eq(
            record_scanner_next(search, (struct slice){text, known}, false, &size),
            RECORD_OPEN);
    cr_assert_eq(record_scanner_next(search, (struct slice){text, 5}, false, &size),
                 RECORD_WHOLE);
    cr_expect_eq(size, 4);
    cr_assert_eq(record_scanner_next(search, (struct slice){text, 4}, true, &size),
                 RECORD_WHOLE);
    cr_expect_eq(size, 4, "there is no more to come");
    record_scanner_destroy(&search);
}

Test(record_regex, sees_a_line_begin_where_the_record_does)
{
    static const char text[] = "From a\nFrom b\n From c\n";
    struct record_scanner *search = search_by("^From ", "");
    size_t size;
    cr_assert_eq(record_scanner_next(search, slice_of_text(text), true, &size),
                 RECORD_WHOLE);
    cr_expect_eq(size, 7);
    cr_expect_eq(record_scanner_next(search, slice_of_text(text + 7), true, &size),
                 RECORD_OPEN);
    record_scanner_destroy(&search);
}

Test(record_regex, takes_a_start_as_a_whole)
{
    static const char text[] = "12. foo 13. bar 1";
    struct record_scanner *search = search_by("\\d+\\.", "");
    size_t size;
    cr_assert_eq(record_scanner_next(search, slice_of_text(text), true, &size),
                 RECORD_WHOLE);
    cr_expect_eq(size, 8, "not before the 2");
    record_scanner_destroy(&search);
}

/* As the next match after an empty one: from the same place, and not empty. */
Test(record_regex, looks_behind_an_empty_match_at_the_beginning_for_the_start_there)
{
    static const char text[] = "aaa--a";
    struct record_scanner *search = search_by("^b?|.a", "");
    size_t size;
    cr_assert_eq(record_scanner_next(search, slice_of_text(text), true, &size),
                 RECORD_WHOLE);
    cr_expect_eq(size, 4, "not before the second a, but %zu", size);
    record_scanner_destroy(&search);
}

Test(record_regex, sees_as_much_after_a_match_as_before_it_in_a_long_record)
{
    /* The border is beyond the first stretch, and its match lies across two. */
    enum { SIZE = 10000 };
    struct record_scanner *search = search_by("", "(?<=xxy)z{40}");
    uint8_t *bytes = filled("x", SIZE);
    size_t size;
    bytes[4090] = 'y';
    memset(bytes + 4091, 'z', 40);
    for (size_t known = 1; known < 4131; known += 7)
        cr_assert_eq(
            record_scanner_next(search, (struct slice){bytes, known}, false, &size),
            RECORD_OPEN);
    cr_assert_eq(record_scanner_next(search, (struct slice){bytes, SIZE}, false, &size),
                 RECORD_WHOLE);
    cr_expect_eq(size, 4131);
    free(bytes);
    record_scanner_destroy(&search);
}
