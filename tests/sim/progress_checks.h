/* SPDX-License-Identifier: MIT */
/*
 * Looks at the whole world now and then, once faults have ceased: somebody accounts for
 * every task, and the run moves on. Both have time: the core notices a loss after the
 * liveness time, and an unconfirmed DONE after that has doubled a few times.
 */
#ifndef FANFOLD_TESTS_SIM_PROGRESS_CHECKS_H
#define FANFOLD_TESTS_SIM_PROGRESS_CHECKS_H

struct world;

void check_world_progress(struct world *world);

#endif
