/* SPDX-License-Identifier: MIT */
/*
 * Who still has a program's standard output open after the program has ended: the pipe
 * is at its end for the worker only when nobody has. Looks through /proc; what another
 * user owns is not seen.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_SLOTS_OUTPUT_HOLDERS_H
#define FANFOLD_WORKER_SUPERVISOR_SLOTS_OUTPUT_HOLDERS_H

#include "common/process/descendants.h"
#include <stdint.h>

/* The processes that have this pipe (its inode) open for writing, with their groups. */
void output_holders_find(uint64_t pipe, struct children *ret_holders);

/* The processor's time, in ticks, that these have used, and those that they waited
 * for. */
uint64_t output_holders_ticks(const struct children *processes);

#endif
