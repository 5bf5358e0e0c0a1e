/* SPDX-License-Identifier: MIT */
/*
 * One of the processes that the supervisor has started: a slot's program with its
 * group, or the zygote. How it is signalled, how it ends or stands still, and what the
 * worker is told of that. The supervisor's loop decides when.
 */
#ifndef FANFOLD_WORKER_SUPERVISOR_CHILD_H
#define FANFOLD_WORKER_SUPERVISOR_CHILD_H

#include "worker/supervisor/slots/settling.h"
#include "worker/supervisor/slots/slot_group.h"
#include "worker/supervisor/slots/stops.h"
#include "worker/supervisor/spawn_link.h"

struct child {
    pid_t pid; /* 0: none runs */
    struct slot_group group;
    bool rest;   /* the last one has ended well, and left others in the group */
    bool doomed; /* it was told to end: all that it started goes with it */
    struct settling settling;
    int32_t settle_token;  /* of the last request */
    bool unsent;           /* the report waits for room */
    enum report_kind kind; /* of the last report, as is value */
    int32_t value;
    uint64_t memory_bytes; /* that it was killed for; 0: it was not */
    int wanted;            /* SIGTTIN or SIGTTOU, if it was killed for that; else 0 */
    struct stop stop;
    bool told; /* somebody sent SIGTERM to all while it ran, and it may catch that */
};

/* The next program is about to start. */
void child_begin(struct child *child);
/* The index of the one with this pid; `count`: none has it. */
uint32_t child_find(const struct child *children, uint32_t count, pid_t pid);

/* Signals each process of the group once: a handler may count. */
void child_signal(const struct child *child, int number);

/* REQUEST_SETTLE. */
void child_settle(struct child *child, const struct request *request);
/* What it left is still waited for. */
bool child_settles(struct child *child, struct settling_log *log, uint32_t slot,
                   int64_t now_us);

/* Sends the last report, or keeps it as unsent where the link has no room. `why`: it
 * could not start; NULL: nobody knows more. */
void child_report(struct child *child, uint32_t slot, int link, const char *why);

/* Reports the slots that stand still since a while. *look_us is when it looks through
 * all processes, which takes long beside a short program: not before one has run for
 * STOPS_LOOK_MS without a moment in which none did; 0: none runs. Returns when to call
 * it again; NEVER_US: not before one runs. */
int64_t child_report_stops(struct child *children, uint32_t slots, int link,
                           int64_t *look_us, int64_t now_us);

#endif
