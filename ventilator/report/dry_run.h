/* SPDX-License-Identifier: MIT */
/* What a run would cut, as a table. */
#ifndef FANFOLD_VENTILATOR_REPORT_DRY_RUN_H
#define FANFOLD_VENTILATOR_REPORT_DRY_RUN_H

#include "ventilator/source/source.h"

/* Reads all of the source and writes a line a chunk to standard output, with tabs
 * between the columns; the first line names them. Waits for a stream. Returns the exit
 * status, and says on stderr why it failed. */
int dry_run(struct source *source);

#endif
