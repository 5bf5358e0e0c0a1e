/* SPDX-License-Identifier: MIT */
/*
 * Tells a failure of the user's program from preemption: Slurm, systemd and others send
 * SIGTERM to every process of a step or unit, so the program dies of the signal by
 * which the worker is told to leave. What fails at a worker that was told to leave is
 * not the chunk's fault, and is handed back. As the program's end may be known first, a
 * failure that such a signal may have caused waits a moment here. Pure.
 */
#ifndef FANFOLD_WORKER_PREEMPTION_H
#define FANFOLD_WORKER_PREEMPTION_H

#include "common/protocol/message.h"

/* A run of the program that failed. */
struct failed_run {
    uint32_t slot;
    uint64_t seq;
    uint32_t attempt;
    uint64_t run_us;
    enum failure cause;
    uint32_t code;
    struct slice text;
};

struct preemption {
    struct waiting_failure *waiting; /* oldest first */
    size_t count, capacity;
    uint8_t *taken_text; /* of the last that was taken; NULL: none */
};

void preemption_deinit(struct preemption *preemption);

/* It may have failed because the worker is preempted: a worker that was told to leave
 * hands it back. False: whatever ended the worker, it would have failed. */
bool preemption_excuses(const struct failed_run *run);
/* A signal ended it by which workers are told to leave. */
bool preemption_suspects(const struct failed_run *run);

/* It waits, with a copy of its text. */
void preemption_add(struct preemption *preemption, const struct failed_run *run,
                    int64_t now_us);
/* The next failure that has waited long enough, or any; its text is valid until the
 * next call. False: none. */
bool preemption_take(struct preemption *preemption, bool any, int64_t now_us,
                     struct failed_run *ret_run);
/* When preemption_take has one; NEVER_US: there is none. */
int64_t preemption_deadline(const struct preemption *preemption);

#endif
