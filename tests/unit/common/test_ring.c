/* SPDX-License-Identifier: MIT */
#include "common/ring.h"

#include <criterion/criterion.h>
#include <stdint.h>

static void push(struct ring *ring, uint32_t number)
{
    *(uint32_t *)ring_push(ring) = number;
}

static void expect_pop(struct ring *ring, uint32_t expected)
{
    uint32_t number;
    cr_assert(ring_pop(ring, &number));
    cr_assert_eq(number, expected);
}

Test(ring, first_in_is_first_out)
{
    struct ring ring;
    ring_init(&ring, sizeof(uint32_t));
    for (uint32_t i = 0; i < 5; i++)
        push(&ring, i);
    for (uint32_t i = 0; i < 5; i++)
        expect_pop(&ring, i);
    ring_deinit(&ring);
}

Test(ring, an_empty_one_leaves_the_output_alone)
{
    struct ring ring;
    uint32_t number = 7;
    ring_init(&ring, sizeof number);
    cr_assert_not(ring_pop(&ring, &number));
    push(&ring, 1);
    expect_pop(&ring, 1);
    number = 7;
    cr_assert_not(ring_pop(&ring, &number));
    cr_assert_eq(number, 7);
    ring_deinit(&ring);
}

/* It grows at every place of the ring that its oldest may have. */
Test(ring, keeps_its_order_when_it_grows_in_the_middle_of_the_ring)
{
    for (uint32_t turned = 0; turned < 16; turned++) {
        struct ring ring;
        ring_init(&ring, sizeof(uint32_t));
        for (uint32_t i = 0; i < turned; i++) {
            push(&ring, i);
            expect_pop(&ring, i);
        }
        for (uint32_t i = 0; i < 100; i++)
            push(&ring, i);
        for (uint32_t i = 0; i < 100; i++)
            expect_pop(&ring, i);
        cr_assert_eq(ring.count, 0);
        ring_deinit(&ring);
    }
}

Test(ring, can_be_used_again_after_deinit)
{
    struct ring ring;
    ring_init(&ring, sizeof(uint32_t));
    push(&ring, 1);
    ring_deinit(&ring);
    push(&ring, 2);
    expect_pop(&ring, 2);
    ring_deinit(&ring);
}
