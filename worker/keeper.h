/* SPDX-License-Identifier: MIT */
/*
 * The keeper: the process under which all user code runs. It starts processes on
 * request, one process group a slot, and reports how they ended. When the worker goes,
 * whatever the cause, it kills every descendant and exits.
 *
 * keeper_serve is its loop, and the zygote's as well. Neither opens a socket or starts
 * a thread.
 */
#ifndef FANFOLD_WORKER_KEEPER_H
#define FANFOLD_WORKER_KEEPER_H

#include "worker/keeper_link.h"
#include <stdbool.h>
#include <sys/types.h>

struct keeper_service {
    int link;
    uint32_t slots;
    pid_t zygote; /* whose end is reported as that of slot number `slots`; 0: none */
    uint64_t memory_bytes; /* that a slot may use, else it is killed; 0: no limit */
    bool deputed;          /* the slots are the zygote's, for as long as it lives */
    /* Starts a process as leader of a group of its own; the descriptors stay the
     * keeper's. Its pid, or -errno. */
    pid_t (*start)(void *context, const struct request *request, const int *fds,
                   unsigned count);
    void *context;
    const char *why; /* what the last `start` that failed says besides; NULL: nothing */
};

/* Deaf to the terminal's signals, a name for ps, stdin and stdout at /dev/null. */
void keeper_settle_in(const char *name);

/* Serves until the worker goes (false) or asks to finish (true). Then the slots are
 * killed, and the zygote too, unless it is to finish. */
bool keeper_serve(const struct keeper_service *service);

/* In a child that is about to run user code: signals as a program expects them. */
void keeper_reset_signals(void);

#endif
