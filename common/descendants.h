/* SPDX-License-Identifier: MIT */
/* The processes below this one. This process has to be a child subreaper, so that none
 * can escape by losing its parent or by starting a session of its own. */
#ifndef FANFOLD_COMMON_DESCENDANTS_H
#define FANFOLD_COMMON_DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The children of this process, ended ones that were not waited for included. */
struct children {
    struct kid {
        pid_t pid;
        pid_t group;
    } * items;
    size_t count;
};
void children_list(struct children *ret_children);
void children_add(struct children *children, struct kid kid);
void children_deinit(struct children *children);

/* Kills and reaps until there is none left. False: some are left that this user may not
 * kill. */
bool descendants_end(void);

/* Signals what is left of a group whose leader has been reaped: only if a child of this
 * process is in it, because the number may be another's by now. */
void descendants_signal_group(pid_t group, int signal);

/* Nobody above this process's group could continue it: its session is another, as after
 * setsid. The kernel does not stop such a group for a SIGTSTP. */
bool descendants_orphaned(void);

#endif
