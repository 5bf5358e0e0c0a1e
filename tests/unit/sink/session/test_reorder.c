/* SPDX-License-Identifier: MIT */
#include "sink/session/reorder.h"
#include <criterion/criterion.h>
#include <stdlib.h>

/* Cargo n stands for seq n; never dereferenced. */
static char cargo_base[1 << 20];

static void *cargo(uint64_t seq)
{
    return &cargo_base[seq];
}

static uint64_t dropped;

static void drop(void *unused)
{
    (void)unused;
    dropped++;
}

static void expect_release(struct reorder *reorder, uint64_t expected)
{
    uint64_t seq = UINT64_MAX;
    void *released = reorder_release(reorder, &seq);

    cr_assert_eq(released, cargo(expected));
    cr_assert_eq(seq, expected);
}

static void expect_nothing(struct reorder *reorder)
{
    uint64_t seq;

    cr_assert_null(reorder_release(reorder, &seq));
}

Test(reorder, releases_in_order_arrivals_at_once)
{
    struct reorder *reorder = reorder_new(0, true);

    for (uint64_t seq = 0; seq < 1000; seq++) {
        cr_assert(reorder_offer(reorder, seq, cargo(seq)));
        expect_release(reorder, seq);
        expect_nothing(reorder);
    }
    cr_assert_eq(reorder_parked_ever(reorder), 0);
    reorder_destroy(&reorder, drop);
    cr_assert_null(reorder);
}

static uint64_t count_held(struct reorder *reorder)
{
    uint32_t ranges;
    const struct range *held = reorder_held(reorder, &ranges);
    uint64_t count = 0;

    for (uint32_t i = 0; i < ranges; i++)
        count += held[i].count;
    return count;
}

Test(reorder, releases_parked_successors_when_the_gap_fills)
{
    struct reorder *reorder = reorder_new(5, true);

    cr_assert(reorder_offer(reorder, 7, cargo(7)));
    cr_assert(reorder_offer(reorder, 6, cargo(6)));
    cr_assert(reorder_offer(reorder, 9, cargo(9)));
    expect_nothing(reorder);
    cr_assert_eq(count_held(reorder), 3);
    cr_assert(reorder_offer(reorder, 5, cargo(5)));
    cr_assert_eq(reorder_next(reorder), 5);
    expect_release(reorder, 5);
    expect_release(reorder, 6);
    expect_release(reorder, 7);
    expect_nothing(reorder);
    cr_assert_eq(reorder_next(reorder), 8);
    cr_assert_eq(count_held(reorder), 1);
    cr_assert_eq(reorder_parked_ever(reorder), 3);
    reorder_destroy(&reorder, drop);
}

Test(reorder, refuses_every_copy_but_the_first)
{
    struct reorder *reorder = reorder_new(1, true);

    cr_assert_not(reorder_offer(reorder, 0, cargo(0)));
    cr_assert(reorder_offer(reorder, 2, cargo(2)));
    cr_assert_not(reorder_offer(reorder, 2, cargo(3)));
    cr_assert(reorder_offer(reorder, 1, cargo(1)));
    cr_assert_not(reorder_offer(reorder, 1, cargo(3)));
    expect_release(reorder, 1);
    expect_release(reorder, 2);
    cr_assert_not(reorder_offer(reorder, 2, cargo(3)));
    reorder_destroy(&reorder, drop);
}

Test(reorder, takes_any_seq_however_far)
{
    struct reorder *reorder = reorder_new(0, true);

    cr_assert(reorder_offer(reorder, UINT64_MAX, cargo(1)));
    cr_assert(reorder_offer(reorder, UINT64_C(1) << 40, cargo(2)));
    cr_assert(reorder_has(reorder, UINT64_MAX));
    cr_assert_not(reorder_offer(reorder, UINT64_MAX, cargo(3)));
    cr_assert(reorder_offer(reorder, 0, cargo(0)));
    expect_release(reorder, 0);
    expect_nothing(reorder);
    reorder_destroy(&reorder, drop);
    cr_assert_eq(dropped, 2);
}

Test(reorder, unordered_gives_out_as_it_came_and_counts_in_sequence)
{
    struct reorder *reorder = reorder_new(0, false);
    const struct range *held;
    uint32_t count;

    for (uint64_t seq = 3; seq > 0; seq--) {
        cr_assert(reorder_offer(reorder, seq, cargo(seq)));
        expect_release(reorder, seq);
    }
    cr_assert_not(reorder_offer(reorder, 2, cargo(2)));
    cr_assert_eq(reorder_next(reorder), 0);
    cr_assert_eq(reorder_parked_ever(reorder), 0);
    held = reorder_held(reorder, &count);
    cr_assert_eq(count, 1);
    cr_assert_eq(held[0].first, 1);
    cr_assert_eq(held[0].count, 3);
    cr_assert(reorder_offer(reorder, 0, cargo(0)));
    expect_release(reorder, 0);
    expect_nothing(reorder);
    cr_assert_eq(reorder_next(reorder), 4);
    reorder_held(reorder, &count);
    cr_assert_eq(count, 0);
    reorder_destroy(&reorder, drop);
}

