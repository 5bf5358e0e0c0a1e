/* SPDX-License-Identifier: MIT */
/* When the records of a slow stream are handed out, and what dispatch is told. The time
 * is the test's. */
#include "dispatch_fixture.h"
#include "input_fixture.h"

#include "ventilator/feed.h"
#include <fcntl.h>

static struct feed feed;
static int writer;

static void feed_begin(struct source_config source_config)
{
    int ends[2];
    set_up();
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    writer = ends[1];
    source_config.chunker = blocks_of(8);
    feed =
        (struct feed){.source = open_sources(&source_config), .timeout_us = SECOND_US};
    config.awaits_header = source_config.header_lines > 0;
    begin();
    feed.store = store_new(feed.source);
    feed.dispatch = dispatch;
    feed_start(&feed, now_us);
}

static void feed_end(void)
{
    close(writer);
    store_destroy(&feed.store);
    source_destroy(&feed.source);
    tear_down();
}

/* So much later, with these bytes more; how many chunks there are then. */
static uint64_t cut_after(int64_t us, const char *text)
{
    now_us += us;
    cr_assert_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
    feed_cut(&feed, now_us);
    return dispatch_counts(dispatch).cut;
}

Test(feed, hands_out_whole_records_once_they_have_waited_so_long)
{
    feed_begin((struct source_config){.count = 0});
    cr_expect_eq(cut_after(0, ""), 0);
    cr_expect_eq(feed_deadline(&feed), NEVER_US, "nothing waits");
    cr_expect_eq(cut_after(0, "a\nb"), 0);
    cr_expect_eq(feed_deadline(&feed), now_us + SECOND_US);
    cr_expect_eq(cut_after(SECOND_US - 1, ""), 0);
    cr_expect_eq(feed_deadline(&feed), now_us + 1);
    cr_expect_eq(cut_after(1, ""), 1);
    cr_expect_eq(store_find(feed.store, 0)->length, 2);
    cr_expect_eq(cut_after(0, ""), 1);
    cr_expect_eq(feed_deadline(&feed), now_us + SECOND_US, "for what is left");
    feed_end();
}

Test(feed, hands_a_record_out_at_its_end_where_it_has_waited_for_that)
{
    feed_begin((struct source_config){.count = 0});
    cr_expect_eq(cut_after(0, "a"), 0);
    cr_expect_eq(cut_after(SECOND_US, ""), 0);
    cr_expect_eq(feed_deadline(&feed), NEVER_US, "only bytes can help");
    cr_expect_eq(cut_after(SECOND_US, "b"), 0);
    cr_expect_eq(cut_after(SECOND_US, "\nc"), 1);
    cr_expect_eq(store_find(feed.store, 0)->length, 3);
    feed_end();
}

Test(feed, does_not_let_a_trickle_wait_for_ever)
{
    feed_begin((struct source_config){.count = 0});
    cr_expect_eq(cut_after(0, "a\n"), 0);
    cr_expect_eq(cut_after(SECOND_US / 2, "b\n"), 0);
    cr_expect_eq(cut_after(SECOND_US / 2, "c\n"), 1);
    cr_expect_eq(store_find(feed.store, 0)->length, 6);
    feed_end();
}

Test(feed, hands_out_a_full_chunk_at_once_and_lets_the_rest_wait_anew)
{
    feed_begin((struct source_config){.count = 0});
    cr_expect_eq(cut_after(0, "a\n"), 0);
    cr_expect_eq(cut_after(SECOND_US - 1, "bbb\nccc\nd\n"), 1);
    cr_expect_eq(feed_deadline(&feed), now_us + SECOND_US);
    feed_end();
}

Test(feed, waits_for_ever_where_it_is_told_to)
{
    feed_begin((struct source_config){.count = 0});
    feed.timeout_us = 0;
    cr_expect_eq(cut_after(0, "a\n"), 0);
    cr_expect_eq(feed_deadline(&feed), NEVER_US);
    cr_expect_eq(cut_after(1000 * SECOND_US, ""), 0);
    feed_end();
}

Test(feed, lets_workers_wait_until_the_header_has_come)
{
    feed_begin((struct source_config){.header_lines = 1});
    join(A);
    cr_expect_eq(cut_after(0, "half a hea"), 0);
    expect_now("");
    cr_expect_eq(cut_after(0, "der\n"), 0);
    expect_now("WELCOME(A)");
    feed_end();
}

Test(feed, lets_workers_in_where_there_is_no_header_at_all)
{
    feed_begin((struct source_config){.header_lines = 1});
    join(A);
    close(writer);
    feed_cut(&feed, now_us);
    expect_now("WELCOME(A) END(0)");
    writer = open("/dev/null", O_WRONLY | O_CLOEXEC);
    feed_end();
}
