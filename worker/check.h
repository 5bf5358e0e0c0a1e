/* SPDX-License-Identifier: MIT */
/* fanfold-worker --check: tells whether a ventilator can be reached and would let this
 * worker in, without joining the run. */
#ifndef FANFOLD_WORKER_CHECK_H
#define FANFOLD_WORKER_CHECK_H

#include "common/options.h"

/* Says on standard output that a ventilator answers (STATUS_OK), or on stderr what
 * keeps it from that (STATUS_PEER; STATUS_USAGE: endpoint or keys are wrong). */
int check_run(const char *endpoint, const struct common_options *options);

#endif
