/* SPDX-License-Identifier: MIT */
/*
 * Results that wait for an older one, by seq. Those of 64 neighbouring seqs share a
 * page, so that a result costs about ten bytes where seqs lie close together, as they
 * do within a window. Pure; cargo is the caller's.
 */
#ifndef FANFOLD_SINK_SESSION_PARKED_H
#define FANFOLD_SINK_SESSION_PARKED_H

#include "common/heap.h"
#include "common/range.h"
#include <stdbool.h>

struct parked_page;

struct parked {
    struct parked_page *pages;  /* a table by seq / 64; never an empty page */
    struct parked_page *recent; /* that of the last seq looked for; NULL: unknown */
    struct heap unnamed;        /* pages with cargo that parked_name_last never named */
};

void parked_init(struct parked *parked);
/* Forgets the cargo. */
void parked_deinit(struct parked *parked);

bool parked_is_empty(const struct parked *parked);
bool parked_has(struct parked *parked, uint64_t seq);
/* The seq must not be in. `cargo` NULL: a seq of which nothing waits. */
void parked_add(struct parked *parked, uint64_t seq, void *cargo);
/* False: the seq is not in. */
bool parked_take(struct parked *parked, uint64_t seq, void **ret_cargo);
/* Takes any one. False: none is in. */
bool parked_take_any(struct parked *parked, void **ret_cargo);

/* The cargo of the highest seq that is in and was never named before; NULL: none. It
 * stays in. Each is named once at most, so that naming all costs what adding does. */
void *parked_name_last(struct parked *parked);

/* Ranges that cover what is in: neighbours may be two, and the order is any. At most
 * parked_ranges_max of them. Returns how many. */
size_t parked_ranges(const struct parked *parked, struct range *ret_ranges);
size_t parked_ranges_max(const struct parked *parked);

#endif
