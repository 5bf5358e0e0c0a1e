/* SPDX-License-Identifier: MIT */
/* The control groups that this process is in, as far as the system shows them: both
 * versions, and both at once where version 1 has some controllers and version 2 the
 * rest. */
#ifndef FANFOLD_COMMON_PROCESS_CGROUP_H
#define FANFOLD_COMMON_PROCESS_CGROUP_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* Where the system tells of processes; each function takes it, or a likeness. */
#define CGROUP_PROC "/proc"

struct cgroup_path {
    char path[PATH_MAX]; /* of this process's group, as a directory */
    unsigned top;        /* characters of it that are the mount point */
};

/* Finds the directory of this process's group: of version 1's hierarchy with this
 * controller, or with NULL of version 2's. False: there is none, or it is hidden. */
bool cgroup_find(const char *proc, const char *controller,
                 struct cgroup_path *ret_path);

/* The processors that the quotas of this process's groups, and of those above them,
 * allow to be used at the same time, rounded up; 0: no quota. */
uint32_t cgroup_processors(const char *proc);

/* A descriptor of the file that counts the kills for lack of memory in this process's
 * group, or in the nearest above that counts them ("oom_kill N"). It closes on exec.
 * -1: there is none. */
int cgroup_open_oom(const char *proc);

#endif
