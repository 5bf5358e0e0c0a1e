/* SPDX-License-Identifier: MIT */
/* Prints what a run would do: its command and its chunks. */
#ifndef FANFOLD_DEPLOY_LOCAL_DRY_RUN_H
#define FANFOLD_DEPLOY_LOCAL_DRY_RUN_H

#include "deploy/local/arguments.h"

/* Writes the command to standard output, quoted for a shell, and becomes the
 * ventilator, which lists the chunks there. Returns only on failure: the exit status,
 * after a line for a person. */
int dry_run(const struct arguments *arguments);
/* --committed: the sink tells how far the output is. Returns only where that cannot be
 * started: an exit status. */
int committed_print(const struct arguments *arguments);

#endif
