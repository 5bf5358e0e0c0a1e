/* SPDX-License-Identifier: MIT */
/* When the records of a slow stream are handed out, and what dispatch is told. The time
 * is the test's. */
#include "tests/unit/ventilator/scheduler/dispatch_fixture.h"
#include "tests/unit/ventilator/source/input_fixture.h"

#include "ventilator/ingest.h"
#include <fcntl.h>

static struct ingest ingest;
static int writer;

static void ingest_begin(struct source_config source_config)
{
    int ends[2];
    set_up();
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    writer = ends[1];
    source_config.chunker = blocks_of(8);
    ingest = (struct ingest){.source = open_sources(&source_config),
                             .timeout_us = SECOND_US};
    config.awaits_header = source_config.header_lines > 0;
    begin();
    ingest.chunk_store = chunk_store_new(ingest.source);
    ingest.dispatch = dispatch;
    ingest_start(&ingest, now_us);
}

static void ingest_end(void)
{
    close(writer);
    chunk_store_destroy(&ingest.chunk_store);
    source_destroy(&ingest.source);
    tear_down();
}

/* So much later, with these bytes more; how many chunks there are then. */
static uint64_t cut_after(int64_t us, const char *text)
{
    now_us += us;
    cr_assert_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
    ingest_cut(&ingest, now_us);
    return dispatch_counts(dispatch).cut;
}

Test(ingest, hands_out_whole_records_once_they_have_waited_so_long)
{
    ingest_begin((struct source_config){.count = 0});
    cr_expect_eq(cut_after(0, ""), 0);
    cr_expect_eq(ingest_deadline(&ingest), NEVER_US, "nothing waits");
    cr_expect_eq(cut_after(0, "a\nb"), 0);
    cr_expect_eq(ingest_deadline(&ingest), now_us + SECOND_US);
    cr_expect_eq(cut_after(SECOND_US - 1, ""), 0);
    cr_expect_eq(ingest_deadline(&ingest), now_us + 1);
    cr_expect_eq(cut_after(1, ""), 1);
    cr_expect_eq(chunk_store_find(ingest.chunk_store, 0)->length, 2);
    cr_expect_eq(cut_after(0, ""), 1);
    cr_expect_eq(ingest_deadline(&ingest), now_us + SECOND_US, "for what is left");
    ingest_end();
}

Test(ingest, hands_out_a_record_that_is_overdue_once_it_ends)
{
    ingest_begin((struct source_config){.count = 0});
    cr_expect_eq(cut_after(0, "a"), 0);
    cr_expect_eq(cut_after(SECOND_US, ""), 0);
    cr_expect_eq(ingest_deadline(&ingest), NEVER_US, "only bytes can help");
    cr_expect_eq(cut_after(SECOND_US, "b"), 0);
    cr_expect_eq(cut_after(SECOND_US, "\nc"), 1);
    cr_expect_eq(chunk_store_find(ingest.chunk_store, 0)->length, 3);
    ingest_end();
}

Test(ingest, does_not_let_a_trickle_wait_for_ever)
{
    ingest_begin((struct source_config){.count = 0});
    cr_expect_eq(cut_after(0, "a\n"), 0);
    cr_expect_eq(cut_after(SECOND_US / 2, "b\n"), 0);
    cr_expect_eq(cut_after(SECOND_US / 2, "c\n"), 1);
    cr_expect_eq(chunk_store_find(ingest.chunk_store, 0)->length, 6);
    ingest_end();
}

Test(ingest, hands_out_a_full_chunk_at_once_and_lets_the_rest_wait_again)
{
    ingest_begin((struct source_config){.count = 0});
    cr_expect_eq(cut_after(0, "a\n"), 0);
    cr_expect_eq(cut_after(SECOND_US - 1, "bbb\nccc\nd\n"), 1);
    cr_expect_eq(ingest_deadline(&ingest), now_us + SECOND_US);
    ingest_end();
}

Test(ingest, does_not_let_records_wait_so_long_while_a_slot_is_free)
{
    const int64_t eager_us = SECOND_US / 10;
    ingest_begin((struct source_config){.count = 0});
    ingest.eager_us = eager_us;
    cr_expect_eq(cut_after(0, "a\n"), 0);
    cr_expect_eq(ingest_deadline(&ingest), now_us + SECOND_US, "there is no worker");
    join(A);
    cr_expect_eq(ingest_deadline(&ingest), now_us + eager_us);
    cr_expect_eq(cut_after(eager_us - 1, ""), 0);
    cr_expect_eq(cut_after(1, ""), 1);
    cr_expect_eq(cut_after(0, "b\n"), 1);
    cr_expect_eq(ingest_deadline(&ingest), now_us + SECOND_US,
                 "the first chunk is still to be given out");
    ingest.timeout_us = 0;
    cr_expect_eq(cut_after(1000 * SECOND_US, ""), 1, "for ever is for ever");
    ingest_end();
}

Test(ingest, waits_for_ever_without_a_timeout)
{
    ingest_begin((struct source_config){.count = 0});
    ingest.timeout_us = 0;
    cr_expect_eq(cut_after(0, "a\n"), 0);
    cr_expect_eq(ingest_deadline(&ingest), NEVER_US);
    cr_expect_eq(cut_after(1000 * SECOND_US, ""), 0);
    ingest_end();
}

Test(ingest, lets_workers_wait_until_the_header_has_come)
{
    ingest_begin((struct source_config){.header_lines = 1});
    join(A);
    cr_expect_eq(cut_after(0, "half a hea"), 0);
    expect_now("");
    cr_expect_eq(cut_after(0, "der\n"), 0);
    expect_now("WELCOME(A)");
    ingest_end();
}

Test(ingest, lets_workers_in_where_there_is_no_header_at_all)
{
    ingest_begin((struct source_config){.header_lines = 1});
    join(A);
    close(writer);
    ingest_cut(&ingest, now_us);
    expect_now("WELCOME(A) END(0)");
    writer = open("/dev/null", O_WRONLY | O_CLOEXEC);
    ingest_end();
}
