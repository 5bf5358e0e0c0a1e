/* SPDX-License-Identifier: MIT */
/*
 * Slots that rest, because this host lacks what it takes to start something in them
 * (processes, memory, descriptors): longer each time, until something was started.
 * Knows when to give up; starts nothing.
 */
#ifndef FANFOLD_WORKER_REST_H
#define FANFOLD_WORKER_REST_H

#include "worker/alarms.h"

struct rest {
    struct alarms over;       /* when it is */
    int64_t *last_us;         /* how long each rested last; 0: it was started since */
    int64_t lacking_since_us; /* nothing was started since then; 0: something was */
    bool told;                /* that something is lacking */
};

/* 0, or -errno; rest_deinit is due in either case. */
int rest_init(struct rest *rest, uint32_t slots);
void rest_deinit(struct rest *rest);

/* Nothing could be started in the slot, for this errno. True: nothing could in any slot
 * for so long that there is not much hope. */
bool rest_begin(struct rest *rest, uint32_t slot, int error, int64_t now_us);
bool rest_goes_on(const struct rest *rest, uint32_t slot);
/* Something was started in the slot. */
void rest_forget(struct rest *rest, uint32_t slot);
/* A slot that has rested enough; false: none. As alarms_take. */
bool rest_take(struct rest *rest, int64_t now_us, uint32_t *ret_slot);

#endif
