/* SPDX-License-Identifier: MIT */
/*
 * A program over two pipes, one to its standard input and one from its standard output;
 * its standard error is ours. It is started without a fork of this process, and so also
 * beside a ZeroMQ context. No signal is blocked in it.
 */
#ifndef FANFOLD_COMMON_HELPER_PIPED_CHILD_H
#define FANFOLD_COMMON_HELPER_PIPED_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct piped_child {
    pid_t pid;   /* 0: there is none */
    int in, out; /* our ends of the pipes to it and from it, which do not block; -1:
                    there is none */
};

/* This program again, by the arguments NAME ASKS PARENT, where PARENT is our pid, and
 * then `arguments`. 0 or -errno. */
int piped_child_start_self(struct piped_child *child, const char *name,
                           const char *asks, char *const *arguments);
/* In main: whether this process was started so. */
bool piped_child_is(int argc, char **argv, const char *asks);
/* There: it takes its name, ends when its parent does, at once if that has ended
 * already; the arguments of the parent. */
char **piped_child_begin(int *argc, char **argv);
/* The shell's command, in a process group of its own, with the signals of `plain` at
 * their defaults; it finds the modules for Python and R. 0 or -errno. */
int piped_child_start_command(struct piped_child *child, const char *command,
                              const sigset_t *plain);

#endif
