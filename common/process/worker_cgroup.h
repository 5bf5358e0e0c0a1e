/* SPDX-License-Identifier: MIT */
/*
 * A control group (version 2) for the programs of one worker, where this process may
 * make one: then whatever they start stays in it, and one write kills all. Everything
 * here is a help, and nothing fails without it.
 *
 * Its directory, fanfold-worker-PID, lies in the group that the worker is in. Whoever
 * made it holds a lock on it; a directory without one is left of workers that were
 * killed with all their helpers.
 */
#ifndef FANFOLD_COMMON_PROCESS_WORKER_CGROUP_H
#define FANFOLD_COMMON_PROCESS_WORKER_CGROUP_H

#include <limits.h>
#include <sys/types.h>

struct worker_cgroup {
    int fd; /* of the directory, which closes on exec; -1: there is none */
    char path[PATH_MAX + 64];
};

/* Makes one and locks it, unless the group is somebody else's to divide: systemd's,
 * without Delegate=. Sweeps first. */
void worker_cgroup_make(struct worker_cgroup *cgroup);
/* As fork, but the child is in the group, if there is one, and gives up its copy of the
 * lock. For a process without threads; pthread_atfork's functions may not be called. */
pid_t worker_cgroup_fork(struct worker_cgroup *cgroup);
/* Kills all that is in it. */
void worker_cgroup_kill(const struct worker_cgroup *cgroup);
/* Removes it once it is empty, for which it waits a moment. */
void worker_cgroup_remove(struct worker_cgroup *cgroup);

/* Kills and removes what dead workers left here. */
void worker_cgroup_sweep(void);

#endif
