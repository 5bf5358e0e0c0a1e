/* SPDX-License-Identifier: MIT */
/* The worker: makes the parts, connects them, runs the loop. */
#ifndef FANFOLD_WORKER_WORKER_H
#define FANFOLD_WORKER_WORKER_H

#include "worker/options.h"

/* Serves until the run is over, or it is told to leave; returns the exit status. */
int worker_run(const struct worker_options *options);

#endif
