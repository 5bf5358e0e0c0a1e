/* SPDX-License-Identifier: MIT */
/*
 * worker/task/record_bisect.h against programs that fail on known records, always or
 * now and then.
 */
#include "worker/task/record_bisect.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS_MAX = 5000 };

/* A program, and what the test has seen of the bisection that runs it. */
static struct trial {
    uint64_t records;
    bool bad[RECORDS_MAX];
    bool excepted[RECORDS_MAX];
    unsigned flaky_percent; /* of the runs fail, whatever their records */
    uint32_t seed;
    unsigned runs, lone_failures[RECORDS_MAX];
    bool sampled[RECORDS_MAX];
    bool output[RECORDS_MAX]; /* the record is in a result */
    uint64_t end;             /* of the last result */
} trial;

static uint32_t draw(uint32_t below)
{
    trial.seed = trial.seed * 1664525 + 1013904223;
    return (trial.seed >> 8) % below;
}

static bool fails(const struct range *run)
{
    for (uint64_t i = run->first; i < run->first + run->count; i++)
        if (trial.bad[i])
            return true;
    return trial.flaky_percent && draw(100) < trial.flaky_percent;
}

static void take_output(const struct range *run)
{
    cr_assert_geq(run->first, trial.end, "results come in order");
    for (uint64_t i = run->first; i < run->first + run->count; i++) {
        cr_assert_not(trial.excepted[i]);
        trial.output[i] = true;
    }
    trial.end = run->first + run->count;
}

/* Runs it to its end. */
static enum record_bisect_state run(struct record_bisect *bisect)
{
    enum record_bisect_state state;
    struct range records;
    char text[32];
    while ((state = record_bisect_next(bisect, &records)) == RECORD_BISECT_RUNS) {
        cr_assert(records.count > 0 && records.first + records.count <= trial.records);
        cr_assert_leq(++trial.runs, 1000000);
        if (!fails(&records)) {
            if (!record_bisect_samples(bisect))
                take_output(&records);
            record_bisect_on_done(bisect);
            continue;
        }
        bool sample = record_bisect_samples(bisect);
        trial.sampled[records.first] |= sample;
        if (records.count == 1 && !sample)
            trial.lone_failures[records.first]++;
        snprintf(text, sizeof text, "from %u", (unsigned)records.first);
        record_bisect_on_failed(bisect, FAILURE_EXIT, (uint32_t)records.count,
                                slice_of_text(text));
    }
    return state;
}

static struct record_bisect *begin(uint64_t records, uint32_t tries)
{
    memset(&trial, 0, sizeof trial);
    trial.records = records;
    trial.seed = 1;
    return record_bisect_new(
        &(struct record_bisect_config){.records = records, .tries = tries});
}

/* Each record is in the output, or bad, or excepted, and only one of these. */
static void expect_account(struct record_bisect *bisect, bool except_is_bad,
                           uint32_t tries)
{
    uint32_t count, at = 0;
    const struct bad_record *bad = record_bisect_bad(bisect, &count);
    for (uint64_t i = 0; i < trial.records; i++) {
        bool listed = at < count && bad[at].record == i;
        if (trial.excepted[i]) {
            cr_assert_eq(listed, except_is_bad);
            cr_assert(!listed ||
                      (bad[at].cause == FAILURE_LOST && bad[at].text.size == 0));
        } else {
            cr_assert_neq(listed, trial.output[i], "record %u", (unsigned)i);
            cr_assert(listed || !trial.bad[i]);
            cr_assert(!listed || trial.lone_failures[i] == tries);
            cr_assert(!listed || (bad[at].cause == FAILURE_EXIT && bad[at].code == 1));
        }
        at += listed;
    }
    cr_assert_eq(at, count, "ascending, each once");
}

static unsigned log2_up(uint64_t value)
{
    unsigned log = 0;
    while (((uint64_t)1 << log) < value)
        log++;
    return log;
}

Test(record_bisect, runs_a_chunk_without_bad_records_once)
{
    for (uint64_t records = 1; records < 20; records++) {
        struct record_bisect *bisect = begin(records, 3);
        cr_assert_eq(run(bisect), RECORD_BISECT_OVER);
        cr_assert_eq(trial.runs, 1);
        expect_account(bisect, true, 3);
        record_bisect_destroy(&bisect);
        cr_assert_null(bisect);
    }
}

Test(record_bisect, finds_any_one_bad_record_in_few_runs)
{
    for (uint64_t records = 1; records <= 130; records++)
        for (uint64_t bad = 0; bad < records; bad++) {
            struct record_bisect *bisect = begin(records, 2);
            trial.bad[bad] = true;
            cr_assert_eq(run(bisect), RECORD_BISECT_OVER);
            expect_account(bisect, true, 2);
            /* The whole, unless it is the record; two halves a level; the record
             * again. */
            cr_assert_leq(trial.runs, 2 * log2_up(records) + 2);
            record_bisect_destroy(&bisect);
        }
}

