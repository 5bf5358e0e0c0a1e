/* SPDX-License-Identifier: MIT */
/*
 * Records: formats as text and back, and counting and measuring against an oracle that
 * looks at one byte after the other.
 */
#include "common/records/record_format_text.h"
#include "common/records/records.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const struct record_format lines = RECORD_FORMAT_DEFAULT;

static struct record_format format_of(uint64_t lines_a_record, const char *end)
{
    struct record_format format = {.lines = lines_a_record, .end_size = strlen(end)};
    memcpy(format.end, end, format.end_size);
    return format;
}

static uint64_t count_of(const struct record_format *format, const char *text)
{
    return records_count(format, slice_of_text(text));
}

static size_t size_of(const struct record_format *format, const char *text,
                      uint64_t count)
{
    return records_size(format, slice_of_text(text), count);
}

/* ---- formats ---- */

Test(record_format, is_printed_as_lines_and_hex)
{
    char text[FORMAT_MAX_BYTES + 1];
    record_format_print(&lines, text);
    cr_assert_str_eq(text, "lines=1 end=0a");
    struct record_format four = format_of(4, "\r\n");
    record_format_print(&four, text);
    cr_assert_str_eq(text, "lines=4 end=0d0a");
}

Test(record_format, has_room_for_the_longest)
{
    char text[FORMAT_MAX_BYTES + 1];
    struct record_format longest = {.lines = UINT64_MAX, .end_size = RECORD_MARK_MAX};
    struct record_format again;
    memset(longest.end, 0xfe, sizeof(longest.end));
    record_format_print(&longest, text);
    cr_assert_eq(strlen(text), strlen("lines=18446744073709551615 end=") + 480);
    cr_assert(record_format_parse(slice_of_text(text), &again));
    cr_assert_eq(again.lines, UINT64_MAX);
    cr_assert_eq(again.end_size, RECORD_MARK_MAX);
    cr_assert_arr_eq(again.end, longest.end, RECORD_MARK_MAX);
}

Test(record_format, is_lines_if_the_text_is_empty)
{
    struct record_format format = {.lines = 0};
    cr_assert(record_format_parse(slice_of_text(""), &format));
    cr_assert_eq(format.lines, 1);
    cr_assert_eq(format.end_size, 1);
    cr_assert_eq(format.end[0], '\n');
}

Test(record_format, comes_back_from_its_text)
{
    static const struct record_format all = {.lines = 3, .end = {0, 0xff, 9}, 3};
    char text[FORMAT_MAX_BYTES + 1];
    struct record_format again;
    record_format_print(&all, text);
    cr_assert(record_format_parse(slice_of_text(text), &again));
    cr_assert_eq(again.lines, 3);
    cr_assert_eq(again.end_size, 3);
    cr_assert_arr_eq(again.end, all.end, 3);
}

Test(record_format, of_each_kind_comes_back_from_its_text)
{
    static const char *const texts[] = {
        "lines=1 end=0a",
        "lines=4 end=0d0a",
        "csv",
        "fasta",
        "fastq",
        "frames",
        "whole",
        "fixed=1",
        "fixed=18446744073709551615",
        "start=3e",
        "start=0a00ff end=0a",
        "regexp start=3e2b",
        "regexp end=5c6e2b",
        "regexp start=5e3e end=5c6e",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct record_format format;
        char text[FORMAT_MAX_BYTES + 1];
        cr_assert(record_format_parse(slice_of_text(texts[i]), &format), "%s",
                  texts[i]);
        record_format_print(&format, text);
        cr_expect_str_eq(text, texts[i]);
    }
}

Test(record_format, has_room_for_the_longest_marks)
{
    struct record_format longest = {.kind = RECORDS_MARKED,
                                    .regexp = true,
                                    .start_size = RECORD_MARK_MAX,
                                    .end_size = RECORD_MARK_MAX};
    struct record_format again;
    char text[FORMAT_MAX_BYTES + 1];
    memset(longest.end, 'a', RECORD_MARK_MAX);
    memset(longest.start, 'b', RECORD_MARK_MAX);
    record_format_print(&longest, text);
    cr_assert_leq(strlen(text), FORMAT_MAX_BYTES);
    cr_assert(record_format_parse(slice_of_text(text), &again));
    cr_assert_eq(again.start_size, RECORD_MARK_MAX);
    cr_assert_arr_eq(again.start, longest.start, RECORD_MARK_MAX);
    cr_assert_arr_eq(again.end, longest.end, RECORD_MARK_MAX);
}

