/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/chunk_sizer.h"

#include <criterion/criterion.h>

enum { PLENTY = 1 << 30 };

static struct chunk_sizer size;

static void begin(void)
{
    size = (struct chunk_sizer){0};
}

TestSuite(chunk_sizer, .init = begin);

static uint64_t next(void)
{
    return chunk_sizer_next(&size, PLENTY);
}

static uint64_t last(uint64_t bytes, uint64_t rest, uint64_t share)
{
    struct block_end end = {.rest = rest, .share_of_rest = share, .share = share};
    return chunk_sizer_last(&size, bytes, &end);
}

/* Runs chunks as long as it says, with a record of so many bytes; returns the length of
 * the last. */
static uint64_t run(int times, uint64_t record, double fixed_us, double us_a_byte)
{
    uint64_t length = 0;
    while (times--) {
        length = next() < record ? record : next() / record * record;
        chunk_sizer_add(&size, (uint64_t)(fixed_us + us_a_byte * (double)length),
                        length, length / record);
    }
    return length;
}

Test(chunk_sizer, begins_with_one_record)
{
    cr_assert_eq(next(), 1);
    cr_assert(chunk_sizer_grows(&size, 1));
    cr_assert_eq(chunk_sizer_run_us(&size, 1000), 0);
}

Test(chunk_sizer, grows_sixteenfold_at_first_and_then_sixtyfourfold_at_most)
{
    chunk_sizer_add(&size, 1, 100, 1);
    cr_assert_eq(next(), 1600);
    cr_assert(chunk_sizer_grows(&size, next()));
    chunk_sizer_add(&size, 1, 1600, 16);
    cr_assert_eq(next(), 64 * 1600);
    cr_assert(chunk_sizer_grows(&size, next()));
}

Test(chunk_sizer, grows_no_further_than_what_can_run_for_as_long_as_it_should)
{
    chunk_sizer_add(&size, 100000, 100, 1); /* 100 ms, and of what is not known */
    cr_assert_eq(next(), 600);
    begin();
    chunk_sizer_add(&size, 400000, 100, 1);
    cr_assert_eq(next(), 500);
    begin();
    chunk_sizer_add(&size, 10000000, 100, 1); /* 10 s */
    cr_assert_eq(next(), 200, "only so far that it can be compared");
}

Test(chunk_sizer, settles_at_half_a_second)
{
    uint64_t length = run(20, 100, 0, 100); /* 10 ms a record */
    cr_assert_eq(length, 5000);
    cr_assert_not(chunk_sizer_grows(&size, next()));
    cr_assert_eq(chunk_sizer_run_us(&size, 5000), 500000);
}

Test(chunk_sizer, stays_at_one_record_that_takes_long)
{
    uint64_t length = run(20, 100, 0, 100000); /* 10 s a record */
    cr_assert_eq(length, 100);
}

Test(chunk_sizer, fast_work_gets_what_memory_is_fast_for)
{
    run(30, 100, 20, 0.0005);
    cr_assert_eq(next(), 1 << 20);
}

Test(chunk_sizer, work_that_takes_no_time_at_all_is_no_exception)
{
    run(30, 100, 0, 0);
    cr_assert_eq(next(), 1 << 20);
    cr_assert_eq(last(1 << 20, 20 << 20, 2 << 20), 1 << 20);
}

Test(chunk_sizer, a_long_start_is_made_up_for_by_longer_chunks)
{
    uint64_t length = run(60, 100, 2000000, 10); /* 2 s, and 1 ms a record */
    cr_assert_geq(length, 3800000, "40 s of work for 2 s of start, not %lu",
                  (unsigned long)length);
    cr_assert_leq(length, 4200000);
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
        chunk_sizer_add(&size, (uint64_t)us, length, records);
    }
    return records;
}

Test(chunk_sizer, work_by_the_record_is_not_mistaken_for_a_long_start)
{
    run_uneven(20, 0, 10000000); /* 10 s, however long the record is */
    cr_assert_leq(next(), 200);
}

Test(chunk_sizer, a_long_start_is_seen_where_records_differ_in_length)
{
    uint64_t records = run_uneven(60, 2000000, 1000);
    cr_assert_geq(records, 20000);
    cr_assert_leq(records, 60000);
}

