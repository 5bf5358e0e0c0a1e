/* SPDX-License-Identifier: MIT */
/* What the command that runs dead letters again has of this command line. */
#ifndef FANFOLD_DEPLOY_LOCAL_RERUN_WORDS_H
#define FANFOLD_DEPLOY_LOCAL_RERUN_WORDS_H

#include "deploy/local/arguments.h"

/* The options that say how chunks are run, and the command, quoted for a shell; the
 * sink adds what says where the records are and where each ends. The caller frees it.
 * NULL: nobody could copy it from a line on standard error. */
char *rerun_words(const struct arguments *arguments);

/* The same of a worker that joins from another host. */
char *join_words(const struct arguments *arguments);

#endif
