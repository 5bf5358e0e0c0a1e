/* SPDX-License-Identifier: MIT */
/* The end of a slot's process, or of the attempt to start one: who is charged with it,
 * which tasks come back, and what follows. */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_EXIT_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_EXIT_H

#include "worker/program/persistent/persistent_slot.h"

/* Reports all tasks of the slot as not started. */
void persistent_exit_hand_back(struct persistent_slot *slot);
/* Starts a process where there is none, or lets the slot back off (again). */
void persistent_exit_start_again(struct persistent_slot *slot);
void persistent_exit_on_report(struct persistent_slot *slot,
                               const struct report *report);

#endif
