/* SPDX-License-Identifier: MIT */
/* One process a task: the chunk on its stdin, the result from its stdout. */
#ifndef FANFOLD_WORKER_PROGRAM_EXEC_H
#define FANFOLD_WORKER_PROGRAM_EXEC_H

#include "worker/program/runner.h"

extern const struct runner_ops exec_runner;

#endif
