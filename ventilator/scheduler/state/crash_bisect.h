/* SPDX-License-Identifier: MIT */
/*
 * Looks in a chunk for the records that take whole workers down, by bisection: no
 * worker survives to name the record, so an attempt, the probe, runs one half of the
 * suspects, and its survival or loss says which half is suspected next. A record that
 * is lost alone twice is condemned: no later attempt runs it. Pure.
 *
 *     whole --lost--> narrow --one is left--> lone --lost twice--> whole
 *       ^                                       |
 *       +-------------- survived ---------------+
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_CRASH_BISECT_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_CRASH_BISECT_H

#include "common/protocol/message.h"

enum crash_bisect_phase {
    CRASH_BISECT_WHOLE,  /* an attempt runs all but the condemned, and its result
                          * counts */
    CRASH_BISECT_NARROW, /* a probe of the first half of the suspects */
    CRASH_BISECT_LONE,   /* a probe of the one that is left */
};

struct crash_bisect {
    enum crash_bisect_phase phase;
    uint64_t records;        /* of the chunk */
    uint64_t first, end;     /* the suspects; valid unless WHOLE */
    uint32_t lone_losses;    /* of the lone one */
    uint32_t fruitless;      /* bisections in a row that condemned nobody */
    uint32_t attempt;        /* that it waits for the end of; 0: none */
    struct range *condemned; /* ascending, one record each */
    uint32_t count;
    size_t capacity;
};

/* A chunk of so many records (at least 1) was lost as a whole. Freed by
 * crash_bisect_destroy. */
struct crash_bisect *crash_bisect_new(uint64_t records);
void crash_bisect_destroy(struct crash_bisect **crash_bisect_p);

/* The next attempt is a probe. */
bool crash_bisect_probes(const struct crash_bisect *bisect);
/* The records that it leaves out, into `ret_except`, which has room for BAD_MAX;
 * returns how many ranges. */
uint32_t crash_bisect_except(const struct crash_bisect *bisect,
                             struct range *ret_except);

/* The attempt has ended. After a WHOLE that survives, none follows. */
void crash_bisect_on_survived(struct crash_bisect *bisect);
void crash_bisect_on_lost(struct crash_bisect *bisect);

/* It finds nothing that could be condemned, or too much. */
bool crash_bisect_hopeless(const struct crash_bisect *bisect);

#endif
