/* SPDX-License-Identifier: MIT */
/*
 * What a program that ended well left in its group, such as the commands of a process
 * substitution, gets time for its own end, then SIGTERM, then SIGKILL. A warning names
 * what had to be ended; where chunk after chunk leaves some, it comes once a minute,
 * and says how many there were.
 *
 * Where the program's standard output is still open, what somebody left behind writes
 * belongs to the result. So the time begins again with all that comes (the worker asks
 * again), and with each stretch in which they compute: only who does neither is ended.
 * A person is told once a slot that it is waited for. Who has left the group, and does
 * neither, lives on, but is not waited for.
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
        SETTLING_MEASURES, /* whether they compute, while the output is open */
        SETTLING_TERMINATED,
        SETTLING_KILLED,
    } phase;
    int64_t since_us;
    int64_t due_us; /* when the next phase begins */
    uint64_t pipe;  /* the output that is still open: its inode; 0: it is at its end */
    uint64_t ticks; /* used by them when the measure began */
    bool told;      /* that they are waited for, in this slot */
};

struct settling_log {
    uint64_t unsaid;   /* groups that were ended without a warning */
    int64_t silent_us; /* until then */
    int64_t held_us;   /* the same, of those that have left their group */
};

/* Also if it has begun: then with new patience, unless it has lost that already. */
void settling_begin(struct settling *settling, uint64_t pipe, int64_t now_us);
void settling_shift(struct settling *settling, int64_t by_us);
/* There is an open output to wait for, whoever is in the group. */
bool settling_awaits_output(const struct settling *settling);
/* Something is in the group (`used`), or there is an open output: does what is due.
 * False: they are to be waited for no longer. */
bool settling_tick(struct settling *settling, struct settling_log *log, uint32_t slot,
                   const struct slot_group *group, bool used, int64_t now_us);
/* Says what was not said. */
void settling_log_end(struct settling_log *log);

#endif
