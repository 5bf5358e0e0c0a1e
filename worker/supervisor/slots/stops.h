/* SPDX-License-Identifier: MIT */
/*
 * Processes that were stopped, and stand still until somebody continues them. A child
 * that was stopped because it wanted the terminal never goes on: its group is in the
 * background for ever, as fanfold starts it there. Anyone else's stop may be meant; a
 * person is told once it lasts.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_SLOTS_STOPS_H
#define FANFOLD_WORKER_SUPERVISOR_SLOTS_STOPS_H

#include "common/process/descendants.h"
#include <stdbool.h>
#include <stdint.h>

/* From one look for processes that are no children to the next. */
enum { STOPS_LOOK_MS = 2000 };

struct stop {
    pid_t pid;        /* that is stopped; 0: none is */
    int signal;       /* that stopped it; 0: it is no child, and nobody knows */
    int64_t since_us; /* when that was seen first */
    bool told;
};

void stop_begin(struct stop *stop, pid_t pid, int signal, int64_t now_us);
void stop_end(struct stop *stop);
/* A child's stop has lasted, and was not told: tells that, once. Otherwise
 * *due_us becomes the time for the next look, unless it is sooner. */
bool stop_lasts(struct stop *stop, int64_t now_us, int64_t *due_us);
/* The process of this group, but for `child`, that was stopped at this look; 0: none.
 * True: it was at the look before, too, and that was not told. */
bool stop_see(struct stop *stop, pid_t pid, int64_t now_us);

/* The next child that was stopped, or continued (*ret_signal: 0); false: none. Reaps
 * nothing. */
bool stops_take(pid_t *ret_pid, int *ret_signal);
/* The processes that are stopped now, with their groups: those below this process, or,
 * where that is no subreaper, below its parent, which is one; without the kernel's
 * lists of children all of the host; none without /proc. */
void stops_list(struct children *ret_stopped);
/* One of them that is in this group, and is neither of these; 0: none. */
pid_t stops_find(const struct children *stopped, pid_t group, pid_t leader,
                 pid_t child);

#endif
