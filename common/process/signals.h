/* SPDX-License-Identifier: MIT */
/* The signals that end a run, as a descriptor to be polled: SIGTERM, and SIGINT and
 * SIGHUP unless they were ignored when the program started. */
#ifndef FANFOLD_COMMON_PROCESS_SIGNALS_H
#define FANFOLD_COMMON_PROCESS_SIGNALS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Whom the signals to this process come from. A launcher hears of one to the whole
 * group, too, and passes on each to one process before the others. */
enum signals_from {
    SIGNALS_FROM_PERSON,
    SIGNALS_FROM_LAUNCHER,
    SIGNALS_FROM_LAUNCHER_FIRST,
};

/* Blocks them in this process: call it before the first thread starts. The descriptor,
 * or -errno. */
int signals_open(enum signals_from from);
/* The next signal that counts; 0: there is none now. */
int signals_next(int fd);

/* Adds the signal to the set unless this process ignores it, as it does under nohup and
 * in a script's background job. */
void signals_add_unless_ignored(sigset_t *set, int number);

/* Ignores each of them. */
void signals_ignore(const int *numbers, size_t count);

/* In a child that is about to run user code: the signals as a program expects them.
 * System calls only, as after vfork. */
void signals_reset(void);

/* Whether the process has a handler of its own for it; also where that cannot be told,
 * as without /proc, or of a process that has ended. */
bool signals_may_catch(pid_t pid, int number);

/* Whether it stops a process in the background that wants the terminal. */
bool signals_for_terminal(int number);
/* What a program that was stopped by such a signal wanted, and what to do. */
const char *signals_explain(int number);

/* Lets this process see how its children end, whatever it inherited: where SIGCHLD is
 * ignored, the kernel reaps them and waitpid fails. Call it first in main. */
void signals_see_children(void);

/* Ends this process by the signal, as without signals_open, so that the parent can tell
 * which signal ended it. */
void signals_end_by(int number);

#endif
