/* SPDX-License-Identifier: MIT */
/*
 * One time a slot, behind one descriptor that becomes readable when the first of them
 * has come. Knows nothing of what they are for.
 */
#ifndef FANFOLD_WORKER_PROGRAM_SLOT_TIMERS_H
#define FANFOLD_WORKER_PROGRAM_SLOT_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct slot_timer {
    int64_t due_us;  /* 0: none */
    int64_t wait_us; /* not before, because we come late; 0: we do not */
};

struct slot_timers {
    int fd; /* -1: not open */
    uint32_t count;
    struct slot_timer *times;
    int64_t armed_us; /* 0: it is not */
};

/* 0, or -errno; slot_timers_deinit is due in either case. */
int slot_timers_init(struct slot_timers *timers, uint32_t count);
void slot_timers_deinit(struct slot_timers *timers);

/* 0: none. The time that is set already: nothing changes. */
void slot_timers_set(struct slot_timers *timers, uint32_t slot, int64_t due_us);
/*
 * A slot whose time has come, which it has not any more; false: none has. To be called
 * until then when the descriptor is readable. A time that is seen much too late (this
 * process was stopped, or is starved) is held back a little, so that whatever else came
 * meanwhile is seen before.
 */
bool slot_timers_take(struct slot_timers *timers, int64_t now_us, uint32_t *ret_slot);
/* Makes all times so much later: nothing ran meanwhile. */
void slot_timers_shift(struct slot_timers *timers, int64_t by_us);

#endif
