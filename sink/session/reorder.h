/* SPDX-License-Identifier: MIT */
/*
 * Puts results back in order: knows which are in, and which is next. Sees seqs and
 * opaque cargo, no byte and no file. Keeps the first of a seq and refuses every other.
 * Takes any seq from the position on, whatever the window: the sink must always be able
 * to take the result that fills the gap.
 */
#ifndef FANFOLD_SINK_SESSION_REORDER_H
#define FANFOLD_SINK_SESSION_REORDER_H

#include "common/protocol/message.h"

struct reorder;

/* `ordered` false: cargo comes out as it came in; only the counting is in order. */
struct reorder *reorder_new(uint64_t position, bool ordered);
/* What is still in goes to `drop`. */
void reorder_destroy(struct reorder **reorder_p, void (*drop)(void *cargo));

/* True: taken. False: it was here before; the cargo is still the caller's. */
bool reorder_offer(struct reorder *reorder, uint64_t seq, void *cargo);
/* The next cargo that may be released, in order; NULL: the next one is not in yet. */
void *reorder_release(struct reorder *reorder, uint64_t *ret_seq);

/* Takes the cargo of any result that waits, and forgets the result; NULL: none. */
void *reorder_take_parked(struct reorder *reorder);

/* The next seq to be released; unordered: the first that is not in. */
uint64_t reorder_next(const struct reorder *reorder);
bool reorder_has(struct reorder *reorder, uint64_t seq);
/* Something beyond *ret_seq, the first that is not in, is in. */
bool reorder_has_gap(const struct reorder *reorder, uint64_t *ret_seq);
/* Results that ever had to wait for an older one. */
uint64_t reorder_parked_ever(const struct reorder *reorder);
/* All that is in from `next` on, ascending, as ranges; at most RANGES_MAX. Valid until
 * the next call. */
const struct range *reorder_held(struct reorder *reorder, uint32_t *ret_count);
/* The cargo of the highest parked seq that was not named before, for spilling: the one
 * that is needed last. It stays. NULL: none. */
void *reorder_name_last(struct reorder *reorder);

#endif
