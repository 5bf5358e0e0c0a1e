/* SPDX-License-Identifier: MIT */
/*
 * Knows which process belongs to which slot, and finds the slots whose processes
 * together use too much memory. While there are any processes, it looks a few times a
 * second: at resident memory, where a page that n processes share counts as an nth in
 * each. A slot's processes are those of its group and their descendants, in a group or
 * session of their own or not; a descendant that has lost its parent is known from the
 * look before, or by the environment that it was executed with (slot_mark.h).
 *
 * It reads /proc and signals; the caller reports.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_MEMORY_WATCH_H
#define FANFOLD_WORKER_SUPERVISOR_MEMORY_WATCH_H

#include "worker/supervisor/spawn_link.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct memory_watch;

/* `limit_bytes` is what one slot may use; UINT64_MAX: it looks at no memory. */
struct memory_watch *memory_watch_new(uint64_t limit_bytes, uint32_t slots);
void memory_watch_destroy(struct memory_watch **watch_p);

/* From now on the slot's processes are those of this group and of its program; 0: there
 * are none, or the program has ended. */
void memory_watch_follow(struct memory_watch *watch, uint32_t slot, pid_t group,
                         pid_t program);
/* The program is for this task alone, or for all (NULL), as its environment says. */
void memory_watch_mark(struct memory_watch *watch, uint32_t slot,
                       const struct request *request);

/* Looks if it is time; returns when to look again, NEVER_US: not before there is a
 * group to follow. */
int64_t memory_watch_tick(struct memory_watch *watch, int64_t now_us);
/* A slot that uses more than it may; false: none. Kills those of its processes that
 * have left the group, and follows it no longer; the caller kills the group. */
bool memory_watch_take(struct memory_watch *watch, uint32_t *ret_slot,
                       uint64_t *ret_used_bytes);

/* Signals those of the slot's processes that have left its group. */
void memory_watch_signal(struct memory_watch *watch, uint32_t slot, int signal);

#endif
