/* SPDX-License-Identifier: MIT */
/*
 * The things that all ways of running a program (runner.h) share: the poller, the link
 * to the process that starts others, the relays of stderr, the way events go out.
 * program.c owns it.
 */
#ifndef FANFOLD_WORKER_PROGRAM_RUNNER_CONTEXT_H
#define FANFOLD_WORKER_PROGRAM_RUNNER_CONTEXT_H

#include "common/loan/lender.h"
#include "common/process/oom.h"
#include "worker/program/program_config.h"
#include "worker/program/program_task.h"
#include "worker/program/slot_timers.h"
#include "worker/program/spawn_backoff.h"
#include "worker/program/start_costs.h"
#include "worker/program/stderr_relay.h"
#include "worker/supervisor/spawn_link.h"

/* The source of a poller's event; the slot is in the lower half of its data. */
enum tag {
    TAG_SUPERVISOR,
    TAG_ZYGOTE,
    TAG_WAKE,
    TAG_STDERR,  /* a slot's */
    TAG_DRAIN,   /* our stderr takes text again */
    TAG_INPUT,   /* the slot's program takes bytes */
    TAG_OUTPUT,  /* the slot's program gives some, or has closed its end */
    TAG_LOOK,    /* the runner's own timer */
    TAG_BACKOFF, /* a slot may try again to start a process */
    TAG_LIMIT,   /* a slot's time has come */
    TAG_UNREAD,  /* nobody may have read our stderr for long */
};

enum {
    RUNNER_GRACE_US = 1000000, /* from SIGTERM to SIGKILL */
    RUNNER_DESCRIPTORS = 6,    /* of the context, beside the slots' */
};

struct runner_context {
    struct program_events events;
    uint32_t slots;
    int32_t settlings; /* that were asked for */
    uint32_t occupied; /* slots for whose processes slot_life.c has seen no end */
    int poller;
    int wake;    /* eventfd: a slot has something to report in the next turn */
    int starter; /* the link to the process that starts the slots': supervisor,
                  * zygote */
    struct stderr_relay **relays;
    struct stderr_queue *queue;
    struct slot_timers unread; /* the queue's deadline, as the time of a slot 0 */
    int64_t unread_us;         /* the same; 0: none */
    bool held;                 /* the relays' descriptors are not watched */
    uint32_t turn;             /* the slot whose lines come first, after a hold */
    struct oom_watch oom;
    struct slot_timers limits; /* a time a slot, mostly its task's limit */
    struct spawn_backoff backoff;
    struct start_costs starts; /* of a process a task */
    uint64_t max_result;
    struct lender *lender;
    bool lends;            /* long results are lent */
    uint64_t memory_bytes; /* that a slot may use; 0: no limit */
    uint64_t *used_bytes;  /* by each slot whose last process used more, else 0 */
    int *wanted;           /* SIGTTIN or SIGTTOU: each slot's last process wanted the
                              terminal, and was killed for that; else 0 */
    bool unforked;         /* nobody forks slots any more, and the worker leaves */
    bool broken;
    bool ending; /* nothing is reported any more, nothing is started */
};

/* Without descriptors; runner_context_deinit is due from here on. */
void runner_context_init(struct runner_context *context,
                         const struct program_events *events, uint32_t slots,
                         uint64_t memory_bytes);
/* Makes the poller and the timers. Loans may have `spare` descriptors. 0, or -errno. */
int runner_context_open(struct runner_context *context, uint64_t spare);
/* Relays the slots' stderr; takes each descriptor that is not -1. */
void runner_context_relay(struct runner_context *context, const int *errors);
/* Writes to our stderr what goes now, and lets the programs wait, or go on, as the
 * queue wants it. */
void runner_context_settle_stderr(struct runner_context *context, int64_t now_us);
/* All processes were stopped for so long. */
void runner_context_shift(struct runner_context *context, int64_t by_us);
/* The context's own descriptors, which child processes have no use for; -1: not
 * open. */
void runner_context_descriptors(const struct runner_context *context,
                                int ret_fds[RUNNER_DESCRIPTORS]);
/* Passes on what is left on the slots' stderr. */
void runner_context_deinit(struct runner_context *context);

void runner_context_watch(struct runner_context *context, int fd, enum tag tag,
                          uint32_t slot, uint32_t events);
/* The runner settles in the next turn of the loop. */
void runner_context_wake(struct runner_context *context);
/* Reports, once, that nothing can be started any more. */
void runner_context_break(struct runner_context *context, int status,
                          const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Asks the starter for a process; the descriptors stay the caller's. 0, or -errno. */
int runner_context_start(struct runner_context *context, struct request *request,
                         const int *fds, unsigned count);
/* Asks the starter to kill the slot's process group. */
void runner_context_kill(struct runner_context *context, uint32_t slot);
/* Asks the starter to see to the end of what is left in it, and of those that have
 * `output` open (the descriptor of a pipe; -1: nobody has). The token that the answer
 * bears, which is never 0 (REQUEST_SETTLE). */
int32_t runner_context_settle(struct runner_context *context, uint32_t slot,
                              int output);
/* Asks the starter to send it SIGTERM. */
void runner_context_terminate(struct runner_context *context, uint32_t slot);
/* An errno of starting a process that is not the task's fault: this host lacks
 * something, which may be there again soon. */
bool runner_context_lacks(int error);
/* The cause of a failure, from the wait status of a process whose end we did not bring
 * about. */
enum failure runner_context_judge(struct runner_context *context, int wait_status,
                                  uint32_t *ret_code);
/* The process ended by a signal that the worker has as well: whoever sent it to both
 * wants both to leave. */
bool runner_context_ended_with_us(struct runner_context *context, int wait_status);

#endif
