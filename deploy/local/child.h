/* SPDX-License-Identifier: MIT */
/* The launcher's child processes: finds a role's program, starts it, sees its end, and
 * reaps the processes that roles leave behind. */
#ifndef FANFOLD_DEPLOY_LOCAL_CHILD_H
#define FANFOLD_DEPLOY_LOCAL_CHILD_H

#include "common/process/descendants.h"
#include "deploy/local/launcher.h"
#include "deploy/local/launcher_signals.h"
#include <stddef.h>
#include <sys/types.h>

/*
 * The path of the role's program: beside the launcher's own, or where the build tree
 * has it relative to that, or in PATH. On the heap; NULL: there is none.
 */
char *child_find(enum role role);
/* Likewise the program that makes keys. */
char *child_find_keygen(void);

struct child_start {
    enum role role;
    const char *path;
    char *const *argv;
    int keep_fd;               /* a descriptor that the child inherits; -1: none */
    int also_keep_fd;          /* likewise */
    int (*run)(void *context); /* what the child does in place of a program, until it
                                  returns its exit status; NULL: it is the program */
    void *context;
    const struct launcher_signals *signals;
};

/* The descriptor that an option names, which a child inherits only where child_start
 * says so; -1: none, or it is not open. */
int child_hold_fd(const char *value);

/*
 * Starts a role. The ventilator gets standard input, the sink standard output, the
 * worker neither. The child dies with the launcher. If the program cannot be executed,
 * the child says why and exits with 126 or 127. The child's pid, or -errno.
 */
pid_t child_start(const struct child_start *start);

/* Whether the child has ended, and how. Never blocks. */
bool child_ended(pid_t pid, struct ending *ret_ending);

/*
 * What follows is only for a launcher all of whose children are its own
 * (descendants_adopt). Waits for the processes that the roles left behind, which the
 * kernel gave to this process as their subreaper, and kills those that still live after
 * `grace_ms`, as far as this user may. Call it once no process of ours is left.
 */
void child_reap_orphans(int grace_ms);

/*
 * In the middle of a run, kills and reaps the slots' programs that a killed worker and
 * its killed helpers left behind; they have groups of their own. `others`, our own
 * group and a keeper that is still at work are left alone. Whether one was killed.
 */
bool child_end_strays(const struct children *others);

/* Waits, at most for `grace_ms`, until nobody has the other end of this pipe open. */
void child_await_closed(int fd, int grace_ms);

#endif