Test(reorder, tells_what_it_holds_as_ascending_ranges)
{
    static const uint64_t seqs[] = {9, 4, 3, 20, 10, 5};
    static const struct range expected[] = {{3, 3}, {9, 2}, {20, 1}};
    struct reorder *reorder = reorder_new(2, true);
    const struct range *held;
    uint32_t count;

    for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++)
        cr_assert(reorder_offer(reorder, seqs[i], cargo(seqs[i])));
    held = reorder_held(reorder, &count);
    cr_assert_eq(count, 3);
    for (uint32_t i = 0; i < count; i++) {
        cr_assert_eq(held[i].first, expected[i].first);
        cr_assert_eq(held[i].count, expected[i].count);
    }
    cr_assert(reorder_offer(reorder, 2, cargo(2)));
    held = reorder_held(reorder, &count);
    cr_assert_eq(held[0].first, 2, "what may go out and has not is held as well");
    cr_assert_eq(held[0].count, 4);
    reorder_destroy(&reorder, drop);
}

Test(reorder, tells_no_more_ranges_than_a_message_may_carry)
{
    struct reorder *reorder = reorder_new(0, true);
    const struct range *held;
    uint32_t count;

    for (uint64_t i = RANGES_MAX + 10; i > 0; i--)
        cr_assert(reorder_offer(reorder, 2 * i, cargo(i)));
    held = reorder_held(reorder, &count);
    cr_assert_eq(count, RANGES_MAX);
    cr_assert_eq(held[0].first, 2, "the oldest ones");
    cr_assert_eq(held[RANGES_MAX - 1].first, 2 * RANGES_MAX);
    reorder_destroy(&reorder, drop);
}

Test(reorder, names_each_parked_cargo_once_and_that_first_which_is_needed_last)
{
    struct reorder *reorder = reorder_new(0, true);
    uint64_t seq;

    cr_assert_null(reorder_name_last(reorder));
    cr_assert(reorder_offer(reorder, 3, cargo(3)));
    cr_assert(reorder_offer(reorder, 8, cargo(8)));
    cr_assert(reorder_offer(reorder, 1, cargo(1)));
    cr_assert_eq(reorder_name_last(reorder), cargo(8));
    cr_assert(reorder_offer(reorder, 9, cargo(9)));
    cr_assert_eq(reorder_name_last(reorder), cargo(9));
    cr_assert(reorder_offer(reorder, 0, cargo(0)));
    cr_assert_eq(reorder_name_last(reorder), cargo(3), "1 is not parked any more");
    cr_assert_null(reorder_name_last(reorder));
    cr_assert_eq(reorder_release(reorder, &seq), cargo(0));
    cr_assert_eq(reorder_release(reorder, &seq), cargo(1));
    cr_assert(reorder_offer(reorder, 2, cargo(2)));
    cr_assert_eq(reorder_release(reorder, &seq), cargo(2));
    cr_assert_eq(reorder_release(reorder, &seq), cargo(3), "named, and still in");
    reorder_destroy(&reorder, drop);
}

/* xorshift64 */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Every seq once in a random order, shuffled within a random reach, and every draw
 * repeated at random. */
static void permute_and_check(uint64_t seed, bool ordered)
{
    enum { COUNT = 700 };
    uint64_t state = seed * 2654435761u + 1, order[COUNT], taken = 0, out = 0, seq;
    uint64_t reach = 1 + draw(&state) % COUNT, position = draw(&state) % 1000;
    struct reorder *reorder = reorder_new(position, ordered);
    bool seen[COUNT] = {false};
    void *released;

    for (uint64_t i = 0; i < COUNT; i++)
        order[i] = i;
    for (uint64_t i = 0; i + 1 < COUNT; i++) {
        uint64_t left = COUNT - i, j = i + draw(&state) % (left < reach ? left : reach);
        uint64_t kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t again = draw(&state) % (i + 1);

        cr_assert(
            reorder_offer(reorder, position + order[i], cargo(position + order[i])));
        taken++;
        cr_assert_not(reorder_offer(reorder, position + order[again], cargo(0)));
        if (draw(&state) % 3 == 0)
            continue;
        while ((released = reorder_release(reorder, &seq)) != NULL) {
            cr_assert_eq(released, cargo(seq));
            cr_assert_not(seen[seq - position]);
            seen[seq - position] = true;
            if (ordered)
                cr_assert_eq(seq, position + out);
            out++;
        }
        if (ordered) {
            cr_assert_eq(reorder_next(reorder), position + out);
            cr_assert_eq(count_held(reorder), taken - out);
        } else {
            cr_assert_eq(taken, out);
        }
    }
    while (reorder_release(reorder, &seq) != NULL)
        out++;
    cr_assert_eq(out, COUNT, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(reorder_next(reorder), position + COUNT);
    reorder_destroy(&reorder, drop);
    cr_assert_eq(dropped, 0);
}

Test(reorder, knows_which_result_later_ones_wait_for)
{
    struct reorder *reorder = reorder_new(5, true);
    uint64_t seq = 0;
    cr_assert_not(reorder_has_gap(reorder, &seq));
    cr_assert(reorder_offer(reorder, 7, cargo(7)));
    cr_assert(reorder_has_gap(reorder, &seq));
    cr_assert_eq(seq, 5);
    cr_assert(reorder_offer(reorder, 5, cargo(5)));
    cr_assert(reorder_has_gap(reorder, &seq));
    cr_assert_eq(seq, 6);
    cr_assert(reorder_offer(reorder, 6, cargo(6)));
    cr_assert_not(reorder_has_gap(reorder, &seq));
    reorder_destroy(&reorder, drop);
}

Test(reorder, any_permutation_with_copies_comes_out_once_and_in_order)
{
    for (uint64_t seed = 1; seed <= 300; seed++)
        permute_and_check(seed, true);
}

Test(reorder, any_permutation_comes_out_once_when_unordered)
{
    for (uint64_t seed = 1; seed <= 100; seed++)
        permute_and_check(seed, false);
}
