/* SPDX-License-Identifier: MIT */
#include "sink/result/spill_segments.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { COUNT = 5000 };

static struct spill *spill;
static struct spill_segments *segments;

static struct kept {
    struct spill_segment *segment;
    uint64_t offset;
    size_t size;
} kept[COUNT];

static void open_spill(void)
{
    spill = spill_new("/tmp");
    segments = spill_segments_new(spill);
}

static void close_spill(void)
{
    spill_segments_destroy(&segments);
    spill_destroy(&spill);
}

TestSuite(spill_segments, .init = open_spill, .fini = close_spill);

static int put(int i)
{
    uint8_t bytes[8192];
    kept[i].size = 65 + (size_t)i * 37 % 900;
    memset(bytes, i % 251, kept[i].size);
    return spill_segments_write(segments, bytes, kept[i].size, &kept[i].segment,
                                &kept[i].offset);
}

static void expect(int i)
{
    uint8_t bytes[8192];
    cr_assert_eq(spill_segments_read(segments, kept[i].segment, kept[i].offset, bytes,
                                     kept[i].size),
                 0);
    for (size_t at = 0; at < kept[i].size; at++)
        cr_assert_eq(bytes[at], i % 251);
}

static void release(int i)
{
    spill_segments_release(segments, kept[i].segment, kept[i].size);
}

/* Where the next large extent would lie: the end of the file, or a gap. */
static uint64_t end_of_file(void)
{
    static uint8_t large[1 << 20];
    uint64_t end;
    cr_assert_eq(spill_write(spill, large, sizeof large, &end), 0);
    spill_release(spill, end, sizeof large);
    return end;
}

Test(spill_segments, give_back_what_was_written_forwards_backwards_and_across)
{
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(put(i), 0);
    for (int i = 0; i < COUNT; i++)
        expect(i);
    for (int i = COUNT; i > 0; i--)
        expect(i - 1);
    for (int i = 0; i < COUNT; i++)
        expect(i * 1237 % COUNT);
    for (int i = 0; i < COUNT; i++)
        release(i);
    cr_assert_eq(end_of_file(), 0, "a segment ends with its last result");
}

Test(spill_segments, use_the_space_of_ended_segments_again)
{
    uint64_t first_end = 0;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < COUNT; i++)
            cr_assert_eq(put(i), 0);
        first_end = first_end ? first_end : end_of_file();
        cr_assert_leq(end_of_file(), first_end + 2 * SPILL_SEGMENT_BYTES);
        for (int i = 0; i < COUNT; i++) {
            expect(i);
            release(i);
        }
    }
}

Test(spill_segments, lose_nothing_when_the_disk_takes_no_more)
{
    static const struct rlimit limit = {100 << 10, 1 << 20}, more = {1 << 20, 1 << 20};
    int count = 0, error;

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    while ((error = put(count)) == 0)
        count++;
    cr_assert_eq(error, -EFBIG);
    cr_assert_eq(put(count), -EFBIG);
    for (int i = 0; i < count; i++)
        expect(i);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &more), 0);
    cr_assert_eq(put(count), 0);
    for (int i = 0; i <= count; i++) {
        expect(i);
        release(i);
    }
}
