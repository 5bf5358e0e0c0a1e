/* SPDX-License-Identifier: MIT */
/* The values that a person may write for an option, and those that we refuse. */
#include "common/parse.h"

#include <criterion/criterion.h>
#include <string.h>

#define UNTOUCHED 4711

static uint64_t size_of(const char *text)
{
    uint64_t bytes = UNTOUCHED;
    cr_assert(parse_size(text, &bytes), "%s", text);
    return bytes;
}

Test(parse_size, takes_upper_case_as_powers_of_1024)
{
    cr_assert_eq(size_of("1K"), 1024u);
    cr_assert_eq(size_of("10M"), 10u << 20);
    cr_assert_eq(size_of("3G"), UINT64_C(3) << 30);
    cr_assert_eq(size_of("2T"), UINT64_C(2) << 40);
    cr_assert_eq(size_of("1P"), UINT64_C(1) << 50);
}

Test(parse_size, takes_lower_case_as_powers_of_1000)
{
    cr_assert_eq(size_of("64k"), 64000u);
    cr_assert_eq(size_of("1m"), 1000000u);
    cr_assert_eq(size_of("7g"), UINT64_C(7000000000));
    cr_assert_eq(size_of("1t"), UINT64_C(1000000000000));
    cr_assert_eq(size_of("1p"), UINT64_C(1000000000000000));
}

Test(parse_size, takes_an_i_for_1024_in_both_cases)
{
    cr_assert_eq(size_of("2Ki"), 2048u);
    cr_assert_eq(size_of("2ki"), 2048u);
    cr_assert_eq(size_of("1mi"), 1u << 20);
}

Test(parse_size, takes_bare_bytes_and_exact_fractions)
{
    cr_assert_eq(size_of("0"), 0u);
    cr_assert_eq(size_of("10000"), 10000u);
    cr_assert_eq(size_of("1.5K"), 1536u);
    cr_assert_eq(size_of(".5M"), 1u << 19);
    cr_assert_eq(size_of("0.3k"), 300u);
    cr_assert_eq(size_of("0.0009k"), 0u);
    cr_assert_eq(size_of("18446744073709551615"), UINT64_MAX);
    cr_assert_eq(size_of("1.000000000000000000000000000000001k"), 1000u);
}

Test(parse_size, refuses_a_text_that_is_no_size)
{
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "-1",
                                      "+1",
                                      "K",
                                      "1KB",
                                      "1.5",
                                      "1.",
                                      "1.K",
                                      ".",
                                      ".K",
                                      "1..5K",
                                      "0x10",
                                      "1e3",
                                      "1Kii",
                                      "1i",
                                      "16384P",
                                      "1kk",
                                      "1,5K",
                                      "18446744073709551616",
                                      "99999999999999999999K"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t bytes = UNTOUCHED;
        cr_expect_not(parse_size(bad[i], &bytes), "'%s'", bad[i]);
        cr_expect_eq(bytes, (uint64_t)UNTOUCHED);
    }
}

Test(parse_duration, reads_seconds_and_suffixes)
{
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {
        {"5", 5000000},         {"0.5", 500000},          {"0", 0},
        {"1s", 1000000},        {"2m", 120000000},        {"1h", 3600000000},
        {"1.5d", 129600000000}, {"0.000001", 1},          {"0.0000019", 1},
        {".25", 250000},        {"1h30m", 5400000000},    {"10ms", 10000},
        {"0.5ms", 500},         {"1m1ms", 60001000},      {"1s500ms", 1500000},
        {"2ms3", 3002000},      {"1d3.5h4", 99004000000}, {"250us", 250},
        {"0.9us", 0},           {"1ms1us", 1001},         {"1m1us1ms", 60001001}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t us = -1;
        cr_expect(parse_duration(good[i].text, &us), "%s", good[i].text);
        cr_expect_eq(us, good[i].us, "%s: %lld", good[i].text, (long long)us);
    }
}

Test(parse_duration, refuses_a_text_that_is_no_duration_or_could_overflow_a_deadline)
{
    static const char *const bad[] = {"",
                                      "s",
                                      "-1",
                                      "1 s",
                                      "ms",
                                      "1msm",
                                      "1mss",
                                      "us",
                                      "1u",
                                      "1uss",
                                      "1sm s",
                                      "1μs",
                                      "0x5s",
                                      "1e3s",
                                      "1,5s",
                                      "\t1",
                                      "--1",
                                      "+1",
                                      "nan",
                                      ".",
                                      ".s",
                                      "1..5s",
                                      "5 ",
                                      "1S",
                                      "5x",
                                      "1.",
                                      "inf",
                                      "99999999999d",
                                      "1h m",
                                      "1hm",
                                      "20000000d20000000d"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t us = UNTOUCHED;
        cr_expect_not(parse_duration(bad[i], &us), "'%s'", bad[i]);
        cr_expect_eq(us, UNTOUCHED);
    }
}

