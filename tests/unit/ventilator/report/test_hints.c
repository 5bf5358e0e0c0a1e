/* SPDX-License-Identifier: MIT */
#include "ventilator/report/hints.h"

#include "common/clock.h"
#include <criterion/criterion.h>
#include <string.h>

/* Long enough, and nothing to say of it. */
static struct run_facts good_run(void)
{
    return (struct run_facts){
        .wall_us = 10 * SECOND_US,
        .slots = 8,
        .bytes = 64 << 20,
        .chunks = 64,
        .most_records = 1000,
        .longest_us = 2 * SECOND_US,
    };
}

static void expect(const struct run_facts *facts, enum hint hint, const char *expected)
{
    for (int i = 0; i < HINTS; i++) {
        char text[HINT_SIZE];
        bool said = hint_describe((enum hint)i, facts, text);
        cr_expect_eq(said, expected && i == (int)hint, "hint %d", i);
        if (said && expected)
            cr_expect(strstr(text, expected), "%s", text);
    }
}

Test(hints, has_nothing_to_say_of_a_run_that_is_well)
{
    struct run_facts facts = good_run();
    expect(&facts, HINTS, NULL);
}

Test(hints, names_a_block_where_chunks_are_fewer_than_slots_and_one_took_long)
{
    static const struct {
        uint64_t bytes, chunks;
        uint32_t slots;
        const char *says;
    } cases[] = {
        {64 << 20, 1, 8, "less than a chunk each, 1 for 8; "},
        {64 << 20, 7, 8, "each, 7 for 8; "},
        {64 << 20, 1, 8, "--block 2M, "},
        {40 << 20, 3, 8, "--block 1M, "},
        {1 << 20, 1, 2, "--block 128K, "},
        {1 << 20, 1, 64, "--block 4K, "},
        {100, 1, 2, "--block 8, "},
        {UINT64_C(1) << 40, 3, 4, "--block 64G, "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run_facts facts = good_run();
        facts.bytes = cases[i].bytes;
        facts.chunks = cases[i].chunks;
        facts.slots = cases[i].slots;
        facts.longest_us = 6 * SECOND_US;
        expect(&facts, HINT_CHUNKS, cases[i].says);
    }
}

Test(hints, names_no_block_that_would_not_help)
{
    struct run_facts few = good_run();
    few.chunks = 3;
    few.longest_us = 6 * SECOND_US;
    expect(&few, HINT_CHUNKS, "--block");
    struct run_facts facts = few;
    facts.longest_us = 4 *
                       SECOND_US; /* most of the time it waited for something else */
    expect(&facts, HINTS, NULL);
    facts = few;
    facts.most_records = 1; /* nothing can be cut there */
    expect(&facts, HINTS, NULL);
    facts = few;
    facts.most_records = 0;
    expect(&facts, HINTS, NULL);
    facts = few;
    facts.troubled = true; /* a chunk of it took so long that was tried again */
    expect(&facts, HINTS, NULL);
    facts = few;
    facts.resumed = true; /* so little was left */
    expect(&facts, HINTS, NULL);
    facts = few;
    facts.block_auto = true;
    expect(&facts, HINTS, NULL);
    facts = few;
    facts.chunks = 8;
    expect(&facts, HINTS, NULL);
}

Test(hints, says_that_slots_waited_for_the_output_most_of_the_time)
{
    struct run_facts facts = good_run();
    facts.idle_share = 0.5;
    expect(&facts, HINTS, NULL);
    facts.idle_share = 0.88;
    expect(&facts, HINT_OUTPUT, "nothing to do for 88% of their time");
}

Test(hints, is_silent_about_a_short_run)
{
    struct run_facts facts = good_run();
    facts.wall_us = 2 * SECOND_US - 1;
    facts.chunks = 1;
    facts.longest_us = (uint64_t)facts.wall_us;
    facts.idle_share = 0.9;
    expect(&facts, HINTS, NULL);
}
