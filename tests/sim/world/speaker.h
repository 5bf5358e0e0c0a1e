/* SPDX-License-Identifier: MIT */
/*
 * The process that says STALLED for a sink whose loop waits for a file system, by a
 * connection of its own. It may outlive its sink, as one on a host that was cut off:
 * then it still says that the sink is there, which is no longer true.
 */
#ifndef FANFOLD_TESTS_SIM_WORLD_SPEAKER_H
#define FANFOLD_TESTS_SIM_WORLD_SPEAKER_H

#include "common/id.h"
#include "process.h"

struct speaker {
    struct process process;
    const struct process *sink;
    struct id incarnation; /* of the sink */
    int64_t since_us;      /* when the wait began */
    int64_t next_us;       /* when it speaks next */
    int64_t until_us;      /* NEVER_US: until it is ended */
};

struct speaker *speaker_start(const struct process *sink, const struct id *incarnation);
void speaker_end(struct speaker *speaker);
/* The sink has died: it speaks on within that time. */
void speaker_outlive(struct speaker *speaker, int64_t from_us, int64_t until_us);

#endif
