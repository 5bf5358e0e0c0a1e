/* SPDX-License-Identifier: MIT */
#include "ventilator/book.h"

#include <criterion/criterion.h>

static struct book book;

static void begin(void)
{
    book_init(&book);
}

static void end(void)
{
    book_deinit(&book);
}

TestSuite(book, .init = begin, .fini = end);

static void send_all(void)
{
    for (; book.fresh < book.cut; book.fresh++)
        book_find(&book, book.fresh)->state = TASK_OUT;
}

Test(book, numbers_tasks_from_its_position_on)
{
    book_begin(&book, 1000);
    cr_assert_eq(book_add(&book, 5, 1), 1000);
    cr_assert_eq(book_add(&book, 6, 1), 1001);
    cr_assert_eq(book_find(&book, 1001)->length, 6);
    cr_assert_null(book_find(&book, 999));
    cr_assert_null(book_find(&book, 1002));
}

Test(book, keeps_every_task_when_it_grows_wherever_it_begins)
{
    for (uint64_t position = 0; position < 70; position += 23) {
        struct book one;
        book_init(&one);
        book_begin(&one, position);
        for (uint64_t i = 0; i < 300; i++)
            book_add(&one, i, 1);
        for (uint64_t i = 0; i < 300; i++)
            cr_assert_eq(book_find(&one, position + i)->length, i);
        book_deinit(&one);
    }
}

Test(book, an_attempt_stays_on_its_task_when_the_book_grows)
{
    struct attempt attempt = {.seq = book_add(&book, 1, 1), .number = 1};
    LIST_INSERT_HEAD(&book_find(&book, 0)->open, &attempt, of_task);
    for (int i = 0; i < 300; i++)
        book_add(&book, 1, 1);
    cr_assert_eq(book_attempt(&book, 0, NULL), &attempt);
    LIST_REMOVE(&attempt, of_task);
    cr_assert_null(book_attempt(&book, 0, NULL));
}

Test(book, what_is_sent_again_comes_lowest_first_and_once)
{
    static const uint64_t seqs[] = {7, 3, 9, 3, 1, 8};
    uint64_t seq;
    for (int i = 0; i < 10; i++)
        book_add(&book, 1, 1);
    send_all();
    for (size_t i = 0; i < sizeof seqs / sizeof *seqs; i++)
        book_requeue(&book, seqs[i]);
    for (uint64_t expected = 1; expected < 10; expected++) {
        if (expected != 1 && expected != 3 && expected < 7)
            continue;
        cr_assert(book_take_again(&book, &seq));
        cr_assert_eq(seq, expected);
    }
    cr_assert_not(book_take_again(&book, &seq));
}

Test(book, what_is_settled_meanwhile_is_not_sent_again)
{
    uint64_t seq;
    for (int i = 0; i < 3; i++)
        book_add(&book, 1, 1);
    send_all();
    for (uint64_t i = 0; i < 3; i++)
        book_requeue(&book, i);
    book_remove_first(&book);
    book_find(&book, 1)->state = TASK_HELD;
    cr_assert(book_take_again(&book, &seq));
    cr_assert_eq(seq, 2);
    cr_assert_not(book_take_again(&book, &seq));
}

Test(book, what_was_never_sent_is_not_sent_again)
{
    uint64_t seq;
    book_add(&book, 1, 1);
    book_requeue(&book, 0);
    cr_assert_not(book_take_again(&book, &seq));
}
