/* SPDX-License-Identifier: MIT */
/* Gathers what the ventilator has not been told yet: which results are newly held, as
 * ranges, and whether the position has moved. Pure. */
#ifndef FANFOLD_SINK_SESSION_PROGRESS_H
#define FANFOLD_SINK_SESSION_PROGRESS_H

#include "common/protocol/message.h"

struct progress {
    struct range *held;
    uint32_t count, capacity;
    bool moved;      /* what is written or committed has moved */
    int64_t told_us; /* the last time */
};

void progress_deinit(struct progress *progress);
/* A result was taken. */
void progress_add(struct progress *progress, uint64_t seq);
/* Forgets what is newly held, since BEGIN lists all. */
void progress_clear(struct progress *progress);
/* True: it is time to tell, and from now on it counts as told. Otherwise *ret_due_us is
 * when it will be time; NEVER_US where there is nothing to tell. */
bool progress_due(struct progress *progress, int64_t now_us, int64_t *ret_due_us);

#endif
