/* SPDX-License-Identifier: MIT */
/*
 * The picture is the median of the last few runs, so that one run that was out of the
 * ordinary changes nothing, and a change that lasts is seen after three. Each counts by
 * its length: one that is far longer than the others says more than they do, and is
 * believed at once. What a byte costs is told by comparing each with the shortest run
 * of all, which no fixed part can be longer than; where their lengths differ too little
 * for that, by what the fixed part was found to be before.
 *
 * How fast chunks may grow is a matter of how long the next could run at worst, not of
 * their length: where most of a run is its fixed part, chunks that are many times as
 * long are no risk, and each small step costs another start.
 */
#include "ventilator/block_size.h"

#include <stdlib.h>

#define LONGEST_US 1000000000000 /* that is believed: a worker may say anything */
#define TRAVEL_US  0.008 /* a byte: what work costs at least, as it has to come */

enum {
    AIM_US = 500000,
    WORK_FOR_FIXED = 20, /* times the fixed part, that a chunk should run at least */
    DOUBT = 8,           /* a part of the fixed one that may be the bytes' after all */
    PROBE = BLOCK_SIZE_KEPT + 1, /* times as long a chunk tells which part is fixed, */
    PROBE_US = 4 * AIM_US, /* where it does not run longer, or else twice as long */
    BY_CHANCE = 4,         /* runs differ by such a part */
    FACTOR_BLIND = 16,     /* of a step, as long as that is not known */
    COMFORTABLE = 1 << 20, /* bytes: longer chunks are slower to move, as they leave
                              the caches (tests/bench/auto.py) */
    WORTH_US = AIM_US / 8, /* the end is not cut into chunks that run shorter, */
    WORTH_FOR_FIXED = 2,   /* nor than so many times the fixed part, */
    CRUMB = 4,             /* what is left over belongs to the last: a part of it */
    SHARES = 2,            /* but into so many a slot where that is worth it */
};

static double most_of(double a, double b)
{
    return a > b ? a : b;
}

static double least_of(double a, double b)
{
    return a < b ? a : b;
}

/* What a part of a run costs, by a run of such a length. */
struct cost {
    double us;
    uint64_t length;
};

static int compare(const void *a, const void *b)
{
    double x = ((const struct cost *)a)->us, y = ((const struct cost *)b)->us;
    return x < y ? -1 : x > y;
}

static bool can_compare(const struct block_size *size, const struct block_run *run)
{
    return run->length >= 2 * size->shortest.length &&
           run->records >= 2 * size->shortest.records;
}

/* What each of its `parts` costs, where the shortest run had so many. */
static struct cost cost_of_part(const struct block_size *size,
                                const struct block_run *run, uint64_t parts,
                                uint64_t parts_of_shortest)
{
    double us = most_of((double)run->run_us - size->fixed_us, 0);
    if (can_compare(size, run)) {
        us = (double)(run->run_us - size->shortest.run_us);
        parts -= parts_of_shortest;
    }
    return (struct cost){.us = us / (double)parts, .length = run->length};
}

static size_t kept(const struct block_size *size)
{
    return size->count < BLOCK_SIZE_KEPT ? (size_t)size->count : BLOCK_SIZE_KEPT;
}

static double sum_of_lengths(const struct cost *costs, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)costs[i].length;
    return sum;
}

/* By length: half of all bytes cost no more. Sorts. */
static double median_us(struct cost *costs, size_t count)
{
    double half = sum_of_lengths(costs, count) / 2, sum = 0;
    qsort(costs, count, sizeof *costs, compare);
    for (size_t i = 0; i < count; i++) {
        sum += (double)costs[i].length;
        if (sum > half)
            return costs[i].us;
    }
    return costs[count - 1].us;
}

/* Some work is by the byte and some by the record, and records differ in length: of the
 * two, what leaves less for the fixed part. */
