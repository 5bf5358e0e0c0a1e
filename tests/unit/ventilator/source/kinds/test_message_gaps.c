/* SPDX-License-Identifier: MIT */
#include "ventilator/source/kinds/message_gaps.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct message_gaps gaps;
static struct gap gap;

static void begin(const char *place)
{
    message_gaps_deinit(&gaps);
    gaps = (struct message_gaps){.topics = NULL};
    cr_assert(number_place_parse(place, &gaps.place), "%s", place);
}

static void end(void)
{
    message_gaps_deinit(&gaps);
}

TestSuite(message_gaps, .fini = end);

/* A message of one frame: how many are missing before it; -1: it has no number. */
static int64_t missing(const char *text)
{
    struct slice frame = slice_of_text(text);
    return message_gaps_count(&gaps, &frame, 1, &gap) ? (int64_t)gap.missing : -1;
}

static int64_t missing_in(const char *topic, const void *number, size_t size)
{
    const struct slice frames[] = {
        slice_of_text(topic), {number, size}, slice_of_text("text")};
    return message_gaps_count(&gaps, frames, 3, &gap) ? (int64_t)gap.missing : -1;
}

static void expect_totals(uint64_t count, uint64_t places, uint64_t backs)
{
    struct gap_totals totals = message_gaps_totals(&gaps);
    cr_expect_eq(totals.missing, count);
    cr_expect_eq(totals.gaps, places);
    cr_expect_eq(totals.backs, backs);
}

Test(message_gaps, reads_places)
{
    struct number_place place;
    static const char *const wrong[] = {"",
                                        "0",
                                        "x",
                                        "2x",
                                        "frame",
                                        "frame:",
                                        "frame:0",
                                        "frame:2:",
                                        "frame:xe",
                                        "frame:2:me",
                                        "frame:2:b",
                                        "-1",
                                        "frame:12345678901234567890"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_expect_not(number_place_parse(wrong[i], &place), "%s", wrong[i]);
    static const struct {
        const char *text;
        struct number_place place;
    } right[] = {{"1", {NUMBER_FIELD, 1}},
                 {"12", {NUMBER_FIELD, 12}},
                 {"frame:1", {NUMBER_TEXT, 1}},
                 {"frame:2:be", {NUMBER_BIG, 2}},
                 {"frame:3:le", {NUMBER_LITTLE, 3}}};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        cr_assert(number_place_parse(right[i].text, &place), "%s", right[i].text);
        cr_expect_eq(place.kind, right[i].place.kind);
        cr_expect_eq(place.index, right[i].place.index);
    }
}

Test(message_gaps, counts_what_is_between_two_numbers)
{
    begin("1");
    cr_expect_eq(missing("7 a"), 0, "the first is where counting begins");
    cr_expect_eq(missing("8 b"), 0);
    cr_expect_eq(missing("  12\tc"), 3);
    cr_expect_eq(gap.number, 12);
    cr_expect_eq(missing("13"), 0);
    cr_expect_eq(missing("15"), 1);
    expect_totals(4, 2, 0);
}

Test(message_gaps, counts_each_topic_by_itself)
{
    begin("2");
    cr_expect_eq(missing("warm 1"), 0);
    cr_expect_eq(missing("cold 100"), 0);
    cr_expect_eq(missing("warm 2"), 0);
    cr_expect_eq(missing("cold 103"), 2);
    cr_expect_str_eq(gap.topic, "cold");
    cr_expect_eq(missing("warm 3"), 0);
}

Test(message_gaps, begins_anew_where_numbers_do)
{
    begin("1");
    cr_expect_eq(missing("100"), 0);
    cr_expect_eq(missing("1"), 0);
    cr_expect_eq(missing("1"), 0);
    cr_expect_eq(gap.kind, GAP_BACK);
    cr_expect_eq(missing("3"), 1);
    expect_totals(1, 1, 2);
}

Test(message_gaps, reads_binary_numbers)
{
    begin("frame:2:be");
    cr_expect_eq(missing_in("t", "\0\0\1\1", 4), 0);
    cr_expect_eq(missing_in("t", "\0\0\1\3", 4), 1);
    cr_expect_eq(missing_in("t", "\0\0\0\0\0\0\1\5", 8), 1);
    begin("frame:2:le");
    cr_expect_eq(missing_in("t", "\1\1\0\0", 4), 0);
    cr_expect_eq(missing_in("t", "\4\1\0\0", 4), 2);
    cr_expect_eq(missing_in("u", "\1\1\1\1", 4), 0, "another topic");
}

Test(message_gaps, goes_round_with_four_bytes)
{
    begin("frame:2:le");
    cr_expect_eq(missing_in("t", "\xff\xff\xff\xff", 4), 0);
    cr_expect_eq(missing_in("t", "\0\0\0\0", 4), 0);
    cr_expect_eq(missing_in("t", "\1\0\0\0", 4), 0);
    expect_totals(0, 0, 0);
}

