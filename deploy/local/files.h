/* SPDX-License-Identifier: MIT */
/* The files that a command line names: what no role alone could refuse, or several
 * would, each in words of its own. */
#ifndef FANFOLD_DEPLOY_LOCAL_FILES_H
#define FANFOLD_DEPLOY_LOCAL_FILES_H

#include "deploy/local/arguments.h"

/* 0, or an exit status after a line for a person. Opens and changes nothing. */
int files_check(const struct arguments *arguments);

/* The path of the output's journal if there is one now; heap. NULL: there is none. */
char *files_journal(const struct arguments *arguments);

#endif
