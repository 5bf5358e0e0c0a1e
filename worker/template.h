/* SPDX-License-Identifier: MIT */
/* The process below which a program of the user's prepares once, to be forked to the
 * slots by itself (FORK/1): for any language what the zygote is for plugins. */
#ifndef FANFOLD_WORKER_TEMPLATE_H
#define FANFOLD_WORKER_TEMPLATE_H

#include "worker/program.h"

struct template_config {
    const struct program_config *program;
    const char *path; /* what the program's argv[0] was resolved to */
    int link;
    const int *errors; /* each slot's stderr */
};

/* Runs in a process of its own; never returns. It reports that the program is prepared,
 * or (REPORT_PREPARED with 0) that it does not fork, and ends. */
void template_run(const struct template_config *config) __attribute__((noreturn));

#endif
