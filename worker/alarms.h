/* SPDX-License-Identifier: MIT */
/*
 * One time a slot, behind one descriptor that becomes readable when the first of them
 * has come. Knows nothing of what they are for.
 */
#ifndef FANFOLD_WORKER_ALARMS_H
#define FANFOLD_WORKER_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

struct alarm_time {
    int64_t due_us;  /* 0: none */
    int64_t wait_us; /* not before, because we come late; 0: we do not */
};

struct alarms {
    int fd; /* -1: not open */
    uint32_t count;
    struct alarm_time *times;
    int64_t armed_us; /* 0: it is not */
};

/* 0, or -errno; alarms_deinit is due in either case. */
int alarms_init(struct alarms *alarms, uint32_t count);
void alarms_deinit(struct alarms *alarms);

/* 0: none. */
void alarms_set(struct alarms *alarms, uint32_t slot, int64_t due_us);
bool alarms_is_set(const struct alarms *alarms, uint32_t slot);
/*
 * A slot whose time has come, which it has not any more; false: none has. To be called
 * until then when the descriptor is readable. A time that is seen much too late (this
 * process was stopped, or is starved) is held back a little, so that whatever else came
 * meanwhile is seen before.
 */
bool alarms_take(struct alarms *alarms, int64_t now_us, uint32_t *ret_slot);
/* All times are so much later: nothing ran meanwhile. */
void alarms_shift(struct alarms *alarms, int64_t by_us);

#endif
