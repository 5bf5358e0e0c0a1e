/* SPDX-License-Identifier: MIT */
#include "common/queue.h"

#include <criterion/criterion.h>
#include <stdint.h>

static void push(struct queue *queue, uint32_t number)
{
    *(uint32_t *)queue_push(queue) = number;
}

static void expect_pop(struct queue *queue, uint32_t expected)
{
    uint32_t number;
    cr_assert(queue_pop(queue, &number));
    cr_assert_eq(number, expected);
}

Test(queue, first_in_is_first_out)
{
    struct queue queue;
    queue_init(&queue, sizeof(uint32_t));
    for (uint32_t i = 0; i < 5; i++)
        push(&queue, i);
    for (uint32_t i = 0; i < 5; i++)
        expect_pop(&queue, i);
    queue_deinit(&queue);
}

Test(queue, an_empty_one_leaves_the_output_alone)
{
    struct queue queue;
    uint32_t number = 7;
    queue_init(&queue, sizeof number);
    cr_assert_not(queue_pop(&queue, &number));
    push(&queue, 1);
    expect_pop(&queue, 1);
    number = 7;
    cr_assert_not(queue_pop(&queue, &number));
    cr_assert_eq(number, 7);
    queue_deinit(&queue);
}

/* It grows at every place of the ring that its oldest may have. */
Test(queue, keeps_its_order_when_it_grows_in_the_middle_of_the_ring)
{
    for (uint32_t turned = 0; turned < 16; turned++) {
        struct queue queue;
        queue_init(&queue, sizeof(uint32_t));
        for (uint32_t i = 0; i < turned; i++) {
            push(&queue, i);
            expect_pop(&queue, i);
        }
        for (uint32_t i = 0; i < 100; i++)
            push(&queue, i);
        for (uint32_t i = 0; i < 100; i++)
            expect_pop(&queue, i);
        cr_assert_eq(queue.count, 0);
        queue_deinit(&queue);
    }
}

Test(queue, can_be_used_again_after_deinit)
{
    struct queue queue;
    queue_init(&queue, sizeof(uint32_t));
    push(&queue, 1);
    queue_deinit(&queue);
    push(&queue, 2);
    expect_pop(&queue, 2);
    queue_deinit(&queue);
}