/* A quarter of INT64_MAX is 2305843009213693951 us. */
Test(parse_duration, holds_to_its_bound_in_each_unit)
{
    static const struct {
        const char *most, *more;
    } bounds[] = {
        {"2305843009213693951us", "2305843009213693952us"},
        {"2305843009213693.951ms", "2305843009213693.952ms"},
        {"2305843009213.693951s", "2305843009213.693952s"},
        {"2305843009213s693951us", "2305843009213s693952us"},
        {"2305843009213", "2305843009214"},
        {"38430716820m", "38430716821m"},
        {"640511947h", "640511948h"},
        {"26687997d", "26687998d"},
        {"0us", "18446744073709551616us"},
        {"0ms", "18446744073709552ms"},
        {"0d", "99999999999999999999d"},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        int64_t us = UNTOUCHED;
        cr_expect_not(parse_duration(bounds[i].more, &us), "%s", bounds[i].more);
        cr_expect_eq(us, UNTOUCHED);
        cr_expect(parse_duration(bounds[i].most, &us), "%s", bounds[i].most);
        cr_expect(us >= 0 && us <= INT64_MAX / 4, "%s", bounds[i].most);
    }
}

Test(parse_percent, reads_a_number_before_a_percent_sign)
{
    uint64_t percent = UNTOUCHED;
    cr_expect_not(parse_percent("150", 1, 1000, &percent));
    cr_expect_not(parse_percent("%", 1, 1000, &percent));
    cr_expect_not(parse_percent("15%%", 1, 1000, &percent));
    cr_expect_not(parse_percent("0%", 1, 1000, &percent));
    cr_expect_eq(percent, (uint64_t)UNTOUCHED);
    cr_expect(parse_percent("150%", 1, 1000, &percent));
    cr_expect_eq(percent, 150);
}

Test(parse_number, holds_to_its_bounds)
{
    uint64_t number = UNTOUCHED;
    cr_assert(parse_number("1", 1, 8, &number));
    cr_assert_eq(number, 1u);
    cr_assert(parse_number("8", 1, 8, &number));
    cr_assert_eq(number, 8u);
    cr_assert(parse_number("18446744073709551615", 0, UINT64_MAX, &number));
    cr_assert_eq(number, UINT64_MAX);
    cr_assert_not(parse_number("0", 1, 8, &number));
    cr_assert_not(parse_number("9", 1, 8, &number));
    cr_assert_eq(number, UINT64_MAX);
}

Test(parse_number, refuses_a_text_that_is_no_decimal_number)
{
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1k", "18446744073709551616"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t number = UNTOUCHED;
        cr_expect_not(parse_number(bad[i], 0, UINT64_MAX, &number), "'%s'", bad[i]);
        cr_expect_eq(number, (uint64_t)UNTOUCHED);
    }
}

Test(parse_escapes, writes_the_bytes_that_escapes_stand_for)
{
    static const char text[] =
        "a\\n\\t\\r\\\\\\a\\b\\f\\v\\0\\x7f\\xfF\\377\\12z\\x1g\\1018";
    static const char expected[] = "a\n\t\r\\\a\b\f\v\0\x7f\xff\xff\nz\x01gA8";
    char bytes[sizeof text];
    size_t size = UNTOUCHED;
    cr_assert(parse_escapes(text, bytes, &size));
    cr_assert_eq(size, sizeof expected - 1);
    cr_assert_eq(memcmp(bytes, expected, size), 0);
}

Test(parse_escapes, takes_an_empty_text_and_other_bytes_as_they_are)
{
    char bytes[8];
    size_t size = UNTOUCHED;
    cr_assert(parse_escapes("", bytes, &size));
    cr_assert_eq(size, 0u);
    cr_assert(parse_escapes("\xc3\xa4%", bytes, &size));
    cr_assert_eq(size, 3u);
}

Test(parse_escapes, refuses_bad_escapes)
{
    static const char *const bad[] = {"\\",   "a\\",   "\\q", "\\x",
                                      "\\xg", "\\400", "\\8"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char bytes[8];
        size_t size = UNTOUCHED;
        cr_expect_not(parse_escapes(bad[i], bytes, &size), "'%s'", bad[i]);
        cr_expect_eq(size, (size_t)UNTOUCHED);
    }
}

Test(format_size, is_short_and_never_shows_1024_of_a_unit)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } sizes[] = {{0, "0 B"},
                 {1023, "1023 B"},
                 {1024, "1.0 KiB"},
                 {12897485, "12.3 MiB"},
                 {(1u << 20) - 1, "1.0 MiB"},
                 {UINT64_C(5) << 40, "5.0 TiB"},
                 {UINT64_MAX, "16.0 EiB"}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char text[16];
        cr_expect_str_eq(format_size(text, sizeof text, sizes[i].bytes), sizes[i].text);
    }
}
