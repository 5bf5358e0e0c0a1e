/* SPDX-License-Identifier: MIT */
/* The process below which the user's program prepares once and then forks itself into
 * the slots (FORK/1): for any language what the zygote is for plugins. */
#ifndef FANFOLD_WORKER_SUPERVISOR_FORK_SERVER_H
#define FANFOLD_WORKER_SUPERVISOR_FORK_SERVER_H

#include "worker/program/program_config.h"
#include <sys/types.h>

struct fork_server_config {
    const struct program_config *program;
    const char *path; /* the file of the program's argv[0] */
    int link;
    const int *errors; /* each slot's stderr */
    pid_t worker;
};

/* Runs in a process of its own; never returns. Reports that the program is prepared; or
 * that it does not fork (REPORT_PREPARED with 0), and ends. */
void fork_server_run(const struct fork_server_config *config) __attribute__((noreturn));

#endif
