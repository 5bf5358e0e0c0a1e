/* SPDX-License-Identifier: MIT */
/* The process that loads the plugin, prepares it once, and forks slots that share what
 * was prepared, copy on write. */
#ifndef FANFOLD_WORKER_SUPERVISOR_ZYGOTE_H
#define FANFOLD_WORKER_SUPERVISOR_ZYGOTE_H

#include "worker/program/program_config.h"
#include <sys/types.h>

enum { ZYGOTE_FINISH_SECONDS = 5 /* for the plugin's finish */ };

struct zygote_config {
    const struct program_config *program;
    int link;
    const int *errors; /* each slot's stderr */
    pid_t worker;
};

/* Runs in a process of its own; never returns. */
void zygote_run(const struct zygote_config *config) __attribute__((noreturn));

#endif
