/* SPDX-License-Identifier: MIT */
/*
 * The estimate is the median of the last few runs, so that one unusual run changes
 * nothing, and a change that lasts shows after three. Each run counts by its length: a
 * run that is far longer than the others says more than they do, and counts at once.
 * The cost of a byte comes from comparing each run with the shortest of all, as no
 * fixed part can be longer than that; where their lengths differ too little, it comes
 * from the fixed part that was found before.
 *
 * The growth of chunks is limited by how long the next could run at worst, not by their
 * length: where most of a run is its fixed part, chunks that are many times as long are
 * no risk, and each small step costs another start.
 */
#include "ventilator/scheduler/state/chunk_sizer.h"

#include <stdlib.h>

#define LONGEST_US 1000000000000 /* that counts: a worker may say anything */
#define TRAVEL_US  0.008         /* a byte: work costs at least its way here */

enum {
    AIM_US = 500000,
    WORK_FOR_FIXED = 20, /* times the fixed part, that a chunk should run at least */
    DOUBT = 8,           /* a part of the fixed one that may be the bytes' after all */
    PROBE = CHUNK_SIZER_KEPT + 1, /* times as long a chunk tells which part is fixed, */
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

/* The cost of a part of a run, by a run of such a length. */
struct cost {
    double us;
    uint64_t length;
};

static int compare(const void *a, const void *b)
{
    double x = ((const struct cost *)a)->us, y = ((const struct cost *)b)->us;
    return x < y ? -1 : x > y;
}

static bool can_compare(const struct chunk_sizer *sizer, const struct block_run *run)
{
    return run->length >= 2 * sizer->shortest.length &&
           run->records >= 2 * sizer->shortest.records;
}

/* The cost of each of its `parts`, where the shortest run had so many. */
static struct cost cost_of_part(const struct chunk_sizer *sizer,
                                const struct block_run *run, uint64_t parts,
                                uint64_t parts_of_shortest)
{
    double us = most_of((double)run->run_us - sizer->fixed_us, 0);
    if (can_compare(sizer, run)) {
        us = (double)(run->run_us - sizer->shortest.run_us);
        parts -= parts_of_shortest;
    }
    return (struct cost){.us = us / (double)parts, .length = run->length};
}

static size_t kept(const struct chunk_sizer *sizer)
{
    return sizer->count < CHUNK_SIZER_KEPT ? (size_t)sizer->count : CHUNK_SIZER_KEPT;
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
static void estimate(struct chunk_sizer *sizer)
{
    struct cost of_byte[CHUNK_SIZER_KEPT], of_record[CHUNK_SIZER_KEPT];
    const struct block_run *shortest = &sizer->shortest;
    size_t count = kept(sizer);
    double comparable = 0;
    for (size_t i = 0; i < count; i++) {
        const struct block_run *run = &sizer->last[i];
        of_byte[i] = cost_of_part(sizer, run, run->length, shortest->length);
        of_record[i] = cost_of_part(sizer, run, run->records, shortest->records);
        comparable += can_compare(sizer, run) ? (double)run->length : 0;
    }
    bool can = comparable > sum_of_lengths(of_byte, count) / 2;
    sizer->us_a_byte = median_us(of_byte, count);
    if (!can) /* nothing new is known of the fixed part */
        return;
    double work_us = most_of(sizer->us_a_byte * (double)shortest->length,
                             median_us(of_record, count) * (double)shortest->records);
    sizer->fixed_us = most_of((double)shortest->run_us - work_us, 0);
    sizer->compared = true;
}

/* A far longer chunk that ran a little shorter did so by chance: then a short one could
 * have as well. */
static void take_as_shortest(struct chunk_sizer *sizer, const struct block_run *run)
{
    uint64_t before_us = sizer->shortest.run_us;
    bool by_chance = sizer->count && can_compare(sizer, run) &&
                     run->run_us >= before_us - before_us / BY_CHANCE;
    if (!by_chance)
        sizer->shortest = *run;
    sizer->shortest.run_us = run->run_us;
}

void chunk_sizer_add(struct chunk_sizer *sizer, uint64_t run_us, uint64_t length,
                     uint64_t records)
{
    struct block_run run = {
        .run_us = run_us < LONGEST_US ? run_us : LONGEST_US,
        .length = length ? length : 1,
        .records = records,
    };
    if (!records) /* then there is nothing but bytes */
        run.records = run.length;
    if (!sizer->count || run.run_us < sizer->shortest.run_us)
        take_as_shortest(sizer, &run);
    sizer->fixed_us = least_of(sizer->fixed_us, (double)sizer->shortest.run_us);
    sizer->last[sizer->count++ % CHUNK_SIZER_KEPT] = run;
    estimate(sizer);
}

/* Bytes that take so long. */
static double bytes_in(const struct chunk_sizer *sizer, double us)
{
    return us / most_of(sizer->us_a_byte, TRAVEL_US);
}

static uint64_t longest(const struct chunk_sizer *sizer)
{
    uint64_t most = 0;
    for (size_t i = 0; i < kept(sizer); i++)
        if (sizer->last[i].length > most)
            most = sizer->last[i].length;
    return most;
}

/* How far it may grow in one step: some of what was taken for the fixed part may be the
 * bytes' after all, though of long chunks little of that is left. */
static double reach(const struct chunk_sizer *sizer)
{
    double most = (double)longest(sizer);
    if (!sizer->compared)
        return FACTOR_BLIND * most;
    double at_worst = sizer->us_a_byte + sizer->fixed_us / DOUBT / most;
    double us = most_of(AIM_US, WORK_FOR_FIXED * sizer->fixed_us);
    return least_of(us / most_of(at_worst, TRAVEL_US), CHUNK_SIZER_FACTOR * most);
}

/* What long and short runs can be compared by; of work that takes long, with care. */
static double probe(const struct chunk_sizer *sizer)
{
    double most = (double)longest(sizer);
    double bytes = least_of(bytes_in(sizer, PROBE_US), PROBE * most);
    return most_of(bytes, 2 * most);
}

/* As long as the work would have it, and as it may grow in one step. */
static double wanted(const struct chunk_sizer *sizer)
{
    double for_fixed = bytes_in(sizer, WORK_FOR_FIXED * sizer->fixed_us);
    double bytes = most_of(bytes_in(sizer, AIM_US), for_fixed);
    double comfortable = most_of(for_fixed, COMFORTABLE);
    bytes = least_of(bytes, comfortable);
    if (!sizer->compared)
        bytes = most_of(bytes, probe(sizer));
    return least_of(bytes, reach(sizer));
}

/* What the end of the input may be cut into. */
static double worthwhile(const struct chunk_sizer *sizer)
{
    return bytes_in(sizer, most_of(WORTH_US, WORTH_FOR_FIXED * sizer->fixed_us));
}

uint64_t chunk_sizer_next(const struct chunk_sizer *sizer, uint64_t most)
{
    if (!sizer->count)
        return 1;
    double bytes = least_of(wanted(sizer), (double)most);
    return bytes < 1 ? 1 : (uint64_t)bytes;
}

uint64_t chunk_sizer_last(const struct chunk_sizer *sizer, uint64_t bytes,
                          const struct block_end *end)
{
    double part = (double)end->share_of_rest / SHARES, share = (double)end->share;
    if (!sizer->count || (double)bytes <= part)
        return bytes;
    double last = most_of(part, least_of(worthwhile(sizer), share));
    last = least_of(last, (double)bytes);
    if ((double)end->rest < last + last / CRUMB && end->rest <= bytes)
        return end->rest;
    return last < 1 ? 1 : (uint64_t)last;
}

uint64_t chunk_sizer_left(const struct chunk_sizer *sizer, uint64_t length,
                          int64_t gone_us)
{
    double run_us = (double)chunk_sizer_run_us(sizer, length);
    double work_us = run_us - sizer->fixed_us, left_us = run_us - (double)gone_us;
    if (!sizer->count || left_us >= work_us)
        return length;
    return left_us > 0 ? (uint64_t)((double)length * left_us / work_us) : 0;
}

bool chunk_sizer_grows(const struct chunk_sizer *sizer, uint64_t bytes)
{
    return bytes / 2 >= longest(sizer);
}

uint64_t chunk_sizer_run_us(const struct chunk_sizer *sizer, uint64_t length)
{
    double us = sizer->fixed_us + sizer->us_a_byte * (double)length;
    return sizer->count ? (uint64_t)least_of(us, LONGEST_US) : 0;
}
