/* SPDX-License-Identifier: MIT */
/* What the slots of every mode stand on: the poller, the links to those who start
 * processes, the relays, the way events go out. Owned by program.c. */
#ifndef FANFOLD_WORKER_STAGE_H
#define FANFOLD_WORKER_STAGE_H

#include "worker/alarms.h"
#include "worker/keeper_link.h"
#include "worker/oom.h"
#include "worker/program.h"
#include "worker/relay.h"
#include "worker/rest.h"

/* What a poller's event is about; the slot is in the lower half of its data. */
enum tag {
    TAG_KEEPER,
    TAG_ZYGOTE,
    TAG_WAKE,
    TAG_STDERR, /* a slot's */
    TAG_DRAIN,  /* our stderr takes text again */
    TAG_INPUT,  /* exec, lasting: the slot's program takes bytes */
    TAG_OUTPUT, /* exec, lasting: it gives some, or has closed */
    TAG_BELL,   /* plugin: the slot has results */
    TAG_LOOK,   /* plugin: it is time to look after results */
    TAG_REST,   /* it is time to try again what could not be started */
    TAG_LIMIT,  /* a task has run for too long */
};

enum { STAGE_GRACE_US = 1000000 }; /* from SIGTERM to SIGKILL */

struct stage {
    struct program_events events;
    uint32_t slots;
    int poller;
    int wake;    /* eventfd: a slot has something to tell in the next program_handle */
    int starter; /* the link to whom starts the slots' processes: keeper, zygote */
    struct relay **relays;
    struct stderr_queue *queue;
    struct oom_watch oom;
    struct alarms limits; /* when a slot's task has run for too long */
    struct rest rest;
    uint64_t max_result;
    uint64_t memory_bytes; /* that a slot may use; 0: no limit */
    uint64_t *used_bytes;  /* by each slot whose last process used more, else 0 */
    bool broken;
};

void stage_watch(struct stage *stage, int fd, enum tag tag, uint32_t slot,
                 uint32_t events);
void stage_wake(struct stage *stage);
/* Tells once that nothing can be started any more. */
void stage_break(struct stage *stage, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Asks the starter to kill what the slot runs. */
void stage_kill(struct stage *stage, uint32_t slot);
/* Asks it nicely. */
void stage_terminate(struct stage *stage, uint32_t slot);
/* Tells that the slot's task ran longer than it may; with the tail of its stderr. */
void stage_tell_timeout(struct stage *stage, uint32_t slot,
                        const struct program_task *task, uint64_t run_us);
/* Where the slot's last process was killed because the slot used too much memory, tells
 * that of the task and returns true. To be asked before stage_judge. */
bool stage_tell_memory(struct stage *stage, uint32_t slot,
                       const struct program_task *task, uint64_t run_us);
/* An errno of starting a process that is not the task's fault: this host lacks
 * something, which may be there again soon. */
bool stage_lacks(int error);
/* What a process's end means that we did not bring about. */
enum failure stage_judge(struct stage *stage, int wait_status, uint32_t *ret_code);

#endif
