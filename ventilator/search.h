/* SPDX-License-Identifier: MIT */
/*
 * Looks in a chunk for the records that take whole workers down, by what happens to
 * attempts at parts of it. Nobody lives to tell which record it was: so a probe runs
 * one half of those that are suspected, and its survival or loss says which half is
 * suspected next. A record that is lost alone, twice, is condemned, and from then on
 * left out. Pure.
 *
 *     whole --lost--> narrow --one is left--> lone --lost twice--> whole
 *       ^                                       |
 *       +-------------- survived ---------------+
 */
#ifndef FANFOLD_VENTILATOR_SEARCH_H
#define FANFOLD_VENTILATOR_SEARCH_H

#include "common/message.h"

enum search_phase {
    SEARCH_WHOLE,  /* all but the condemned are run, and the result counts */
    SEARCH_NARROW, /* a probe of the first half of the suspects */
    SEARCH_LONE,   /* a probe of the one that is left */
};

struct search {
    enum search_phase phase;
    uint64_t records;        /* of the chunk */
    uint64_t first, end;     /* the suspects; valid unless WHOLE */
    uint32_t lone_losses;    /* of the lone one */
    uint32_t fruitless;      /* searches that condemned nobody */
    uint32_t attempt;        /* whose end is waited for; 0: none */
    struct range *condemned; /* ascending, one record each */
    uint32_t count;
    size_t capacity;
};

/* A chunk of so many records (at least 1) was lost as a whole. Freed by search_destroy.
 */
struct search *search_new(uint64_t records);
void search_destroy(struct search **search_p);

/* The next attempt is a probe. */
bool search_probes(const struct search *search);
/* The records that it leaves out, into `ret_except`, which has room for BAD_MAX;
 * returns how many ranges. */
uint32_t search_except(const struct search *search, struct range *ret_except);

/* What became of it. A WHOLE that survives needs no more of this. */
void search_on_survived(struct search *search);
void search_on_lost(struct search *search);

/* It finds nothing that could be condemned, or too much. */
bool search_hopeless(const struct search *search);

#endif
