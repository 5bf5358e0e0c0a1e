/* SPDX-License-Identifier: MIT */
/*
 * Slots that wait before the next attempt to start something in them, because this host
 * lacks what it takes (processes, memory, descriptors): longer each time, until
 * something was started. Knows when to give up; starts nothing.
 */
#ifndef FANFOLD_WORKER_PROGRAM_SPAWN_BACKOFF_H
#define FANFOLD_WORKER_PROGRAM_SPAWN_BACKOFF_H

#include "worker/program/slot_timers.h"

struct spawn_backoff {
    struct slot_timers over;  /* when each slot's wait is */
    int64_t *last_us;         /* how long each waited last; 0: it was started since */
    int64_t lacking_since_us; /* nothing was started since then; 0: something was */
    bool reported;            /* the log says that something is lacking */
};

/* 0, or -errno; spawn_backoff_deinit is due in either case. */
int spawn_backoff_init(struct spawn_backoff *backoff, uint32_t slots);
void spawn_backoff_deinit(struct spawn_backoff *backoff);

/* Nothing could be started in the slot, for this errno. True: nothing could in any slot
 * for so long that there is not much hope. */
bool spawn_backoff_begin(struct spawn_backoff *backoff, uint32_t slot, int error,
                         int64_t now_us);
/* Something was started in the slot. */
void spawn_backoff_forget(struct spawn_backoff *backoff, uint32_t slot);
/* A slot that has waited long enough; false: none. As slot_timers_take. */
bool spawn_backoff_take(struct spawn_backoff *backoff, int64_t now_us,
                        uint32_t *ret_slot);

#endif