static void reckon(struct block_size *size)
{
    struct cost of_byte[BLOCK_SIZE_KEPT], of_record[BLOCK_SIZE_KEPT];
    const struct block_run *shortest = &size->shortest;
    size_t count = kept(size);
    double comparable = 0;
    for (size_t i = 0; i < count; i++) {
        const struct block_run *run = &size->last[i];
        of_byte[i] = cost_of_part(size, run, run->length, shortest->length);
        of_record[i] = cost_of_part(size, run, run->records, shortest->records);
        comparable += can_compare(size, run) ? (double)run->length : 0;
    }
    bool can = comparable > sum_of_lengths(of_byte, count) / 2;
    size->us_a_byte = median_us(of_byte, count);
    if (!can) /* nothing new is known of the fixed part */
        return;
    double work_us = most_of(size->us_a_byte * (double)shortest->length,
                             median_us(of_record, count) * (double)shortest->records);
    size->fixed_us = most_of((double)shortest->run_us - work_us, 0);
    size->compared = true;
}

/* A far longer chunk that ran a little shorter did so by chance: then a short one could
 * have as well. */
static void take_as_shortest(struct block_size *size, const struct block_run *run)
{
    uint64_t before_us = size->shortest.run_us;
    bool by_chance = size->count && can_compare(size, run) &&
                     run->run_us >= before_us - before_us / BY_CHANCE;
    if (!by_chance)
        size->shortest = *run;
    size->shortest.run_us = run->run_us;
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
        take_as_shortest(size, &run);
    size->fixed_us = least_of(size->fixed_us, (double)size->shortest.run_us);
    size->last[size->count++ % BLOCK_SIZE_KEPT] = run;
    reckon(size);
}

/* Bytes that take so long. */
static double bytes_in(const struct block_size *size, double us)
{
    return us / most_of(size->us_a_byte, TRAVEL_US);
}

static uint64_t longest(const struct block_size *size)
{
    uint64_t most = 0;
    for (size_t i = 0; i < kept(size); i++)
        if (size->last[i].length > most)
            most = size->last[i].length;
    return most;
}

/* How far it may grow in one step: some of what was taken for the fixed part may be the
 * bytes' after all, though of long chunks little of that is left. */
static double reach(const struct block_size *size)
{
    double most = (double)longest(size);
    if (!size->compared)
        return FACTOR_BLIND * most;
    double at_worst = size->us_a_byte + size->fixed_us / DOUBT / most;
    double us = most_of(AIM_US, WORK_FOR_FIXED * size->fixed_us);
    return least_of(us / most_of(at_worst, TRAVEL_US), BLOCK_SIZE_FACTOR * most);
}

/* What long and short runs can be compared by; of work that takes long, with care. */
static double probe(const struct block_size *size)
{
    double most = (double)longest(size);
    double bytes = least_of(bytes_in(size, PROBE_US), PROBE * most);
    return most_of(bytes, 2 * most);
}

/* As long as the work would have it, and as it may grow in one step. */
static double wanted(const struct block_size *size)
{
    double for_fixed = bytes_in(size, WORK_FOR_FIXED * size->fixed_us);
    double bytes = most_of(bytes_in(size, AIM_US), for_fixed);
    double comfortable = most_of(for_fixed, COMFORTABLE);
    bytes = least_of(bytes, comfortable);
    if (!size->compared)
        bytes = most_of(bytes, probe(size));
    return least_of(bytes, reach(size));
}

/* What the end of the input may be cut into. */
static double worthwhile(const struct block_size *size)
{
    return bytes_in(size, most_of(WORTH_US, WORTH_FOR_FIXED * size->fixed_us));
}

uint64_t block_size_next(const struct block_size *size, uint64_t most)
{
    if (!size->count)
        return 1;
    double bytes = least_of(wanted(size), (double)most);
    return bytes < 1 ? 1 : (uint64_t)bytes;
}

uint64_t block_size_last(const struct block_size *size, uint64_t bytes,
                         const struct block_end *end)
{
    double part = (double)end->share_of_rest / SHARES, share = (double)end->share;
    if (!size->count || (double)bytes <= part)
        return bytes;
    double last = most_of(part, least_of(worthwhile(size), share));
    last = least_of(last, (double)bytes);
    if ((double)end->rest < last + last / CRUMB && end->rest <= bytes)
        return end->rest;
    return last < 1 ? 1 : (uint64_t)last;
}

uint64_t block_size_left(const struct block_size *size, uint64_t length,
                         int64_t gone_us)
{
    double run_us = (double)block_size_run_us(size, length);
    double work_us = run_us - size->fixed_us, left_us = run_us - (double)gone_us;
    if (!size->count || left_us >= work_us)
        return length;
    return left_us > 0 ? (uint64_t)((double)length * left_us / work_us) : 0;
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
