/* SPDX-License-Identifier: MIT */
#include "sink/sequence.h"

#include <criterion/criterion.h>
#include <string.h>

static int cargo[16];

static bool offer(struct sequence *sequence, uint64_t seq)
{
    static uint8_t mark[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct arrival arrival = {.seq = seq,
                              .length = 10,
                              .mark = {.data = &mark[seq], .size = 1},
                              .dead_letters = (uint32_t)seq % 4};
    return sequence_offer(sequence, &arrival, &cargo[seq]);
}

/* Gives out all that can be; how many. */
static unsigned give_all(struct sequence *sequence)
{
    unsigned given = 0;
    for (uint64_t seq; sequence_give(sequence, &seq); given++)
        ;
    return given;
}

static void keep(void *unused)
{
    (void)unused;
}

static unsigned dropped;

static void count_dropped(void *unused)
{
    (void)unused;
    dropped++;
}

Test(sequence, gives_out_in_order_and_is_written_in_order)
{
    struct sequence sequence;
    uint64_t seq;
    sequence_init(&sequence, 0, true);
    cr_assert(offer(&sequence, 1));
    cr_assert_null(sequence_give(&sequence, &seq));
    cr_assert(offer(&sequence, 0));
    cr_assert_eq(sequence_give(&sequence, &seq), &cargo[0]);
    cr_assert_eq(sequence_give(&sequence, &seq), &cargo[1]);
    cr_assert(sequence_writing(&sequence));
    sequence_on_written(&sequence, 0);
    cr_assert_eq(sequence.written, 1);
    cr_assert_eq(sequence.mark[0], 0, "the mark is that of the last one written");
    sequence_on_written(&sequence, 1);
    cr_assert_eq(sequence.mark[0], 1);
    cr_assert_eq(sequence.bytes, 20);
    cr_assert_not(sequence_writing(&sequence));
    sequence_deinit(&sequence, keep);
}

Test(sequence, refuses_what_is_in_whether_parked_or_being_written)
{
    struct sequence sequence;
    sequence_init(&sequence, 0, true);
    cr_assert(offer(&sequence, 0));
    cr_assert(offer(&sequence, 5));
    give_all(&sequence);
    cr_assert_not(offer(&sequence, 0));
    cr_assert_not(offer(&sequence, 5));
    sequence_deinit(&sequence, keep);
}

Test(sequence, holds_what_is_being_written_and_what_is_parked)
{
    struct sequence sequence;
    uint32_t count;
    sequence_init(&sequence, 0, true);
    for (uint64_t seq = 0; seq < 3; seq++)
        offer(&sequence, seq);
    offer(&sequence, 7);
    cr_assert_eq(give_all(&sequence), 3);
    sequence_on_written(&sequence, 0);
    const struct range *held = sequence_held(&sequence, &count);
    cr_assert_eq(count, 2);
    cr_assert(held[0].first == 1 && held[0].count == 2);
    cr_assert(held[1].first == 7 && held[1].count == 1);
    sequence_deinit(&sequence, keep);
}

Test(sequence, unordered_is_written_up_to_the_first_gap_only)
{
    struct sequence sequence;
    sequence_init(&sequence, 0, false);
    offer(&sequence, 1);
    offer(&sequence, 2);
    cr_assert_eq(give_all(&sequence), 2, "out as they came");
    sequence_on_written(&sequence, 1);
    sequence_on_written(&sequence, 2);
    cr_assert_eq(sequence.written, 0, "seq 0 is missing");
    cr_assert(sequence.given);
    offer(&sequence, 0);
    give_all(&sequence);
    sequence_on_written(&sequence, 0);
    cr_assert_eq(sequence.written, 3);
    sequence_deinit(&sequence, keep);
}

Test(sequence, drops_each_parked_cargo_once_at_its_end)
{
    struct sequence sequence;
    dropped = 0;
    sequence_init(&sequence, 0, true);
    offer(&sequence, 0);
    offer(&sequence, 3);
    offer(&sequence, 4);
    give_all(&sequence); /* 0 is the output's now */
    sequence_deinit(&sequence, count_dropped);
    cr_assert_eq(dropped, 2);
}

Test(sequence, counts_dead_letters_when_what_brings_them_is_written)
{
    struct sequence sequence;
    sequence_init(&sequence, 0, true);
    for (uint64_t seq = 0; seq < 4; seq++)
        offer(&sequence, seq);
    give_all(&sequence);
    cr_assert_eq(sequence.dead_letters, 0);
    sequence_on_written(&sequence, 2);
    cr_assert_eq(sequence.dead_letters, 3);
    cr_assert_eq(sequence.failed, 2, "0 brought none");
    sequence_deinit(&sequence, keep);
}
