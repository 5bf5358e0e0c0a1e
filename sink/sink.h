/* SPDX-License-Identifier: MIT */
/* The sink: it opens what it needs, runs its loop, and ends. */
#ifndef FANFOLD_SINK_SINK_H
#define FANFOLD_SINK_SINK_H

#include "sink/options.h"

/* Runs until the run is over, or the sink gives up; returns the exit status. Tells a
 * person what they must know. */
int sink_run(const struct sink_options *options);

#endif
