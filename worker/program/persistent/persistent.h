/* SPDX-License-Identifier: MIT */
/* Programs that run for many tasks (modes lines and frames): a process a slot, chunks
 * on its stdin, results from its stdout, one after the other. */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_H

#include "worker/program/runner.h"

extern const struct runner_ops persistent_runner;

#endif
