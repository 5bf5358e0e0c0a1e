/* SPDX-License-Identifier: MIT */
/* GNU parallel's options that fanfold does not have: each is answered by what to write
 * here. fanfold-parallel(7) has the whole list. */
#ifndef FANFOLD_DEPLOY_LOCAL_PARALLEL_PARALLEL_OPTIONS_H
#define FANFOLD_DEPLOY_LOCAL_PARALLEL_PARALLEL_OPTIONS_H

#include <argp.h>

/* A child of the launcher's parser. Its options are hidden; each ends the process with
 * STATUS_USAGE after a sentence for a person. */
extern const struct argp parallel_options;

#endif
