/* SPDX-License-Identifier: MIT */
#include "ventilator/block_size.h"

#include <criterion/criterion.h>

enum { PLENTY = 1 << 30, NO_END = INT32_MAX };

static struct block_size size;

static void begin(void)
{
    size = (struct block_size){0};
}

TestSuite(block_size, .init = begin);

static uint64_t next(void)
{
    return block_size_next(&size, PLENTY, NO_END);
}

/* Runs chunks as long as it says, with a record of so many bytes; returns the length of
 * the last. */
static uint64_t run(int times, uint64_t record, double fixed_us, double us_a_byte)
{
    uint64_t length = 0;
    while (times--) {
        length = next() < record ? record : next() / record * record;
        block_size_add(&size, (uint64_t)(fixed_us + us_a_byte * (double)length), length,
                       length / record);
    }
    return length;
}

Test(block_size, begins_with_one_record)
{
    cr_assert_eq(next(), 1);
    cr_assert(block_size_grows(&size, 1));
    cr_assert_eq(block_size_run_us(&size, 1000), 0);
}

Test(block_size, grows_fourfold_a_step_at_most)
{
    for (uint64_t before = 100; before < 1 << 20; before = next()) {
        block_size_add(&size, 1, before, before / 100);
        cr_assert_eq(next(), 4 * before);
        cr_assert(block_size_grows(&size, next()));
    }
}

Test(block_size, settles_at_half_a_second)
{
    uint64_t length = run(20, 100, 0, 100); /* 10 ms a record */
    cr_assert_eq(length, 5000);
    cr_assert_not(block_size_grows(&size, next()));
    cr_assert_eq(block_size_run_us(&size, 5000), 500000);
}

Test(block_size, stays_at_one_record_that_takes_long)
{
    uint64_t length = run(20, 100, 0, 100000); /* 10 s a record */
    cr_assert_eq(length, 100);
}

Test(block_size, fast_work_gets_what_memory_is_fast_for)
{
    run(30, 100, 20, 0.0005);
    cr_assert_eq(next(), 1 << 20);
}

Test(block_size, work_that_takes_no_time_at_all_is_no_exception)
{
    run(30, 100, 0, 0);
    cr_assert_eq(next(), 1 << 20);
    cr_assert_eq(block_size_next(&size, 1 << 20, 1000), 1 << 20);
}

Test(block_size, a_long_start_is_made_up_for_by_longer_chunks)
{
    uint64_t length = run(60, 100, 2000000, 10); /* 2 s, and 1 ms a record */
    cr_assert_geq(length, 1900000, "20 s of work for 2 s of start, not %lu",
                  (unsigned long)length);
    cr_assert_leq(length, 2100000);
}

/* Runs chunks of records of 100 to 900 bytes; returns the records of the last. */
static uint64_t run_uneven(int times, double fixed_us, double us_a_record)
{
    uint64_t records = 0, number = 0;
    while (times--) {
        uint64_t length = records = 0;
        do
            length += 100 + number++ * 7 % 9 * 100, records++;
        while (length + 100 + number * 7 % 9 * 100 <= next());
        double us = fixed_us + us_a_record * (double)records;
        block_size_add(&size, (uint64_t)us, length, records);
    }
    return records;
}

Test(block_size, work_by_the_record_is_not_mistaken_for_a_long_start)
{
    run_uneven(20, 0, 10000000); /* 10 s, however long the record is */
    cr_assert_leq(next(), 200);
}

Test(block_size, a_long_start_is_seen_where_records_differ_in_length)
{
    uint64_t records = run_uneven(60, 2000000, 1000);
    cr_assert_geq(records, 10000);
    cr_assert_leq(records, 30000);
}

Test(block_size, what_is_not_counted_goes_by_bytes)
{
    for (int i = 0; i < 60; i++) {
        uint64_t length = next();
        block_size_add(&size, 2000000 + 10 * length, length, 0);
    }
    cr_assert_geq(next(), 1900000);
}

Test(block_size, one_run_out_of_the_ordinary_changes_nothing)
{
    run(20, 100, 1000, 100);
    uint64_t before = next();
    block_size_add(&size, 60000000, before, before / 100);
    cr_assert_eq(next(), before);
    run(5, 100, 1000, 100);
    block_size_add(&size, 1, before, before / 100); /* nor one that ran too short */
    cr_assert_lt(next(), before + before / 5);
}

Test(block_size, follows_work_that_gets_ten_times_slower_within_three_chunks)
{
    run(20, 100, 1000, 100);
    run(3, 100, 1000, 1000);
    cr_assert_gt(next(), 450);
    cr_assert_lt(next(), 550);
}

Test(block_size, follows_work_that_gets_ten_times_faster_within_a_few_chunks)
{
    run(20, 100, 1000, 100);
    cr_assert_geq(run(7, 100, 1000, 10), 40000);
}

Test(block_size, hosts_of_different_speed_get_what_suits_most)
{
    for (int i = 0; i < 40; i++) {
        uint64_t length = next() < 100 ? 100 : next();
        block_size_add(&size, length * (i % 5 == 0 ? 1000 : 100), length, length / 100);
    }
    cr_assert_gt(next(), 4000);
    cr_assert_lt(next(), 6000);
}

Test(block_size, no_chunk_takes_more_than_its_share_of_what_is_left)
{
    run(20, 100, 0, 100);
    cr_assert_eq(block_size_next(&size, PLENTY, 3000), 3000);
}

Test(block_size, the_end_is_not_cut_into_crumbs)
{
    run(20, 100, 0, 100);
    cr_assert_eq(block_size_next(&size, PLENTY, 1), 312); /* 31 ms */
    begin();
    run(40, 100, 100000, 10); /* a tenth of a second to start: two of work at least */
    cr_assert_geq(block_size_next(&size, PLENTY, 1), 19000);
}

Test(block_size, never_more_than_there_is_room_for_nor_nothing)
{
    run(30, 100, 0, 0.001);
    cr_assert_eq(block_size_next(&size, 5000, NO_END), 5000);
    cr_assert_eq(block_size_next(&size, 0, NO_END), 1);
    cr_assert_eq(block_size_next(&size, PLENTY, 0), 1 << 20);
}

Test(block_size, believes_no_worker_that_says_anything)
{
    block_size_add(&size, UINT64_MAX, 0, 0);
    cr_assert_geq(next(), 1);
    cr_assert_gt(block_size_run_us(&size, UINT64_MAX), 0);
    block_size_add(&size, 0, UINT64_MAX / 4, UINT64_MAX / 4);
    cr_assert_geq(next(), 1);
    run(5, 100, 0, 100);
    cr_assert_geq(next(), 1);
}
