/* SPDX-License-Identifier: MIT */
/* A task that runs far longer than the median: a copy of it goes to a slot that has
 * nothing to do, and the first result counts. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STRAGGLERS_H
#define FANFOLD_VENTILATOR_SCHEDULER_STRAGGLERS_H

#include "ventilator/scheduler/scheduler_state.h"

/* Once a heartbeat. */
void stragglers_copy(struct dispatch *dispatch, int64_t now_us);

#endif
