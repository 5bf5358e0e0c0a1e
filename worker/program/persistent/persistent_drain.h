/* SPDX-License-Identifier: MIT */
/* No task is left: the processes read the end of their input, and what they wrote in
 * all is compared with what they were asked. */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_DRAIN_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_DRAIN_H

#include "worker/program/persistent/persistent_slot.h"

/* While persistent->draining: ends the processes that have no task, and when none is
 * left reports `drained`, once. */
void persistent_drain_step(struct persistent *persistent);

#endif