Test(record_format, that_cannot_be_used_says_which_expression_and_where)
{
    struct record_format format = {.kind = RECORDS_MARKED, .regexp = true};
    char error[200];
    memcpy(format.start, "a(b", format.start_size = 3);
    cr_assert_not(record_format_check(&format, error, sizeof error));
    cr_expect_str_eq(error, "--recstart: missing closing parenthesis at character 4 of "
                            "the expression");
    memcpy(format.end, "[a", format.end_size = 2);
    memcpy(format.start, "abc", 3);
    cr_assert_not(record_format_check(&format, error, sizeof error));
    cr_expect_str_eq(error, "--recend: missing terminating ] for character class at "
                            "character 3 of the expression");
    memcpy(format.end, "\\Qx", format.end_size = 3);
    cr_assert_not(record_format_check(&format, error, sizeof error));
    cr_expect_str_eq(error, "what --recend and --recstart say cannot be part of a "
                            "larger expression");
}

Test(record_format, refuses_any_other_text_and_leaves_the_format_alone)
{
    static const char *const wrong[] = {
        "lines",
        "lines=",
        "lines=1",
        "lines=0 end=0a",
        "lines= end=0a",
        "lines=-1 end=0a",
        "lines=18446744073709551616 end=0a",
        "lines=99999999999999999999 end=0a",
        "lines=1 end=",
        "lines=1 end=0",
        "lines=1 end=0A",
        "lines=1 end=0g",
        "lines=1 end=0a0",
        "lines=1 end=0a ",
        "lines=1  end=0a",
        " lines=1 end=0a",
        "lines=01 end=0a",
        "csv ",
        "csv=1",
        "tsv",
        "fixed",
        "fixed=",
        "fixed=0",
        "fixed=07",
        "whole end=0a",
        "start=",
        "start=3",
        "end=0a",
        "start=3e end=",
        "start=3e  end=0a",
        "end=0a start=3e",
        "regexp",
        "regexp ",
        "regexp start=",
        "regexp start=28",
        "regexp start=5c47",
        "regexp start=61 end=29",
        "regexp lines=1 end=0a",
        "regexp start=2851293f end=285b",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct record_format format = {.lines = 42};
        cr_assert_not(record_format_parse(slice_of_text(wrong[i]), &format), "%s",
                      wrong[i]);
        cr_assert_eq(format.lines, 42);
    }
}

Test(record_format, refuses_an_end_above_the_limit)
{
    char text[FORMAT_MAX_BYTES + 1] = "lines=1 end=";
    struct record_format format;
    memset(text + strlen(text), '0', 2 * RECORD_MARK_MAX);
    cr_assert(record_format_parse(slice_of_text(text), &format));
    strcat(text, "00");
    cr_assert_not(record_format_parse(slice_of_text(text), &format));
}

Test(record_format, refuses_a_zero_in_its_text)
{
    struct record_format format;
    struct slice text = {(const uint8_t *)"lines=1 end=\0\0", 14};
    cr_assert_not(record_format_parse(text, &format));
}

/* ---- records ---- */

Test(records, are_none_in_no_bytes)
{
    struct slice nothing = {NULL, 0};
    struct record_format pairs = format_of(2, "--");
    cr_assert_eq(records_count(&lines, nothing), 0);
    cr_assert_eq(records_size(&lines, nothing, 5), 0);
    cr_assert_eq(records_count(&pairs, nothing), 0);
    cr_assert_eq(records_size(&pairs, nothing, 5), 0);
}

Test(records, count_the_last_also_without_its_end)
{
    cr_assert_eq(count_of(&lines, "a\nb\n"), 2);
    cr_assert_eq(count_of(&lines, "a\nb"), 2);
    cr_assert_eq(count_of(&lines, "\n"), 1);
    cr_assert_eq(count_of(&lines, "a"), 1);
}

Test(records, measure_the_first_ones)
{
    cr_assert_eq(size_of(&lines, "a\nbc\nd", 0), 0);
    cr_assert_eq(size_of(&lines, "a\nbc\nd", 1), 2);
    cr_assert_eq(size_of(&lines, "a\nbc\nd", 2), 5);
    cr_assert_eq(size_of(&lines, "a\nbc\nd", 3), 6);
    cr_assert_eq(size_of(&lines, "a\nbc\nd", UINT64_MAX), 6);
}

