/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/tournament.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { SEATS = 100, ROUNDS = 3000, KEYS = 20 };

static struct tournament tournament;
static struct tournament_seat seats[SEATS];

static void set_up(void)
{
    tournament_init(&tournament);
    for (uint32_t i = 0; i < SEATS; i++)
        seats[i].key = TOURNAMENT_EMPTY;
}

static void tear_down(void)
{
    tournament_deinit(&tournament);
}

TestSuite(tournament, .init = set_up, .fini = tear_down);

static void set(uint32_t seat, uint64_t key, uint32_t tie)
{
    seats[seat] = (struct tournament_seat){key, tie};
    tournament_set(&tournament, seat, key, tie);
}

static int64_t find_best(int64_t but)
{
    int64_t best = TOURNAMENT_NOBODY;
    for (int64_t i = 0; i < SEATS; i++)
        if (i != but && seats[i].key != TOURNAMENT_EMPTY &&
            (best < 0 || seats[i].key < seats[best].key ||
             (seats[i].key == seats[best].key && seats[i].tie < seats[best].tie)))
            best = i;
    return best;
}

Test(tournament, of_nobody_nobody_wins)
{
    cr_assert_eq(tournament_best(&tournament), TOURNAMENT_NOBODY);
    set(SEATS - 1, 5, 0);
    cr_assert_eq(tournament_best_but(&tournament, SEATS - 1), TOURNAMENT_NOBODY);
    set(SEATS - 1, TOURNAMENT_EMPTY, 0);
    cr_assert_eq(tournament_best(&tournament), TOURNAMENT_NOBODY);
}

Test(tournament, the_lowest_key_wins_after_any_changes)
{
    unsigned seed = 1;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t seat = (uint32_t)rand_r(&seed) % SEATS;
        uint64_t key = (uint64_t)rand_r(&seed) % KEYS;
        set(seat, key ? key : TOURNAMENT_EMPTY, (uint32_t)rand_r(&seed));
        int64_t best = find_best(TOURNAMENT_NOBODY);
        cr_assert_eq(tournament_best(&tournament), best);
        cr_assert_eq(tournament_best_but(&tournament, seat), find_best(seat));
        if (best >= 0)
            cr_assert_eq(tournament_best_but(&tournament, (uint32_t)best),
                         find_best(best));
    }
}

static unsigned asked;

/* Odd seats do not count, and the others' keys are as they are, or 3. */
static uint64_t judge(const void *context, uint32_t seat)
{
    (void)context;
    asked++;
    if (seat % 2)
        return TOURNAMENT_EMPTY;
    return seats[seat].key < 3 ? 3 : seats[seat].key;
}

Test(tournament, a_search_finds_the_best_of_those_that_count)
{
    set(1, 1, 1);
    set(2, 2, 2);
    set(4, 2, 0);
    set(6, 4, 0);
    set(8, 5, 0);
    cr_assert_eq(tournament_search(&tournament, TOURNAMENT_EMPTY, judge, NULL), 4);
    cr_assert_leq(asked, 3, "it asked for %u seats", asked);
    cr_assert_eq(tournament_search(&tournament, 3, judge, NULL), TOURNAMENT_NOBODY);
}
