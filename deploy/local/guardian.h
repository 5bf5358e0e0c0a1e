/* SPDX-License-Identifier: MIT */
/*
 * A second process that outlives the launcher when that is killed: it then kills the
 * roles that are left and removes the private directory. It has nothing of the user's
 * open, sits in a session of its own and takes no signal but SIGKILL.
 */
#ifndef FANFOLD_DEPLOY_LOCAL_GUARDIAN_H
#define FANFOLD_DEPLOY_LOCAL_GUARDIAN_H

#include "deploy/local/role.h"
#include <sys/types.h>

struct guardian;

/*
 * Forks it; it makes the private directory, so that there is no moment in which nobody
 * would remove it. 0, or -errno: of the fork, or of making the directory. To be called
 * before anything else is opened.
 */
int guardian_start(struct guardian **ret_guardian);
/* The private directory; as long as the guardian. */
const char *guardian_directory(const struct guardian *guardian);
/* The role's process, until the next call for this role; 0: it has none. That the
 * guardian itself was killed is no error. */
void guardian_watch(struct guardian *guardian, enum role role, pid_t pid);
/* Removes the directory and lets the guardian go; waits for its end. */
void guardian_dismiss(struct guardian **guardian_p);

/* Its own process. */
pid_t guardian_pid(const struct guardian *guardian);

#endif
