/* SPDX-License-Identifier: MIT */
/*
 * The times of persistent slots, one timer a slot: time limits and what follows them,
 * silence, the quiet after a burst, a pipe that was closed.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_TIMERS_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_TIMERS_H

#include "worker/program/persistent/persistent_slot.h"

/* Sets the slot's timer for the first of its times. */
void persistent_timers_set(struct persistent_slot *slot);
/* The timer has run out. */
void persistent_timers_on_due(struct persistent_slot *slot);
/* All processes were stopped for so long. */
void persistent_timers_shift(struct persistent_slot *slot, int64_t by_us);

#endif
