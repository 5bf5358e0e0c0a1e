/* SPDX-License-Identifier: MIT */
/*
 * Which records of a chunk are bad: says what is to be run next, is told how that went,
 * and knows the bad ones in the end. Pure.
 *
 * What is to be run comes in the order of the records, and so do the results of what
 * went well: one after the other, they are the chunk's result without its bad records.
 *
 * A part that fails is halved. When the first half goes well, the other one must be
 * what failed: it is halved without being run, down to a lone record, which is run
 * before it is called bad, as often as it may fail. So a program that fails now and
 * then costs runs, and never a good record.
 */
#ifndef FANFOLD_WORKER_ISOLATION_H
#define FANFOLD_WORKER_ISOLATION_H

#include "common/message.h"

struct isolation;

struct isolation_config {
    uint64_t records;           /* of the chunk; at least 1 */
    const struct range *except; /* not to be run; ascending, apart, within the chunk */
    uint32_t except_count;
    bool except_is_bad; /* lost, for a reason that is told elsewhere */
    uint32_t tries;     /* how often a lone record fails before it is bad; at least 1 */
};

/* What it keeps of the config is copied. */
struct isolation *isolation_new(const struct isolation_config *config);
void isolation_destroy(struct isolation **isolation_p);

enum isolation_state {
    ISOLATION_RUNS,
    ISOLATION_OVER,   /* every record is accounted for */
    ISOLATION_GAVE_UP /* more than BAD_MAX are bad */
};

/* Runs: the records to be run, the same ones until it is told how that went. */
enum isolation_state isolation_next(const struct isolation *isolation,
                                    struct range *ret_records);
void isolation_on_done(struct isolation *isolation);
/* The text's end is kept, BAD_TEXT_MAX_BYTES of it. */
void isolation_on_failed(struct isolation *isolation, enum failure how, uint32_t code,
                         struct slice text);

/* The bad ones so far, at most BAD_MAX; `record` counts from 0 in the chunk, `offset`
 * and `length` are not known here. The isolation's. */
const struct bad_record *isolation_bad(const struct isolation *isolation,
                                       uint32_t *ret_count);

#endif
