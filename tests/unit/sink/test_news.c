/* SPDX-License-Identifier: MIT */
#include "sink/news.h"

#include "common/clock.h"
#include <criterion/criterion.h>

enum { START_US = 1000000 };

Test(news, neighbours_are_one_range)
{
    struct news news = {0};
    for (uint64_t seq = 3; seq < 6; seq++)
        news_add(&news, seq);
    news_add(&news, 9);
    cr_assert_eq(news.count, 2);
    cr_assert(news.held[0].first == 3 && news.held[0].count == 3);
    cr_assert(news.held[1].first == 9 && news.held[1].count == 1);
    news_deinit(&news);
}

Test(news, never_holds_more_ranges_than_a_message_may)
{
    struct news news = {0};
    for (uint64_t i = 0; i < RANGES_MAX + 10; i++)
        news_add(&news, 2 * i);
    cr_assert_eq(news.count, RANGES_MAX);
    news_deinit(&news);
}

Test(news, are_due_when_there_are_some_and_not_too_often)
{
    struct news news = {0};
    int64_t due_us;
    cr_assert_not(news_due(&news, START_US, &due_us));
    cr_assert_eq(due_us, NEVER_US);
    news_add(&news, 1);
    cr_assert(news_due(&news, START_US, &due_us));
    news_clear(&news);
    news.moved = true;
    cr_assert_not(news_due(&news, START_US + 1, &due_us));
    cr_assert_gt(due_us, START_US);
    cr_assert(news_due(&news, due_us, &due_us));
    news_deinit(&news);
}
