/* SPDX-License-Identifier: MIT */
/* The worker's loop and the program in its slots, around the real session and isolation
 * cores. */
#ifndef FANFOLD_TESTS_SIM_SIM_WORKER_H
#define FANFOLD_TESTS_SIM_SIM_WORKER_H

#include "worker/session/session.h"
#include "worker/task/record_bisect.h"
#include "world/disk.h"
#include "world/packet.h"
#include "world/process.h"
#include "world/scenario.h"
#include <sys/queue.h>

/* What the loop keeps of a task: the chunk, then the result. */
struct cargo {
    struct sim_worker *owner;
    LIST_ENTRY(cargo) of_owner;    /* while the session has it */
    struct cargo *older;           /* of all that this worker announced */
    const struct cargo *next_lost; /* of its chunk; valid while disturbed */
    struct payload payload;
    uint8_t mark[MARK_BYTES];
    size_t mark_size;
    uint32_t limit_ms;
    uint64_t epoch;                  /* in which it was given */
    struct record_bisect *isolation; /* NULL: a plain task */
    /* the record that is alone in it, from 0; more than there are: none */
    uint32_t lone;
    uint32_t tries;
    bool probe;
    bool by_reference;
    int64_t announced_us; /* as one that runs; 0: not yet */
    int64_t began_us;     /* 0: nothing of it has */
    int64_t ended_us;     /* 0: it has not; it may never have begun */
    uint64_t run_us;      /* of its parts */
    enum failure cause;   /* why it failed */
    bool disturbed;       /* counted as lost, perhaps */
    bool dropped;
};

/* A task, or a part of one, in a slot: the records [first, end). */
struct run {
    struct run *next; /* in the slot */
    struct slot *slot;
    struct cargo *cargo;
    uint64_t seq;
    uint32_t attempt, first, end;
    int64_t began_us; /* 0: it has not */
    bool killed;
    enum {
        RUN_WELL,
        RUN_FAILED,
        RUN_CRASHED,
        RUN_TIMED_OUT,
        RUN_KILLS,
        RUN_VOID
    } outcome;
};

struct slot {
    struct sim_worker *worker;
    uint32_t number;
    bool ready, replacing;
    bool gave;        /* its process has given results that are not proven, */
    uint64_t from;    /* from this seq on; valid where it has */
    bool shifted;     /* its process writes a line too many, which its end shows */
    struct run *runs; /* the first runs */
};

struct sim_worker {
    struct process process;
    struct session *core;
    struct id uuid;
    uint32_t slot_count;
    struct slot slots[SLOTS_PER_WORKER_MAX];
    struct cargo *latest;    /* that was announced */
    LIST_HEAD(, cargo) held; /* what the session has taken and not dropped */
    uint32_t held_count;
    bool monitor, welcomed;
    bool mute;      /* it takes tasks, and starts none */
    bool far;       /* no sink can open what it lends */
    bool alone;     /* it has left as there was no word from a ventilator */
    bool preempted; /* once it is told to leave, all that runs fails */
    bool extents;   /* it takes chunks by reference; if it is far, by a path */
    bool swallows;  /* its results never arrive, though its link is open */
    struct sim_worker *next_shifted;      /* in the world's list */
    bool wrote_shifted;                   /* it is in that list */
    const struct sim_ventilator *wronged; /* that cut the last such chunk */
    /* The last one that heard a DONE of it which is open, or a HELLO that calls a task
     * done; and that had a session of it as it told the sink of the end. */
    const struct sim_ventilator *opened_to, *ended_with;
    /* That was told, in this session, that a reference cannot be read. */
    const struct sim_ventilator *refused_to;
    uint64_t refused_in;
    const struct sim_ventilator *done_for; /* the last that heard it has done a chunk */
    bool opens;     /* it cannot see whether its programs are in step */
    bool draining;  /* its programs are to end, and it is to tell when they have */
    bool drain_due; /* that is scheduled */
    int64_t disturbed_us;
    int64_t told_us;      /* anything but a task */
    int64_t broke_off_us; /* when it last ended a run that had begun */
};

void sim_worker_start(struct world *world, uint32_t name);
/* It has an attempt at this chunk of this ventilator on its ledger. */
bool sim_worker_has(const struct sim_worker *w, uint64_t seq,
                    const struct sim_ventilator *cut_by);
/* Something keeps the ventilator from hearing it: what runs may count as lost. */
void sim_worker_disturb(struct process *process);

#endif
