/* SPDX-License-Identifier: MIT */
/*
 * What the processes of a slot wait for, as far as /proc shows it to their ancestor:
 * the system call that each thread is in. An adapter without state; it decides nothing.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_SIGHT_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_SIGHT_H

#include <stdbool.h>
#include <sys/types.h>

struct sight {
    bool seen;  /* the system shows it; else nothing else is true */
    bool reads; /* a thread waits for bytes of the input */
    bool busy;  /* a thread runs, or sleeps for a time */
    bool still; /* a thread waits for bytes of the input, and every other one for a
                   thread or process among these: before it is given some, nothing
                   happens but by a signal */
};

/*
 * Looks at `leader`, what descends from it, and what has lost its parent but not its
 * process group, as children of `above`. `input`: the pipe that the program reads from,
 * of which we have the other end.
 */
struct sight sight_look(pid_t leader, pid_t above, int input);
/* The parent of a process; 0: not known. */
pid_t sight_parent(pid_t pid);

#endif
