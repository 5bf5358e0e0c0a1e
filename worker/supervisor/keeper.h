/* SPDX-License-Identifier: MIT */
/*
 * The keeper: a process between worker and supervisor, the subreaper to which
 * everything falls if the supervisor is killed. It was forked for that alone, so all
 * its children are the program's, whoever else's children the worker may have: of a
 * shell that exec'ed it, or every orphan of a container whose first process it is. It
 * has a session of its own, which a SIGKILL to the worker's process group does not
 * reach.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_KEEPER_H
#define FANFOLD_WORKER_SUPERVISOR_KEEPER_H

#include <sys/types.h>

/*
 * Forks it; it forks the supervisor, which calls `run`, and must end by itself when
 * `keeper` comes to its end: the keeper was killed. The keeper ends when everything
 * below it has, with the supervisor's status; of the descriptors it keeps `keeper_fd`
 * alone. Its pid, or -errno.
 */
pid_t keeper_fork(int keeper_fd, void (*run)(void *context, int keeper), void *context);

#endif
