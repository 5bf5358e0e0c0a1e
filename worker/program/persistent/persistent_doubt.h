/* SPDX-License-Identifier: MIT */
/*
 * The results of one process of mode lines that are reported, but of which it is not
 * shown yet that they are in step: that nothing was written that was not asked for.
 * They are, where the process was seen to wait for input with everything answered
 * (sight.h), and where it has read the end of its input and written all it had to.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_DOUBT_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_PERSISTENT_DOUBT_H

#include "worker/program/runner_context.h"

struct persistent_doubt {
    bool open;     /* there are such results */
    uint64_t from; /* the lowest seq of them; valid while open */
    uint64_t last; /* the seq of the last result of the process; valid while given */
    bool given;    /* the process has given some result */
};

/* Another process begins. */
void persistent_doubt_begin(struct persistent_doubt *doubt);
/* A result is reported, and not shown to be in step. */
void persistent_doubt_add(struct persistent_doubt *doubt,
                          const struct program_task *task);
/* A result is reported which is the last of those that are. */
void persistent_doubt_clear(struct persistent_doubt *doubt,
                            const struct program_task *task);
/* Reports what is open; without that, if `at_end`, the last result of the process, at
 * which the surplus is. Nothing is open afterwards. */
void persistent_doubt_report(struct persistent_doubt *doubt,
                             struct runner_context *context, uint32_t slot,
                             const char *text, bool at_end);

#endif
