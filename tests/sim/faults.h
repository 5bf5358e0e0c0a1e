/* SPDX-License-Identifier: MIT */
/* The adversary: what goes wrong, when, and who is started again. */
#ifndef FANFOLD_SIM_FAULTS_H
#define FANFOLD_SIM_FAULTS_H

#include <stdbool.h>

struct world;

/* Schedules all faults of a seed. */
void faults_plan(struct world *world);
/* A delicate moment: perhaps a fault soon; at a takeover of the sink aimed at sink and
 * ventilator. */
void faults_nudge(struct world *world, bool takeover);

#endif
