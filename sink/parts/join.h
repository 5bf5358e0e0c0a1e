/* SPDX-License-Identifier: MIT */
/* Joins the parts that a manifest names: --join. */
#ifndef FANFOLD_SINK_PARTS_JOIN_H
#define FANFOLD_SINK_PARTS_JOIN_H

#include <stdbool.h>

struct join_config {
    const char *manifest;
    const char *parts;  /* the directory */
    const char *output; /* NULL: standard output */
    bool quiet;
};

/* Shares the parts' blocks where the file system can, and copies elsewhere. The output
 * has its name once all is there. Returns the exit status, after saying what was
 * wrong. */
int join_run(const struct join_config *config);

#endif
