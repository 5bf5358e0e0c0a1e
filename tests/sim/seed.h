/* SPDX-License-Identifier: MIT */
/*
 * One seed, from start to end. It is one or more runs, which workers that stay serve
 * one after the other. A run is one or more legs: when all have left and the output is
 * not complete (a chunk that failed for good, a full disk, an interrupt), the reason is
 * put right and all are started again with --resume.
 */
#ifndef FANFOLD_TESTS_SIM_SEED_H
#define FANFOLD_TESTS_SIM_SEED_H

#include <stdint.h>

struct world;

/* The outcome is in the world's `violation`. */
void seed_run(struct world *world, uint64_t seed);
/* Starts a process of this name after `delay_us`. */
void seed_start_process(struct world *world, uint32_t name, int64_t delay_us);

#endif
