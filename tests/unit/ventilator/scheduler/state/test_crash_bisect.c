/* SPDX-License-Identifier: MIT */
/* The search, played against chunks of which we know which records take a worker
 * down. */
#include "ventilator/scheduler/state/crash_bisect.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { RECORDS_MAX = 64 };

struct chunk {
    uint64_t records;
    bool kills[RECORDS_MAX];
};

static struct range except[BAD_MAX];

/* Whether a worker survives the next attempt. */
static bool survived(const struct crash_bisect *search, const struct chunk *chunk)
{
    bool run[RECORDS_MAX] = {false};
    uint32_t count = crash_bisect_except(search, except);
    for (uint64_t i = 0; i < chunk->records; i++)
        run[i] = true;
    for (uint32_t i = 0; i < count; i++) {
        cr_assert_leq(except[i].first + except[i].count, chunk->records);
        if (i)
            cr_assert_leq(except[i - 1].first + except[i - 1].count, except[i].first);
        for (uint64_t k = 0; k < except[i].count; k++)
            run[except[i].first + k] = false;
    }
    for (uint64_t i = 0; i < chunk->records; i++)
        if (run[i] && chunk->kills[i])
            return false;
    return true;
}

static uint32_t play(struct crash_bisect *search, const struct chunk *chunk,
                     uint32_t lost_by_chance_percent)
{
    for (uint32_t attempts = 1;; attempts++) {
        cr_assert_lt(attempts, 10000);
        bool by_chance = (uint32_t)(rand() % 100) < lost_by_chance_percent;
        if (!by_chance && survived(search, chunk)) {
            if (!crash_bisect_probes(search))
                return attempts;
            crash_bisect_on_survived(search);
        } else {
            crash_bisect_on_lost(search);
        }
    }
}

static struct chunk chunk_of(uint64_t records, uint32_t killers)
{
    struct chunk chunk = {.records = records};
    while (killers--)
        chunk.kills[(uint64_t)rand() % records] = true;
    return chunk;
}

Test(search, condemns_the_killers_and_nobody_else)
{
    for (unsigned seed = 0; seed < 500; seed++) {
        srand(seed);
        uint64_t records = 1 + (uint64_t)rand() % RECORDS_MAX;
        struct chunk chunk = chunk_of(records, 1 + (uint32_t)rand() % 3);
        struct crash_bisect *search = crash_bisect_new(records);
        play(search, &chunk, 0);
        uint32_t killers = 0;
        for (uint64_t i = 0; i < records; i++)
            killers += chunk.kills[i];
        cr_assert_eq(search->count, killers, "seed %u", seed);
        for (uint32_t i = 0; i < search->count; i++)
            cr_assert(chunk.kills[search->condemned[i].first], "seed %u", seed);
        cr_assert_not(crash_bisect_hopeless(search));
        crash_bisect_destroy(&search);
    }
}

Test(search, needs_a_loss_or_two_more_than_halvings)
{
    struct chunk chunk = {.records = 64, .kills = {[0] = true}};
    struct crash_bisect *search = crash_bisect_new(64);
    uint32_t attempts = play(search, &chunk, 0);
    cr_assert_leq(attempts, 6 + 1 + 1); /* halves, alone again, the rest */
    crash_bisect_destroy(&search);
}

Test(search, losses_by_chance_cost_time_and_no_record)
{
    for (unsigned seed = 0; seed < 200; seed++) {
        srand(seed);
        struct chunk chunk = chunk_of(32, 1);
        struct crash_bisect *search = crash_bisect_new(32);
        play(search, &chunk, 3);
        for (uint32_t i = 0; i < search->count; i++)
            if (!chunk.kills[search->condemned[i].first])
                cr_assert_leq(search->count, 3); /* twice by chance, alone: rare */
        crash_bisect_destroy(&search);
    }
}

/* Also when a worker is lost with a part of which nothing is left to be run. */
Test(search, condemns_a_record_once_however_many_losses_are_by_chance)
{
    for (unsigned seed = 0; seed < 500; seed++) {
        srand(seed);
        struct chunk chunk = chunk_of(1 + (uint64_t)rand() % 4, 1);
        struct crash_bisect *search = crash_bisect_new(chunk.records);
        for (int i = 0; i < 100 && !crash_bisect_hopeless(search); i++) {
            bool by_chance = rand() % 2;
            if (survived(search, &chunk) &&
                !by_chance) /* which looks at the exceptions */
                crash_bisect_on_survived(search);
            else
                crash_bisect_on_lost(search);
        }
        crash_bisect_destroy(&search);
    }
}

/* It takes more than one record together. */
Test(search, gives_up_where_no_record_does_it_alone)
{
    struct crash_bisect *search = crash_bisect_new(16);
    for (int i = 0; i < 1000 && !crash_bisect_hopeless(search); i++) {
        if (crash_bisect_probes(search))
            crash_bisect_on_survived(search);
        else
            crash_bisect_on_lost(search);
    }
    cr_assert(crash_bisect_hopeless(search));
    cr_assert_eq(search->count, 0);
    crash_bisect_destroy(&search);
}
