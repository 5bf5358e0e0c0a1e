/* SPDX-License-Identifier: MIT */
/*
 * Lines: whether a process that has written as many lines as it was asked for, or none,
 * has nothing more to say. It has not, as far as we know, while it waits for input;
 * where the system does not show that (sight.h), time has to do.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_QUIET_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_QUIET_H

#include "worker/program/persistent/persistent_slot.h"

/* There are tasks for a process that was not given any yet: looks, if that is due,
 * whether it waits for them (slot->met), and finds what it has written unasked. */
void persistent_quiet_meet(struct persistent_slot *slot, int64_t now_us);
/* The burst is answered, and slot->confirm_us has come: looks, and reports it, or sets
 * the time to look again. */
void persistent_quiet_check(struct persistent_slot *slot, int64_t now_us);

#endif
