/* SPDX-License-Identifier: MIT */
/*
 * How much memory each slot's processes use together, looked at a few times a second
 * while there are any: resident memory, where a page that n processes share counts as
 * an nth in each. A slot's processes are those of its leader's group, and whatever
 * descends from them, in a group of its own or not.
 *
 * It reads /proc and kills; it reports nothing.
 */
#ifndef FANFOLD_WORKER_MEMORY_WATCH_H
#define FANFOLD_WORKER_MEMORY_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct memory_watch;

/* What a slot may use. */
struct memory_watch *memory_watch_new(uint64_t limit_bytes, uint32_t slots);
void memory_watch_destroy(struct memory_watch **watch_p);

/* The slot's processes are from now on those of this group, whose leader has its
 * number; 0: there are none. */
void memory_watch_follow(struct memory_watch *watch, uint32_t slot, pid_t group);

/* Looks, where it is time; when to look again, NEVER_US: not before there is something
 * to follow. */
int64_t memory_watch_tick(struct memory_watch *watch, int64_t now_us);
/* A slot that was found to use more than it may, and is not followed any more; false:
 * none. Its processes that have left the group were killed: the group is the caller's
 * to kill. */
bool memory_watch_take(struct memory_watch *watch, uint32_t *ret_slot,
                       uint64_t *ret_used_bytes);

#endif
