/* SPDX-License-Identifier: MIT */
/* A run on this host: starts the three roles, watches them until all have ended, and
 * returns the exit status. */
#ifndef FANFOLD_DEPLOY_LOCAL_FANFOLD_H
#define FANFOLD_DEPLOY_LOCAL_FANFOLD_H

#include "deploy/local/arguments.h"

int fanfold_run(const struct arguments *arguments);

#endif
