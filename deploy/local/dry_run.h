/* SPDX-License-Identifier: MIT */
/* What a run would be: the command and the chunks. */
#ifndef FANFOLD_DEPLOY_LOCAL_DRY_RUN_H
#define FANFOLD_DEPLOY_LOCAL_DRY_RUN_H

#include "deploy/local/arguments.h"

/* Writes the command to standard output, as a shell would take it, and becomes the
 * ventilator, which lists the chunks there. Returns only where that cannot be: the exit
 * status, after a line for a person. */
int dry_run(const struct arguments *arguments);

#endif
