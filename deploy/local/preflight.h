/* SPDX-License-Identifier: MIT */
/* Checks the files that a command line names before the run starts: faults that no role
 * alone can see, or that several roles would report, each in its own words; and what
 * the caller of a library must not say that embeds the run. */
#ifndef FANFOLD_DEPLOY_LOCAL_PREFLIGHT_H
#define FANFOLD_DEPLOY_LOCAL_PREFLIGHT_H

#include "deploy/local/arguments.h"

/* 0, or an exit status after a line for a person. Opens and changes nothing. */
int preflight_check(const struct arguments *arguments);

/* The path of the output's journal if there is one now, on the heap; NULL: there is
 * none. */
char *preflight_journal(const struct arguments *arguments);

#endif
