/* SPDX-License-Identifier: MIT */
/*
 * Lines: when to look whether a process that has answered its burst waits for input.
 * Until then the burst may take up more tasks, which saves looks; but a task that comes
 * alone only waits longer for its result. So the looks take a share of the worker's
 * time at most, and the first one after a pause comes at once. Pure.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_LOOK_PACE_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_LOOK_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LOOK_SOON_US = 10,   /* mostly the process waits for input again by then */
    LOOK_LATE_US = 1000, /* after the answer, at the latest */
    LOOK_PAUSE = 2,      /* times as long as a look took passes until the next one */
};

struct look_pace {
    int64_t free_us; /* from when on a look is within its share; 0: from the start */
};

/* A look lasted from one time to the other. */
void look_pace_on_look(struct look_pace *pace, int64_t begun_us, int64_t ended_us);
/* When to look at a burst that is answered now; `soon` where a task waits behind it, or
 * where there may be trouble. */
int64_t look_pace_due(const struct look_pace *pace, int64_t now_us, bool soon);

#endif
