/* SPDX-License-Identifier: MIT */
/* Waits for the end of a child without reaping it, also where the system has no
 * pidfd_open (kernels before 5.3, an old container's filter). */
#ifndef FANFOLD_COMMON_PROCESS_PROCESS_HANDLE_H
#define FANFOLD_COMMON_PROCESS_PROCESS_HANDLE_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether this child has ended, and waits to be reaped; true also if it is no child. */
bool child_has_ended(pid_t child);
/* Waits for that for so long (-1: without end); whether it has ended. */
bool child_await_end(pid_t child, int timeout_ms);

/* The name of a process as ps shows it; "?" where the system does not say. Returns
 * `name`. */
const char *process_name(pid_t pid, char *name, size_t size);

#endif
