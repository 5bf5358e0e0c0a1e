/* SPDX-License-Identifier: MIT */
/* The adversary: decides what goes wrong, when, and which process starts again. */
#ifndef FANFOLD_TESTS_SIM_FAULTS_H
#define FANFOLD_TESTS_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

struct process;
struct world;

/* Schedules the faults from now on; before the first leg also what ends a run. */
void faults_plan(struct world *world, int64_t length_us);
/* At a delicate moment: perhaps plans a fault that comes soon; at a takeover of the
 * sink it is aimed at sink and ventilator. */
void faults_nudge(struct world *world, bool takeover);

/* A task took its worker down. Not from within the worker's turn. */
void faults_kill_worker(struct process *process);

#endif
