/* SPDX-License-Identifier: MIT */
/* The sink: its parts, its loop, its end. */
#ifndef FANFOLD_SINK_SINK_H
#define FANFOLD_SINK_SINK_H

#include "sink/options.h"

/* Runs until the run is over, or the sink gives up; returns the exit status. What a
 * person must know is said. */
int sink_run(const struct sink_options *options);

#endif