Test(records, of_several_lines_may_lack_some_at_the_end)
{
    struct record_format fastq = format_of(4, "\n");
    const char *text = "@a\nA\n+\n!\n@b\nC\n";
    cr_assert_eq(count_of(&fastq, text), 2);
    cr_assert_eq(size_of(&fastq, text, 1), 9);
    cr_assert_eq(size_of(&fastq, text, 2), strlen(text));
    cr_assert_eq(size_of(&fastq, text, UINT64_MAX / 2), strlen(text));
}

Test(records, share_no_byte_of_their_ends)
{
    struct record_format blank = format_of(1, "\n\n");
    cr_assert_eq(count_of(&blank, "\n\n\n"), 2);
    cr_assert_eq(size_of(&blank, "\n\n\n", 1), 2);
    cr_assert_eq(count_of(&blank, "a\n\n\n\nb"), 3);
}

Test(records, end_only_at_the_whole_end)
{
    struct record_format end = format_of(1, "END");
    cr_assert_eq(count_of(&end, "aENbENDcEN"), 2);
    cr_assert_eq(size_of(&end, "aENbENDcEN", 1), 7);
    cr_assert_eq(size_of(&end, "aENbENDcEN", 2), 10);
}

/* The oracle: looks at one byte after the other. */
static uint64_t oracle(const struct record_format *format, struct slice bytes,
                       uint64_t wanted, size_t *ret_size)
{
    uint64_t records = 0, in_record = 0;
    size_t at = 0, start = 0;
    *ret_size = wanted == 0 ? 0 : bytes.size;
    while (at < bytes.size) {
        bool end = bytes.size - at >= format->end_size &&
                   memcmp(bytes.data + at, format->end, format->end_size) == 0;
        at += end ? format->end_size : 1;
        if (!end || ++in_record < format->lines)
            continue;
        in_record = 0;
        start = at;
        if (++records == wanted)
            *ret_size = at;
    }
    return records + (start < bytes.size ? 1 : 0);
}

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33) % below;
}

/* Letters of a small alphabet, so that ends are frequent, overlap and are cut off. */
static void check_random(uint64_t *state, size_t size_max, unsigned alphabet)
{
    struct record_format format = {.lines = 1 + draw(state, 5),
                                   .end_size = 1 + draw(state, 3)};
    struct slice bytes = {.size = draw(state, (uint32_t)size_max)};
    uint8_t *data = malloc(bytes.size + 1);
    cr_assert_not_null(data);
    bytes.data = data + 1; /* not aligned; and a read beyond the end is found */
    for (size_t i = 0; i < bytes.size; i++)
        data[i + 1] = (uint8_t)('a' + draw(state, alphabet));
    for (size_t i = 0; i < format.end_size; i++)
        format.end[i] = (uint8_t)('a' + draw(state, alphabet < 2 ? 1 : 2));
    size_t size;
    uint64_t all = oracle(&format, bytes, 0, &size);
    cr_assert_eq(records_count(&format, bytes), all);
    uint64_t some[] = {0, 1, 2, draw(state, (uint32_t)all + 1), all, all + 1};
    for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
        oracle(&format, bytes, some[i], &size);
        cr_assert_eq(records_size(&format, bytes, some[i]), size,
                     "%zu bytes, %u x %zu, the first %u", bytes.size,
                     (unsigned)format.lines, format.end_size, (unsigned)some[i]);
    }
    free(data);
}

Test(records, agree_with_a_look_at_every_byte)
{
    uint64_t state = 1;
    for (unsigned i = 0; i < 20000; i++)
        check_random(&state, 200, 1 + draw(&state, 4));
}

Test(records, agree_over_many_stretches_too)
{
    uint64_t state = 2;
    for (unsigned i = 0; i < 200; i++)
        check_random(&state, 100000, 1 + draw(&state, 26));
}

Test(records, split_into_pieces_that_count_as_the_whole)
{
    enum { SIZE = 70000 };
    static uint8_t data[SIZE];
    uint64_t state = 3, sum = 0;
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (uint8_t)(draw(&state, 8) == 0 ? '\n' : 'x');
    struct slice all = {data, SIZE}, rest = all;
    while (rest.size > 0) {
        uint64_t some = 1 + draw(&state, 900);
        size_t size = records_size(&lines, rest, some);
        sum += records_count(&lines, (struct slice){rest.data, size});
        rest.data += size;
        rest.size -= size;
    }
    cr_assert_eq(sum, records_count(&lines, all));
}