Test(message_gaps, counts_what_is_lost_where_numbers_go_round)
{
    begin("frame:2:be");
    cr_expect_eq(missing_in("t", "\xff\xff\xff\xfe", 4), 0);
    cr_expect_eq(missing_in("t", "\0\0\0\2", 4), 3);
    cr_expect_eq(missing_in("t", "\xff\xff\xff\xff", 4), 0, "it comes late");
    expect_totals(2, 1, 0);
    cr_expect_eq(missing_in("u", "\xff\xff\xff\xff\xff\xff\xff\xfe", 8), 0);
    cr_expect_eq(missing_in("u", "\0\0\0\0\0\0\0\0", 8), 1);
    begin("1");
    cr_expect_eq(missing("4294967295"), 0, "a counter of four bytes, in digits");
    cr_expect_eq(missing("1"), 1);
    cr_expect_eq(missing("18446744073709551615"), 0, "just behind 0");
    cr_expect_eq(gap.kind, GAP_BACK);
}

Test(message_gaps, goes_back_far_from_the_largest_number)
{
    begin("1");
    cr_expect_eq(missing("3000000000"), 0);
    cr_expect_eq(missing("1"), 0);
    expect_totals(0, 0, 1);
}

Test(message_gaps, counts_no_message_that_comes_late)
{
    begin("1");
    const char *const numbers[] = {"1", "2", "6", "4", "3", "5", "7", "8"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        missing(numbers[i]);
    expect_totals(0, 0, 0);
    cr_expect_eq(gaps.late, 3);
    begin("1");
    missing("1");
    missing("5");
    missing("3");
    expect_totals(2, 2, 0);
    missing("2");
    expect_totals(1, 1, 0);
}

/* Of random orders within a window, and a seed that a failure names. */
Test(message_gaps, counts_exactly_whatever_is_lost_and_late)
{
    for (unsigned seed = 1; seed <= 200; seed++) {
        enum { COUNT = 400, SHUFFLED = 16 };
        unsigned state = seed;
        uint64_t numbers[COUNT], lost = 0;
        size_t count = 0;
        for (uint64_t number = 1; number <= COUNT; number++) {
            bool loses = rand_r(&state) % 5 == 0 && number > SHUFFLED && number < COUNT;
            lost += loses;
            if (!loses)
                numbers[count++] = number;
        }
        for (size_t begin_at = 1; begin_at + SHUFFLED < count; begin_at += SHUFFLED)
            for (size_t i = SHUFFLED - 1; i > 0; i--) {
                size_t other = begin_at + (size_t)rand_r(&state) % (i + 1);
                uint64_t swapped = numbers[begin_at + i];
                numbers[begin_at + i] = numbers[other];
                numbers[other] = swapped;
            }
        begin("1");
        for (size_t i = 0; i < count; i++) {
            char text[32];
            snprintf(text, sizeof text, "%d", (int)numbers[i]);
            missing(text);
        }
        cr_assert_eq(message_gaps_totals(&gaps).missing, lost, "seed %u", seed);
        cr_assert_eq(message_gaps_totals(&gaps).backs, 0, "seed %u", seed);
    }
}

Test(message_gaps, counts_nothing_of_a_topic_that_several_publishers_number)
{
    char text[32];
    bool mixed = false;
    begin("2");
    missing("other 1");
    missing("other 3");
    for (int i = 1; i < 10; i++) {
        snprintf(text, sizeof text, "both %d", i);
        missing(text);
        mixed |= gap.kind == GAP_MIXED;
        snprintf(text, sizeof text, "both %d", 1000 + i);
        missing(text);
        mixed |= gap.kind == GAP_MIXED;
    }
    cr_expect(mixed);
    cr_expect_eq(gaps.seen[GAP_MIXED], 1);
    expect_totals(1, 1, 0);
}

Test(message_gaps, takes_one_new_start_for_no_second_publisher)
{
    begin("1");
    const char *const numbers[] = {"1", "2", "3", "1", "4", "5", "9"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        missing(numbers[i]);
    cr_expect_eq(gaps.seen[GAP_MIXED], 0);
    expect_totals(5, 2, 1);
}

Test(message_gaps, counts_no_further_than_a_number_can)
{
    begin("1");
    for (int i = 0; i < 3; i++) {
        missing("1");
        missing("18446744073700000000");
    }
    expect_totals(UINT64_MAX, 3, 2);
    missing("18446744073699999998");
    cr_expect_eq(message_gaps_totals(&gaps).missing, UINT64_MAX);
}

Test(message_gaps, misses_a_number_that_is_not_there)
{
    static const char *const none[] = {
        "", " ", "one", "1x y", "-1", "18446744073709551616 is too large"};
    begin("1");
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_expect_eq(missing(none[i]), -1, "%s", none[i]);
    begin("3");
    cr_expect_eq(missing("1 2"), -1);
    begin("frame:2");
    cr_expect_eq(missing("1 2"), -1);
    cr_expect_eq(missing_in("t", "12", 2), 0);
    cr_expect_eq(missing_in("t", "", 0), -1);
    begin("frame:2:be");
    cr_expect_eq(missing_in("t", "123", 3), -1);
}

Test(message_gaps, keeps_so_many_topics_and_no_more)
{
    char text[32];
    begin("2");
    for (int i = 0; i < GAP_TOPICS_MAX + 10; i++) {
        snprintf(text, sizeof text, "topic-%d 1", i);
        cr_assert_eq(missing(text), 0);
    }
    cr_expect_eq(missing("topic-5 3"), 1);
    snprintf(text, sizeof text, "topic-%d 3", GAP_TOPICS_MAX + 5);
    cr_expect_eq(missing(text), 0, "nobody knows");
    cr_expect_eq(gaps.seen[GAP_TOPICS], 1);
    cr_expect_eq(gaps.uncounted, 11);
}