Test(chunk_sizer, what_is_not_counted_goes_by_bytes)
{
    for (int i = 0; i < 60; i++) {
        uint64_t length = next();
        chunk_sizer_add(&size, 2000000 + 10 * length, length, 0);
    }
    cr_assert_geq(next(), 3800000);
}

Test(chunk_sizer, one_run_out_of_the_ordinary_changes_nothing)
{
    run(20, 100, 1000, 100);
    uint64_t before = next();
    chunk_sizer_add(&size, 60000000, before, before / 100);
    cr_assert_eq(next(), before);
    run(5, 100, 1000, 100);
    chunk_sizer_add(&size, 1, before, before / 100); /* nor one that ran too short */
    cr_assert_lt(next(), before + before / 5);
}

Test(chunk_sizer, follows_work_that_gets_ten_times_slower_within_three_chunks)
{
    run(20, 100, 1000, 100);
    run(3, 100, 1000, 1000);
    cr_assert_gt(next(), 450);
    cr_assert_lt(next(), 550);
}

Test(chunk_sizer, follows_work_that_gets_ten_times_faster_within_a_few_chunks)
{
    run(20, 100, 1000, 100);
    cr_assert_geq(run(7, 100, 1000, 10), 40000);
}

Test(chunk_sizer, hosts_of_different_speed_get_what_suits_most)
{
    for (int i = 0; i < 40; i++) {
        uint64_t length = next() < 100 ? 100 : next();
        chunk_sizer_add(&size, length * (i % 5 == 0 ? 1000 : 100), length,
                        length / 100);
    }
    cr_assert_gt(next(), 4000);
    cr_assert_lt(next(), 6000);
}

Test(chunk_sizer, towards_the_end_a_slot_gets_two_parts_of_its_share)
{
    run(20, 100, 0, 100);
    cr_assert_eq(last(next(), 60000, 6000), 3000);
    cr_assert_eq(last(200, 60000, 6000), 200, "or what is less");
}

Test(chunk_sizer, the_end_is_not_cut_into_crumbs)
{
    run(20, 100, 0, 100);
    cr_assert_eq(last(next(), 4000, 700), 625); /* 62 ms */
    cr_assert_eq(last(next(), 750, 700), 750, "the rest is no chunk");
    cr_assert_eq(last(700, 750, 700), 625, "unless there is no room");
}

Test(chunk_sizer, at_the_end_no_slot_gets_more_than_its_share_however_long_a_start_is)
{
    run(40, 100, 100000, 10); /* a tenth of a second to start: two of work at least */
    cr_assert_eq(last(next(), 72000, 9000), 9000);
    uint64_t few = last(next(), 720000, 30000);
    cr_assert_geq(few, 19000);
    cr_assert_leq(few, 21000);
}

Test(chunk_sizer, at_the_end_what_still_runs_is_waited_for_by_long_starts_only)
{
    struct block_end end = {.rest = 12000, .share_of_rest = 3000, .share = 6000};
    run(40, 100, 100000, 10);
    cr_assert_eq(chunk_sizer_last(&size, next(), &end), 6000);
    begin();
    run(20, 100, 0, 100);
    cr_assert_eq(chunk_sizer_last(&size, next(), &end), 1500);
}

Test(chunk_sizer, before_anything_was_run_the_end_is_no_matter)
{
    cr_assert_eq(last(1, 10, 5), 1);
    cr_assert_eq(chunk_sizer_left(&size, 1000, 1000000), 1000);
}

Test(chunk_sizer, foretells_what_is_left_of_a_run)
{
    run(40, 100, 100000, 10);
    cr_assert_eq(chunk_sizer_left(&size, 50000, 90000), 50000, "it starts");
    uint64_t half = chunk_sizer_left(&size, 50000, 350000);
    cr_assert_geq(half, 24000);
    cr_assert_leq(half, 26000);
    cr_assert_eq(chunk_sizer_left(&size, 50000, 700000), 0);
}

/* ---- how soon it is found ---- */

/* Chunks that ran at the same time on so many slots, each sized as the one before
 * it in that slot's turn had ended; every run takes up to so many per cent longer,
 * by chance. */
struct crowd {
    uint64_t slots, record;
    double fixed_us, us_a_byte;
    unsigned noise;
    uint64_t lengths[64];
};

static double chance(void)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (double)(state >> 8) / (1 << 24);
}

static void cut_for(struct crowd *crowd, uint64_t slot)
{
    uint64_t records = next() / crowd->record;
    crowd->lengths[slot] = (records ? records : 1) * crowd->record;
}

