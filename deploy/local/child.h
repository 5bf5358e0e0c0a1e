/* SPDX-License-Identifier: MIT */
/* One process of the launcher's: where its program is, its start and its end. */
#ifndef FANFOLD_DEPLOY_LOCAL_CHILD_H
#define FANFOLD_DEPLOY_LOCAL_CHILD_H

#include "common/descendants.h"
#include "deploy/local/launcher.h"
#include "deploy/local/signals.h"
#include <stddef.h>
#include <sys/types.h>

/*
 * The role's program: beside the launcher's own, or where the build tree has it seen
 * from there, or in PATH. Heap; NULL: there is none.
 */
char *child_find(enum role role);

struct child_start {
    enum role role;
    const char *path;
    char *const *argv;
    int keep_fd; /* a descriptor that it inherits; -1: none */
    const struct signals *signals;
};

/*
 * Starts it: the ventilator has standard input, the sink standard output, the worker
 * neither. It dies with the launcher. A program that cannot be executed ends with 126
 * or 127 after a line that says why. The process's number, or -errno.
 */
pid_t child_start(const struct child_start *start);

/* Whether it has ended, and how. Never blocks. */
bool child_ended(pid_t pid, struct ending *ret_ending);

/*
 * Waits for what the roles left behind and this process, as their subreaper, was given:
 * what is still there after `grace_ms` is killed. Only when no child of one's own is
 * left. `others` are children that were there before (a shell's that exec'ed us) and
 * are let alone.
 */
void child_bury_orphans(const struct children *others, int grace_ms);

/*
 * In the middle of a run: kills and reaps what a killed worker's killed keeper has left
 * behind, programs of slots, which have groups of their own. `others` are let alone,
 * and so are their groups and one's own. Whether there was something.
 */
bool child_end_strays(const struct children *others);

#endif
