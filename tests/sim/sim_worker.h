/* SPDX-License-Identifier: MIT */
/* The worker's loop and the program in its slots, around the real session core. */
#ifndef FANFOLD_SIM_WORKER_H
#define FANFOLD_SIM_WORKER_H

#include "letter.h"
#include "mix.h"
#include "process.h"
#include "worker/session.h"

/* What the loop keeps of a task: the chunk, then the result. */
struct cargo {
    struct sim_worker *owner;
    struct payload payload;
    uint8_t mark[4];
    uint64_t epoch; /* in which it was given */
    bool dropped, sent;
};

/* A task in a slot. */
struct run {
    struct run *next, *older; /* in the slot; of all that began at this worker */
    struct slot *slot;
    struct cargo *cargo;
    uint64_t seq;
    uint32_t attempt;
    int64_t began_us; /* 0: it has not */
    bool killed, disturbed;
    enum { RUN_WELL, RUN_FAILED, RUN_CRASHED } end;
};

struct slot {
    struct sim_worker *worker;
    uint32_t number;
    bool ready, replacing;
    struct run *runs; /* the first runs */
};

struct sim_worker {
    struct process process;
    struct session *core;
    struct id uuid;
    uint32_t slot_count;
    struct slot slots[SLOTS_PER_WORKER_MAX];
    struct run *latest; /* that began */
    uint32_t live_cargo;
    bool monitor, welcomed;
    int64_t disturbed_us;
    struct ledger_entry *stale_ledger;
    uint32_t stale_count;
};

void sim_worker_start(struct world *world, enum name name);
/* Something keeps the ventilator from hearing it: what runs may count as lost. */
void sim_worker_disturb(struct process *process);

#endif
