/* SPDX-License-Identifier: MIT */
/* How much of the input an output has, for whoever feeds the run that resumes it. */
#ifndef FANFOLD_SINK_COMMITTED_H
#define FANFOLD_SINK_COMMITTED_H

#include "sink/options.h"

/* Prints "SEQ RECORDS BYTES" by the journal of the output. An exit status. */
int committed_print(const struct sink_options *options);

#endif
