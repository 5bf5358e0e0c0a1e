/* SPDX-License-Identifier: MIT */
/*
 * The supervisor: the process under which all user code runs. On request it starts
 * processes, one process group a slot, and it reports how they end. When the worker
 * goes, whatever the cause, it kills every descendant and exits.
 *
 * supervisor_serve is its loop, and that of the zygote and the fork server as well.
 * None of them opens a socket or starts a thread.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_SUPERVISOR_H
#define FANFOLD_WORKER_SUPERVISOR_SUPERVISOR_H

#include "worker/supervisor/spawn_link.h"
#include <stdbool.h>
#include <sys/types.h>

struct supervisor_service {
    int link;
    uint32_t slots;
    pid_t worker; /* the ancestor at the other end of the link */
    int keeper;   /* at its end when the process that must outlive this one is gone; 0:
                     none must */
    pid_t zygote; /* its end is reported as that of slot number `slots`; 0: none */
    uint64_t memory_bytes; /* a slot that uses more is killed; 0: no limit */
    bool zygote_has_slots; /* for as long as it lives */
    bool leads_groups;     /* `start` puts processes into the slot's group; otherwise
                              they lead groups of their own */
    bool marks_tasks;      /* the environment names the task (memory_watch.h) */
    /* Starts a process in this group; the descriptors stay the supervisor's. Its pid,
     * or -errno. */
    pid_t (*start)(void *context, const struct request *request, pid_t group,
                   const int *fds, unsigned count);
    void *context;
    const char *why; /* why the last `start` failed, beside the errno; NULL: it does not
                        say */
};

/* Serves until the worker goes (false) or asks to finish (true). Then kills the slots,
 * and where the worker is gone the zygote. */
bool supervisor_serve(const struct supervisor_service *service);

#endif
