/* SPDX-License-Identifier: MIT */
/* waitpid whose failure cannot be taken for an end. */
#ifndef FANFOLD_COMMON_PROCESS_CHILD_WAIT_H
#define FANFOLD_COMMON_PROCESS_CHILD_WAIT_H

#include <sys/types.h>

/* Waits for the child, and reaps it. 0, or -errno: how it ended is not known, and
 * *ret_status is untouched. */
int child_wait(pid_t pid, int *ret_status);

#endif
