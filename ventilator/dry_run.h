/* SPDX-License-Identifier: MIT */
/* What a run would cut, as a table. */
#ifndef FANFOLD_VENTILATOR_DRY_RUN_H
#define FANFOLD_VENTILATOR_DRY_RUN_H

#include "ventilator/source.h"

/* Reads all of the source and writes a line a chunk to standard output; tabs are
 * between the columns, of which the first line has the names. The exit status, after
 * saying why. Waits for a stream. */
int dry_run(struct source *source);

#endif
