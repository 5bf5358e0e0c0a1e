/* SPDX-License-Identifier: MIT */
/*
 * A second process that outlives the launcher if something kills that: it then kills
 * the roles that still run and removes the private directory, and the file that says
 * where the ventilator was. It keeps none of the
 * user's files open, has a session of its own and takes no signal but SIGKILL.
 */
#ifndef FANFOLD_DEPLOY_LOCAL_CLEANUP_PROCESS_H
#define FANFOLD_DEPLOY_LOCAL_CLEANUP_PROCESS_H

#include "deploy/local/role.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cleanup_process;

/*
 * Forks the process, which itself makes the private directory: so there is no moment in
 * which nothing would remove it. 0, or -errno of the fork or of making the directory
 * with a sentence for a person in `error`. Call it before anything else is opened.
 * `endpoint_file` is the ventilator's; NULL: none. With `letters` it also makes a
 * directory for dead letters that end with the run.
 */
int cleanup_process_start(struct cleanup_process **ret_cleanup,
                          const char *endpoint_file, bool letters, char *error,
                          size_t error_size);
/* The path of the private directory; lives as long as `cleanup`. */
const char *cleanup_process_directory(const struct cleanup_process *cleanup);
/* That of the dead letters; NULL: there is none. */
const char *cleanup_process_letters(const struct cleanup_process *cleanup);
/* The role's pid, until the next call for this role; 0: the role does not run. If the
 * cleanup process was killed, that is no error. */
void cleanup_process_watch(struct cleanup_process *cleanup, enum role role, pid_t pid);
/* Removes the directories, ends the process and waits for that. */
void cleanup_process_dismiss(struct cleanup_process **cleanup_p);

/* The pid of the cleanup process itself. */
pid_t cleanup_process_pid(const struct cleanup_process *cleanup);

#endif
