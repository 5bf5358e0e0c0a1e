/* SPDX-License-Identifier: MIT */
/* Tells whether a SIGKILL that none of our processes sent was probably the kernel's,
 * out of memory. */
#ifndef FANFOLD_COMMON_PROCESS_OOM_H
#define FANFOLD_COMMON_PROCESS_OOM_H

#include <stdbool.h>
#include <stdint.h>

/* The count oom_kill: of our cgroup, of either version, where there is one with a
 * controller of memory, else of the whole host (/proc/vmstat). */
struct oom_watch {
    int fd; /* -1: neither is there */
    uint64_t before, now;
    int64_t read_at_us;
};

/* `proc` as for cgroup_find. */
void oom_watch_init(struct oom_watch *watch, const char *proc);
void oom_watch_deinit(struct oom_watch *watch);
/* To be called often; reads once a second. */
void oom_watch_tick(struct oom_watch *watch, int64_t now_us);
/* The count rose within the last second or two. */
bool oom_watch_rose(struct oom_watch *watch);

#endif
