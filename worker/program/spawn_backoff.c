/* SPDX-License-Identifier: MIT */
/* Times that double, and one time that runs out. */
#include "worker/program/spawn_backoff.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

enum {
    FIRST_US = 10000, /* the first pause; each is twice as long as the one before */
    LONGEST_US = 1000000,
    LACKING_MAX_US = 30000000, /* without anything that could be started */
};

int spawn_backoff_init(struct spawn_backoff *backoff, uint32_t slots)
{
    *backoff = (struct spawn_backoff){
        .last_us = allocate_zeroed(slots, sizeof *backoff->last_us)};
    return slot_timers_init(&backoff->over, slots);
}

void spawn_backoff_deinit(struct spawn_backoff *backoff)
{
    slot_timers_deinit(&backoff->over);
    free(backoff->last_us);
    backoff->last_us = NULL;
}

bool spawn_backoff_begin(struct spawn_backoff *backoff, uint32_t slot, int error,
                         int64_t now_us)
{
    int64_t pause_us = backoff->last_us[slot] ? backoff->last_us[slot] * 2 : FIRST_US;
    backoff->last_us[slot] = pause_us < LONGEST_US ? pause_us : LONGEST_US;
    slot_timers_set(&backoff->over, slot, now_us + backoff->last_us[slot]);
    if (!backoff->reported)
        log_event(LOG_LEVEL_WARN, "cannot_start",
                  "error=\"%s\" why=\"tasks wait, the worker tries again\"",
                  strerror(error));
    backoff->reported = true;
    if (!backoff->lacking_since_us)
        backoff->lacking_since_us = now_us;
    return now_us - backoff->lacking_since_us >= LACKING_MAX_US;
}

void spawn_backoff_forget(struct spawn_backoff *backoff, uint32_t slot)
{
    backoff->last_us[slot] = backoff->lacking_since_us = 0;
}

bool spawn_backoff_take(struct spawn_backoff *backoff, int64_t now_us,
                        uint32_t *ret_slot)
{
    return slot_timers_take(&backoff->over, now_us, ret_slot);
}
