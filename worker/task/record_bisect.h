/* SPDX-License-Identifier: MIT */
/*
 * The search for the bad records of a chunk, by halving: names the records to run next,
 * is told how that run went, and knows the bad ones in the end. Pure.
 *
 * The runs come in the order of the records, and so do the results of the good ones:
 * one after the other, they are the chunk's result without its bad records.
 *
 * A part that fails is halved. When the first half goes well, the other half must be
 * the cause: it is halved without a run, down to a lone record. A lone record runs, as
 * often as it may fail, before it counts as bad. So a program that fails now and then
 * costs runs, and never a good record.
 *
 * Where the first records all fail alone and nothing has gone well, the command fails
 * mostly for a reason that has nothing to do with the records: a few of the others run
 * alone as samples, and if they all fail too, the search is over.
 */
#ifndef FANFOLD_WORKER_TASK_RECORD_BISECT_H
#define FANFOLD_WORKER_TASK_RECORD_BISECT_H

#include "common/protocol/message.h"

struct record_bisect;

struct record_bisect_config {
    uint64_t records;           /* of the chunk; at least 1 */
    const struct range *except; /* never run; ascending, apart, within the chunk */
    uint32_t except_count;
    bool except_is_bad; /* they count as lost records */
    uint32_t tries;     /* how often a lone record fails before it is bad; at least 1 */
    uint32_t hopeless;  /* so many are bad and none is good before it takes samples; 0:
                           it takes none, as it does where there are exceptions */
};

/* Copies what it keeps of the config. */
struct record_bisect *record_bisect_new(const struct record_bisect_config *config);
void record_bisect_destroy(struct record_bisect **bisect_p);

enum record_bisect_state {
    RECORD_BISECT_RUNS,
    RECORD_BISECT_OVER,     /* every record is known to be good or bad, or excepted */
    RECORD_BISECT_GAVE_UP,  /* more than BAD_MAX are bad */
    RECORD_BISECT_NONE_GOOD /* the first ones are bad, and so are all samples */
};

/* Runs: the records to run next; the same ones until record_bisect_on_done or
 * record_bisect_on_failed reports their run. */
enum record_bisect_state record_bisect_next(const struct record_bisect *bisect,
                                            struct range *ret_records);
void record_bisect_on_done(struct record_bisect *bisect);
/* The run is a sample's: the record gives its result when it runs in its turn. */
bool record_bisect_samples(const struct record_bisect *bisect);
/* Keeps the end of the text, BAD_TEXT_MAX_BYTES of it. */
void record_bisect_on_failed(struct record_bisect *bisect, enum failure cause,
                             uint32_t code, struct slice text);

/* The bad records so far, at most BAD_MAX, borrowed; `record` counts from 0 in the
 * chunk, `offset` and `length` are not set. */
const struct bad_record *record_bisect_bad(const struct record_bisect *bisect,
                                           uint32_t *ret_count);

#endif
