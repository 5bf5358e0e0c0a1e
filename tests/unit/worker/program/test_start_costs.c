/* SPDX-License-Identifier: MIT */
#include "worker/program/start_costs.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SLOTS = 4, BEGAN_US = 7000000 };

static struct start_costs costs_of(uint64_t runs, uint64_t run_us, int64_t start_us)
{
    struct start_costs costs = {0};
    for (uint64_t i = 0; i < runs; i++) {
        bool looks =
            start_costs_begin(&costs, BEGAN_US + (int64_t)(i * run_us / SLOTS));
        start_costs_end(&costs, run_us, looks ? start_us : -1);
    }
    return costs;
}

/* `share`: of the time of each slot that its runs took. */
static void expect_busy(struct start_costs costs, double share, const char *expected)
{
    char text[512];
    int64_t now_us = BEGAN_US + (int64_t)((double)costs.run_us / SLOTS / share);
    bool said = start_costs_take_hint(&costs, SLOTS, now_us, text, sizeof text);
    cr_expect_eq(said, expected != NULL);
    if (said && expected)
        cr_expect(strstr(text, expected), "%s", text);
    cr_expect(!start_costs_take_hint(&costs, SLOTS, now_us, text, sizeof text),
              "it says once");
}

static void expect(struct start_costs costs, const char *expected)
{
    expect_busy(costs, 0.9, expected);
}

Test(start_costs, look_at_the_first_starts_and_then_at_one_of_eight)
{
    struct start_costs costs = costs_of(32, 1000, 10);
    cr_expect_eq(costs.started, 32);
    cr_expect_eq(costs.seen, 4 + 3);
    cr_expect_eq(costs.seen_start_us, 70);
}

Test(start_costs, are_said_where_they_are_most_of_the_time)
{
    expect(costs_of(100, 200000, 160000), "took 80% of its time to start, before it "
                                          "read anything, 100 times; ");
    expect(costs_of(100, 200000, 100001), "took 50% of");
    expect(costs_of(100, 200000, 100000), NULL);
    expect(costs_of(10000, 3000, 2700), "took 90% of");
}

Test(start_costs, name_what_helps_where_longer_chunks_would_leave_slots_idle)
{
    expect(costs_of(100, 79000, 70000), NULL);
    expect(costs_of(100, 81000, 70000), "took 86% of");
    expect(costs_of(15, 2000000, 1900000), "15 times; --mode lines or frames starts");
    expect(costs_of(16, 2000000, 1900000), "16 times; longer chunks");
    expect((struct start_costs){0}, NULL);
}

/* Few starts, and long ones: their share of the time says it, and not their number. */
Test(start_costs, are_said_of_two_chunks_a_slot_and_not_where_each_slot_started_once)
{
    expect(costs_of(8, 5000000, 4000000), "took 80% of its time to start, before it "
                                          "read anything, 8 times; --mode lines");
    expect(costs_of(5, 5000000, 4000000), "5 times; --mode lines");
    expect(costs_of(4, 5000000, 4000000), NULL);
}

Test(start_costs, are_guessed_where_chunks_are_too_small_to_see_when_they_are_read)
{
    expect(costs_of(4000, 2500, -1), "ran 4000 times for about 2.5 ms, hardly longer");
    expect(costs_of(4000, 5100, -1), NULL);
    expect(costs_of(799, 4999000, -1), NULL);
    expect(costs_of(4000, 2500, 1000), NULL);
}

Test(start_costs, are_not_said_of_slots_that_mostly_wait_for_a_stream)
{
    expect_busy(costs_of(4000, 2500, -1), 0.51, "ran 4000 times");
    expect_busy(costs_of(4000, 2500, -1), 0.49, NULL);
    expect_busy(costs_of(100, 200000, 160000), 0.49, NULL);
}
