/* SPDX-License-Identifier: MIT */
#include "sink/session/release_queue.h"

#include <criterion/criterion.h>
#include <string.h>

static int cargo[16];

static bool offer(struct release_queue *queue, uint64_t seq)
{
    static uint8_t mark[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    struct result_info info = {.seq = seq,
                               .length = 10,
                               .mark = {.data = &mark[seq], .size = 1},
                               .dead_letters = (uint32_t)seq % 4};
    return release_queue_offer(queue, &info, &cargo[seq]);
}

/* Gives out all that can be; how many. */
static unsigned give_all(struct release_queue *queue)
{
    unsigned given = 0;
    for (uint64_t seq; release_queue_give(queue, &seq); given++)
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

Test(release_queue, gives_out_in_order_and_is_written_in_order)
{
    struct release_queue queue;
    uint64_t seq;
    release_queue_init(&queue, 0, true);
    cr_assert(offer(&queue, 1));
    cr_assert_null(release_queue_give(&queue, &seq));
    cr_assert(offer(&queue, 0));
    cr_assert_eq(release_queue_give(&queue, &seq), &cargo[0]);
    cr_assert_eq(release_queue_give(&queue, &seq), &cargo[1]);
    cr_assert(release_queue_writing(&queue));
    release_queue_on_written(&queue, 0);
    cr_assert_eq(queue.written, 1);
    cr_assert_eq(queue.mark[0], 0, "the mark is that of the last one written");
    release_queue_on_written(&queue, 1);
    cr_assert_eq(queue.mark[0], 1);
    cr_assert_eq(queue.bytes, 20);
    cr_assert_not(release_queue_writing(&queue));
    release_queue_deinit(&queue, keep);
}

Test(release_queue, refuses_what_is_in_whether_parked_or_being_written)
{
    struct release_queue queue;
    release_queue_init(&queue, 0, true);
    cr_assert(offer(&queue, 0));
    cr_assert(offer(&queue, 5));
    give_all(&queue);
    cr_assert_not(offer(&queue, 0));
    cr_assert_not(offer(&queue, 5));
    release_queue_deinit(&queue, keep);
}

Test(release_queue, holds_what_is_being_written_and_what_is_parked)
{
    struct release_queue queue;
    uint32_t count;
    release_queue_init(&queue, 0, true);
    for (uint64_t seq = 0; seq < 3; seq++)
        offer(&queue, seq);
    offer(&queue, 7);
    cr_assert_eq(give_all(&queue), 3);
    release_queue_on_written(&queue, 0);
    const struct range *held = release_queue_held(&queue, &count);
    cr_assert_eq(count, 2);
    cr_assert(held[0].first == 1 && held[0].count == 2);
    cr_assert(held[1].first == 7 && held[1].count == 1);
    release_queue_deinit(&queue, keep);
}

Test(release_queue, unordered_is_written_up_to_the_first_gap_only)
{
    struct release_queue queue;
    release_queue_init(&queue, 0, false);
    offer(&queue, 1);
    offer(&queue, 2);
    cr_assert_eq(give_all(&queue), 2, "out as they came");
    release_queue_on_written(&queue, 1);
    release_queue_on_written(&queue, 2);
    cr_assert_eq(queue.written, 0, "seq 0 is missing");
    cr_assert(queue.given);
    offer(&queue, 0);
    give_all(&queue);
    release_queue_on_written(&queue, 0);
    cr_assert_eq(queue.written, 3);
    release_queue_deinit(&queue, keep);
}

Test(release_queue, drops_each_parked_cargo_once_at_its_end)
{
    struct release_queue queue;
    dropped = 0;
    release_queue_init(&queue, 0, true);
    offer(&queue, 0);
    offer(&queue, 3);
    offer(&queue, 4);
    give_all(&queue); /* 0 is the output's now */
    release_queue_deinit(&queue, count_dropped);
    cr_assert_eq(dropped, 2);
}

Test(release_queue, counts_dead_letters_when_what_brings_them_is_written)
{
    struct release_queue queue;
    release_queue_init(&queue, 0, true);
    for (uint64_t seq = 0; seq < 4; seq++)
        offer(&queue, seq);
    give_all(&queue);
    cr_assert_eq(queue.dead_letters, 0);
    release_queue_on_written(&queue, 2);
    cr_assert_eq(queue.dead_letters, 3);
    cr_assert_eq(queue.failed, 2, "0 brought none");
    release_queue_deinit(&queue, keep);
}