static void end_run(struct crowd *crowd, uint64_t slot)
{
    uint64_t length = crowd->lengths[slot];
    double us = crowd->fixed_us + crowd->us_a_byte * (double)length;
    us *= 1 + chance() * crowd->noise / 100;
    chunk_sizer_add(&size, (uint64_t)us, length, length / crowd->record);
}

/* How many rounds of all slots it takes until chunks are that long. */
static int rounds_until(struct crowd crowd, uint64_t wanted)
{
    for (uint64_t slot = 0; slot < crowd.slots; slot++)
        cut_for(&crowd, slot);
    for (int rounds = 1; rounds < 50; rounds++) {
        for (uint64_t slot = 0; slot < crowd.slots; slot++) {
            end_run(&crowd, slot);
            cut_for(&crowd, slot);
        }
        if (next() >= wanted)
            return rounds;
    }
    return 50;
}

Test(chunk_sizer, a_long_start_is_learned_in_three_rounds)
{
    struct crowd crowd = {
        .slots = 8, .record = 70, .fixed_us = 300000, .us_a_byte = 0.001, .noise = 20};
    for (int i = 0; i < 20; i++) {
        begin();
        int rounds = rounds_until(crowd, 400000);
        cr_assert_leq(rounds, 3, "%d", rounds);
    }
}

Test(chunk_sizer, cheap_work_is_learned_in_three_rounds)
{
    struct crowd plugin = {
        .slots = 2, .record = 70, .fixed_us = 10, .us_a_byte = 0.0005, .noise = 100};
    struct crowd program = plugin;
    program.fixed_us = 3000;
    for (int i = 0; i < 20; i++) {
        begin();
        int rounds = rounds_until(plugin, 1 << 19);
        cr_assert_leq(rounds, 3, "a plugin: %d", rounds);
        begin();
        rounds = rounds_until(program, 1 << 19);
        cr_assert_leq(rounds, 3, "a program: %d", rounds);
    }
}

Test(chunk_sizer, dear_work_runs_no_longer_than_it_should_on_the_link)
{
    struct crowd crowd = {.slots = 8,
                          .record = 70,
                          .fixed_us = 3000,
                          .us_a_byte = 100000.0 / 70,
                          .noise = 20};
    for (int i = 0; i < 20; i++) {
        begin();
        rounds_until(crowd, UINT64_MAX);
        cr_assert_leq(next(), 5 * 70 + 70);
        cr_assert_geq(next(), 3 * 70);
    }
}

Test(chunk_sizer, a_first_run_that_was_slow_hides_no_cost)
{
    chunk_sizer_add(&size, 3000000, 100, 1); /* all of the program came from the disk */
    chunk_sizer_add(&size, 600000, 200, 2);
    cr_assert_leq(next(), 700);
    chunk_sizer_add(&size, 1200000, 400, 4);
    cr_assert_leq(next(), 400, "0.3 s a record");
}

Test(chunk_sizer, one_that_is_far_longer_than_the_others_is_believed_at_once)
{
    for (int i = 0; i < 5; i++)
        chunk_sizer_add(&size, 300000, 100, 1);
    chunk_sizer_add(&size, 301000, 500, 5);
    cr_assert_geq(next(), 64 * 500);
    begin();
    for (int i = 0; i < 5; i++)
        chunk_sizer_add(&size, 1000, 100, 1);
    chunk_sizer_add(&size, 5000000, 500, 5);
    cr_assert_leq(next(), 100, "also where it ran for long");
}

Test(chunk_sizer, never_more_than_there_is_room_for_nor_nothing)
{
    run(30, 100, 0, 0.001);
    cr_assert_eq(chunk_sizer_next(&size, 5000), 5000);
    cr_assert_eq(chunk_sizer_next(&size, 0), 1);
    cr_assert_eq(last(5000, 0, 0), 1);
}

Test(chunk_sizer, believes_no_worker_that_says_anything)
{
    chunk_sizer_add(&size, UINT64_MAX, 0, 0);
    cr_assert_geq(next(), 1);
    cr_assert_gt(chunk_sizer_run_us(&size, UINT64_MAX), 0);
    chunk_sizer_add(&size, 0, UINT64_MAX / 4, UINT64_MAX / 4);
    cr_assert_geq(next(), 1);
    run(5, 100, 0, 100);
    cr_assert_geq(next(), 1);
}
