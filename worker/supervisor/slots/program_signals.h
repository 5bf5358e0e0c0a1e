/* SPDX-License-Identifier: MIT */
/*
 * The signals of a process that is part plugin, part ours. The plugin's `prepare` runs
 * with every signal as a program expects it, but those that end a run do nothing to
 * this process: by a handler, so that what `prepare` executes does not inherit that.
 * What `prepare` sets is kept for the slots and for `finish`; in between our loop needs
 * its own.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_SLOTS_PROGRAM_SIGNALS_H
#define FANFOLD_WORKER_SUPERVISOR_SLOTS_PROGRAM_SIGNALS_H

#include <signal.h>

struct program_signals {
    struct sigaction actions[NSIG];
    sigset_t mask;
};

/* Before `prepare`. */
void program_signals_prepare(void);
/* After it: notes what it set, and sets what our loop needs. */
void program_signals_take(struct program_signals *signals);
/* In a slot, and before `finish`: as `prepare` left them; a signal that it left alone
 * does what it does to any program. */
void program_signals_give(const struct program_signals *signals);

#endif
