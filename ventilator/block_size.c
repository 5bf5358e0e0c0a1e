/* SPDX-License-Identifier: MIT */
/*
 * The picture is the median of the last few runs, so that one run that was out of the
 * ordinary changes nothing, and a change that lasts is seen after three. What a byte
 * costs is told by comparing each with the shortest run of all, which no fixed part can
 * be longer than; where their lengths differ too little for that, by what the fixed
 * part was found to be before.
 */
#include "ventilator/block_size.h"

#include <stdlib.h>

#define LONGEST_US 1000000000000 /* that is believed: a worker may say anything */

enum {
    AIM_US = 500000,
    WORK_FOR_FIXED = 10,    /* times the fixed part, that a chunk should run at least */
    COMFORTABLE = 1 << 20,  /* bytes: longer chunks are slower to move, as they leave
                               the caches (tests/bench/auto.py) */
    WORTH_US = AIM_US / 16, /* the end is not cut into chunks that run shorter, */
    WORTH_FOR_FIXED = 2,    /* nor than so many times the fixed part */
};

static double most_of(double a, double b)
{
    return a > b ? a : b;
}

static double least_of(double a, double b)
{
    return a < b ? a : b;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool can_compare(const struct block_size *size, const struct block_run *run)
{
    return run->length >= 2 * size->shortest.length &&
           run->records >= 2 * size->shortest.records;
}

/* What each of its `parts` costs, where the shortest run had so many. */
static double cost_of_part(const struct block_size *size, const struct block_run *run,
                           uint64_t parts, uint64_t parts_of_shortest)
{
    if (!can_compare(size, run))
        return most_of((double)run->run_us - size->fixed_us, 0) / (double)parts;
    return (double)(run->run_us - size->shortest.run_us) /
           (double)(parts - parts_of_shortest);
}

static size_t kept(const struct block_size *size)
{
    return size->count < BLOCK_SIZE_KEPT ? (size_t)size->count : BLOCK_SIZE_KEPT;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

/* Some work is by the byte and some by the record, and records differ in length: of the
 * two, what leaves less for the fixed part. */
static void reckon(struct block_size *size)
{
    double of_byte[BLOCK_SIZE_KEPT], of_record[BLOCK_SIZE_KEPT];
    const struct block_run *shortest = &size->shortest;
    size_t count = kept(size);
    size->comparable = 0;
    for (size_t i = 0; i < count; i++) {
        const struct block_run *run = &size->last[i];
        of_byte[i] = cost_of_part(size, run, run->length, shortest->length);
        of_record[i] = cost_of_part(size, run, run->records, shortest->records);
        size->comparable += can_compare(size, run);
    }
    size->us_a_byte = median(of_byte, count);
    if (size->comparable <= count / 2) /* nothing new is known of the fixed part */
        return;
    double work_us = most_of(size->us_a_byte * (double)shortest->length,
                             median(of_record, count) * (double)shortest->records);
    size->fixed_us = most_of((double)shortest->run_us - work_us, 0);
    size->compared = true;
}

void block_size_add(struct block_size *size, uint64_t run_us, uint64_t length,
                    uint64_t records)
{
    struct block_run run = {
        .run_us = run_us < LONGEST_US ? run_us : LONGEST_US,
        .length = length ? length : 1,
        .records = records,
    };
    if (!records) /* then there is nothing but bytes */
        run.records = run.length;
    if (!size->count || run.run_us < size->shortest.run_us)
        size->shortest = run;
    size->fixed_us = least_of(size->fixed_us, (double)size->shortest.run_us);
    size->last[size->count++ % BLOCK_SIZE_KEPT] = run;
    reckon(size);
}

/* Bytes that take so long; many, where they take no time. */
static double bytes_in(const struct block_size *size, double us)
{
    double cost = most_of(size->us_a_byte, 1e-9);
    return us / cost;
}

static uint64_t longest(const struct block_size *size)
{
    uint64_t most = 0;
    for (size_t i = 0; i < kept(size); i++)
        if (size->last[i].length > most)
            most = size->last[i].length;
    return most;
}

/* As long as the work would have it, and as it may grow in one step. Where long and
 * short runs were not compared yet, they will be. */
static double wanted(const struct block_size *size)
{
    double for_fixed = bytes_in(size, WORK_FOR_FIXED * size->fixed_us);
    double bytes = most_of(bytes_in(size, AIM_US), for_fixed);
    double comfortable = most_of(for_fixed, COMFORTABLE);
    bytes = least_of(bytes, comfortable);
    if (!size->compared)
        bytes = most_of(bytes, (size->comparable ? 1 : 2) * (double)longest(size));
    return least_of(bytes, BLOCK_SIZE_FACTOR * (double)longest(size));
}

/* What the end of the input may be cut into. */
static double worthwhile(const struct block_size *size)
{
    return bytes_in(size, most_of(WORTH_US, WORTH_FOR_FIXED * size->fixed_us));
}

uint64_t block_size_next(const struct block_size *size, uint64_t most, uint64_t share)
{
    if (!size->count)
        return 1;
    double bytes = wanted(size);
    if (bytes > (double)share)
        bytes = most_of((double)share, least_of(bytes, worthwhile(size)));
    bytes = least_of(bytes, (double)most);
    return bytes < 1 ? 1 : (uint64_t)bytes;
}

bool block_size_grows(const struct block_size *size, uint64_t bytes)
{
    return bytes / 2 >= longest(size);
}

uint64_t block_size_run_us(const struct block_size *size, uint64_t length)
{
    double us = size->fixed_us + size->us_a_byte * (double)length;
    return size->count ? (uint64_t)least_of(us, LONGEST_US) : 0;
}