Test(record_bisect, does_not_run_a_part_that_must_be_the_cause)
{
    struct record_bisect *bisect = begin(1024, 1);
    trial.bad[1023] = true;
    cr_assert_eq(run(bisect), RECORD_BISECT_OVER);
    cr_assert_eq(trial.runs, 1 + 10 + 1); /* the first half of each level */
    expect_account(bisect, true, 1);
    record_bisect_destroy(&bisect);
}

Test(record_bisect, takes_as_many_runs_as_a_record_may_fail_for_one_record)
{
    struct record_bisect *bisect = begin(1, 5);
    trial.bad[0] = true;
    cr_assert_eq(run(bisect), RECORD_BISECT_OVER);
    cr_assert_eq(trial.runs, 5);
    expect_account(bisect, true, 5);
    record_bisect_destroy(&bisect);
}

/* The runs of a bisection that always runs both halves. */
static unsigned naive_runs(uint64_t first, uint64_t end, uint32_t tries)
{
    struct range whole = {first, end - first};
    if (!fails(&whole))
        return 1;
    if (whole.count == 1)
        return tries;
    uint64_t middle = first + (whole.count + 1) / 2;
    return 1 + naive_runs(first, middle, tries) + naive_runs(middle, end, tries);
}

Test(record_bisect,
     finds_random_sets_of_bad_records_with_no_more_runs_than_halving_takes)
{
    for (uint32_t seed = 1; seed <= 2000; seed++) {
        uint32_t tries = seed % 3 + 1;
        struct record_bisect *bisect = begin(1 + seed * 7919 % 300, tries);
        trial.seed = seed;
        uint32_t every = 1 + draw(60);
        unsigned count = 0;
        for (uint64_t i = 0; i < trial.records; i++)
            count += trial.bad[i] = draw(every) == 0;
        unsigned naive = naive_runs(0, trial.records, tries);
        cr_assert_eq(run(bisect), RECORD_BISECT_OVER);
        expect_account(bisect, true, tries);
        cr_assert_leq(trial.runs, naive);
        cr_assert_leq(trial.runs, 1 + count * (2 * log2_up(trial.records) + tries));
        record_bisect_destroy(&bisect);
    }
}

Test(record_bisect,
     never_calls_a_record_bad_that_passes_once_where_the_program_is_flaky)
{
    for (uint32_t seed = 1; seed <= 500; seed++) {
        struct record_bisect *bisect = begin(1 + seed % 200, 3);
        trial.seed = seed;
        trial.flaky_percent = 1 + seed % 60;
        for (uint64_t i = 0; i < trial.records; i++)
            trial.bad[i] = draw(40) == 0;
        cr_assert_eq(run(bisect), RECORD_BISECT_OVER);
        expect_account(bisect, true, 3); /* each bad one has failed three times */
        record_bisect_destroy(&bisect);
    }
}

/* With every third of them excepted, or what `random` gives. */
static struct record_bisect *begin_excepted(uint64_t records, bool random, bool is_bad)
{
    static struct range except[RECORDS_MAX];
    record_bisect_destroy(&(struct record_bisect *){begin(records, 2)});
    uint32_t count = 0;
    for (uint64_t i = 0; i < records; i++)
        trial.excepted[i] = random ? draw(3) == 0 : i % 3 == 0;
    for (uint64_t i = 0; i < records; i++)
        if (!trial.excepted[i])
            continue;
        else if (random && i && trial.excepted[i - 1])
            except[count - 1].count++;
        else
            except[count++] = (struct range){i, 1};
    return record_bisect_new(&(struct record_bisect_config){.records = records,
                                                            .except = except,
                                                            .except_count = count,
                                                            .except_is_bad = is_bad,
                                                            .tries = 2});
}

Test(record_bisect, does_not_run_excepted_records_and_calls_them_lost)
{
    for (uint64_t records = 1; records < 200; records++)
        for (unsigned kind = 0; kind < 4; kind++) {
            struct record_bisect *bisect =
                begin_excepted(records, kind & 1, (kind & 2) != 0);
            for (uint64_t i = 0; i < records; i++)
                trial.bad[i] = trial.excepted[i] || draw(20) == 0;
            cr_assert_eq(run(bisect), RECORD_BISECT_OVER);
            expect_account(bisect, (kind & 2) != 0, 2);
            record_bisect_destroy(&bisect);
        }
}

Test(record_bisect, has_nothing_to_run_where_all_records_are_excepted)
{
    memset(&trial, 0, sizeof trial);
    struct range all = {0, trial.records = 7}, records;
    memset(trial.excepted, true, 7);
    struct record_bisect *bisect =
        record_bisect_new(&(struct record_bisect_config){.records = 7,
                                                         .except = &all,
                                                         .except_count = 1,
                                                         .except_is_bad = true,
                                                         .tries = 1});
    cr_assert_eq(record_bisect_next(bisect, &records), RECORD_BISECT_OVER);
    expect_account(bisect, true, 1);
    record_bisect_destroy(&bisect);
}

