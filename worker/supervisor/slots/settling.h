/* SPDX-License-Identifier: MIT */
/*
 * What a program that ended well left in its group, such as the commands of a process
 * substitution, gets time for its own end, then SIGTERM, then SIGKILL. A warning names
 * what had to be ended; where chunk after chunk leaves some, it comes once a minute,
 * and says how many there were.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_SLOTS_SETTLING_H
#define FANFOLD_WORKER_SUPERVISOR_SLOTS_SETTLING_H

#include "worker/supervisor/slots/slot_group.h"
#include <stdint.h>

enum { SETTLING_LOOK_MS = 20 };

struct settling {
    enum {
        SETTLING_NOT,
        SETTLING_WAITS,
        SETTLING_TERMINATED,
        SETTLING_KILLED,
    } phase;
    int64_t due_us; /* when the next phase begins */
};

struct settling_log {
    uint64_t unsaid;   /* groups that were ended without a warning */
    int64_t silent_us; /* until then */
};

void settling_begin(struct settling *settling, int64_t now_us);
/* Something is in the group: does what is due. False: it cannot be ended. */
bool settling_tick(struct settling *settling, struct settling_log *log, uint32_t slot,
                   const struct slot_group *group, int64_t now_us);
/* Says what was not said. */
void settling_log_end(struct settling_log *log);

#endif
