/* SPDX-License-Identifier: MIT */
/*
 * The processes below this one. The functions that end processes take every child of
 * this process for a descendant of its own: call them only in a process that was forked
 * for that, or where descendants_adopt said so. Without /proc they find children all
 * the same, by asking for each number that a child may have, which may take a second.
 */
#ifndef FANFOLD_COMMON_PROCESS_DESCENDANTS_H
#define FANFOLD_COMMON_PROCESS_DESCENDANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Makes this process a subreaper, so that no descendant can escape by losing its parent
 * or by starting a session of its own. False: it has children that it did not start, or
 * may get some; then it is left as it is, and must end only what it knows. */
bool descendants_adopt(void);

/* The children of this process, zombies included. */
struct children {
    struct child_process {
        pid_t pid;
        pid_t group;
    } * items;
    size_t count;
};
void children_list(struct children *ret_children);
void children_add(struct children *children, struct child_process child);
void children_deinit(struct children *children);
/* Whether the list has this process. */
bool children_have(const struct children *children, pid_t pid);

/* All descendants that live, zombies aside; without /proc the children. */
void descendants_list(struct children *ret_descendants);
/* All processes that live below `top`, by the kernel's lists, so that other processes
 * of the host do not make it slower. False: the kernel has no such lists. */
bool descendants_list_below(pid_t top, struct children *ret_descendants);

/* The processes of this group, but for its leader; without /proc the children in it. */
void descendants_of_group(pid_t group, struct children *ret_members);

/* Kills and reaps until none is left, or only those are that do not end: this user may
 * not kill them, or the kernel does not let them go for some seconds. Their number. */
unsigned descendants_end(void);

/* Ends what is left with more patience: waits, sends SIGTERM to all, waits, and kills.
 * What had to be ended is named in a warning. */
void descendants_end_gently(void);

/* Says in a warning which processes could not be ended. */
void descendants_tell_left(void);

/* "sleep (123), cat (124)", or the first few of them. */
const char *children_describe(const struct children *children, char *text, size_t size);

/* Signals the rest of a group whose leader was reaped: only if a child of this process
 * is in it, because the kernel may have given the number to another group. */
void descendants_signal_group(pid_t group, int signal);

/* Whether the group of this process and its ancestor `worker` is orphaned: no process
 * above could continue it, because its session is another, as after setsid. The kernel
 * does not stop such a group for a SIGTSTP. */
bool descendants_orphaned(pid_t worker);

#endif