Test(record_bisect, names_as_many_bad_records_as_a_result_can_and_gives_up_at_one_more)
{
    for (uint64_t records = BAD_MAX; records <= BAD_MAX + 1; records++) {
        struct record_bisect *bisect = begin(records, 1);
        memset(trial.bad, true, records);
        cr_assert_eq(run(bisect),
                     records > BAD_MAX ? RECORD_BISECT_GAVE_UP : RECORD_BISECT_OVER);
        uint32_t count;
        record_bisect_bad(bisect, &count);
        cr_assert_eq(count, BAD_MAX);
        cr_assert_leq(trial.runs, 2 * records);
        record_bisect_destroy(&bisect);
    }
}

static struct record_bisect *begin_hopeful(uint64_t records, uint32_t hopeless)
{
    memset(&trial, 0, sizeof trial);
    trial.records = records;
    trial.seed = 1;
    return record_bisect_new(&(struct record_bisect_config){
        .records = records, .tries = 3, .hopeless = hopeless});
}

Test(record_bisect, ends_soon_where_no_record_goes_well)
{
    for (uint64_t records = 9; records <= RECORDS_MAX; records += 1 + records / 3) {
        struct record_bisect *bisect = begin_hopeful(records, 8);
        memset(trial.bad, true, records);
        cr_assert_eq(run(bisect), RECORD_BISECT_NONE_GOOD, "%d", (int)records);
        cr_assert(trial.sampled[records - 1], "the last one is a sample");
        cr_assert_leq(trial.runs, 13 + 8 * (3 + 2) + 8);
        record_bisect_destroy(&bisect);
    }
}

/* Comments in front, or a program that does not know the first lines. */
Test(record_bisect, finds_the_bad_records_where_a_sample_goes_well)
{
    for (uint64_t records = 1; records < 400; records++)
        for (unsigned front = 1; front <= records; front += 1 + front / 2) {
            struct record_bisect *bisect = begin_hopeful(records, 8);
            memset(trial.bad, true, front);
            for (uint64_t i = front; i + 1 < records; i++)
                trial.bad[i] = draw(4) == 0;
            enum record_bisect_state state = run(bisect);
            if (front == records && records > 8)
                cr_assert_eq(state, RECORD_BISECT_NONE_GOOD);
            else
                cr_assert_eq(state, RECORD_BISECT_OVER);
            if (state == RECORD_BISECT_OVER)
                expect_account(bisect, false, 3);
            record_bisect_destroy(&bisect);
        }
}

Test(record_bisect,
     gives_up_at_once_where_too_many_are_excepted_unless_they_do_not_count)
{
    struct range many = {5, UINT64_MAX / 2}, records;
    struct record_bisect_config config = {.records = UINT64_MAX,
                                          .except = &many,
                                          .except_count = 1,
                                          .except_is_bad = true,
                                          .tries = 1};
    struct record_bisect *bisect = record_bisect_new(&config);
    cr_assert_eq(record_bisect_next(bisect, &records), RECORD_BISECT_RUNS);
    record_bisect_on_done(bisect);
    cr_assert_eq(record_bisect_next(bisect, &records), RECORD_BISECT_GAVE_UP);
    record_bisect_destroy(&bisect);
    config.except_is_bad = false;
    bisect = record_bisect_new(&config);
    record_bisect_on_done(bisect);
    cr_assert_eq(record_bisect_next(bisect, &records), RECORD_BISECT_RUNS);
    cr_assert_eq(records.first, 5 + UINT64_MAX / 2);
    record_bisect_on_done(bisect);
    cr_assert_eq(record_bisect_next(bisect, &records), RECORD_BISECT_OVER);
    record_bisect_destroy(&bisect);
}

Test(record_bisect, keeps_the_end_of_the_text_of_a_bad_record)
{
    static char text[BAD_TEXT_MAX_BYTES + 100];
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 3, "end", 3);
    struct record_bisect *bisect = begin(1, 1);
    record_bisect_on_failed(bisect, FAILURE_SIGNAL, 6,
                            (struct slice){(uint8_t *)text, sizeof text});
    uint32_t count;
    const struct bad_record *bad = record_bisect_bad(bisect, &count);
    cr_assert(count == 1 && bad->cause == FAILURE_SIGNAL && bad->code == 6);
    cr_assert_eq(bad->text.size, BAD_TEXT_MAX_BYTES);
    cr_assert_eq(memcmp(bad->text.data + bad->text.size - 3, "end", 3), 0);
    record_bisect_destroy(&bisect);
}
