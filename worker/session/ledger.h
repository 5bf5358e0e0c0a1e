/* SPDX-License-Identifier: MIT */
/*
 * The worker's ledger: each task that the ventilator gave it, from TASK until FORGET,
 * with its state and the loop's cargo. Pure data; session_tasks.c decides what happens
 * to an entry.
 */
#ifndef FANFOLD_WORKER_SESSION_LEDGER_H
#define FANFOLD_WORKER_SESSION_LEDGER_H

#include "common/heap.h"
#include "common/protocol/message.h"
#include <uthash.h>

struct ledger_task {
    uint64_t seq;
    uint32_t attempt;
    uint32_t slot; /* valid while it runs */
    enum entry_state state;
    bool probe;         /* its result is not sent */
    bool careful;       /* it may take this worker down: a PING announces it first */
    uint32_t pongs_due; /* that it waits for before it starts; valid while it runs */
    uint64_t run_us;    /* valid once it is done */
    void *cargo;        /* the loop's */
    size_t queue_at;    /* its index in `queued`; valid while it is queued */
    UT_hash_handle hh;
};

struct ledger {
    struct ledger_task *tasks; /* by seq */
    struct heap queued;        /* those in that state, by seq */
    uint32_t count, running;
    struct ledger_entry *entries;   /* memory of ledger_list */
    struct attempt_entry *attempts; /* memory of ledger_list_running */
};

void ledger_init(struct ledger *ledger);
/* It must be empty. */
void ledger_deinit(struct ledger *ledger);

struct ledger_task *ledger_find(const struct ledger *ledger, uint64_t seq);
/* A new entry, queued; the seq must not be there. */
struct ledger_task *ledger_add(struct ledger *ledger, uint64_t seq, uint32_t attempt,
                               void *cargo);
void ledger_remove(struct ledger *ledger, struct ledger_task *task);

void ledger_set_state(struct ledger *ledger, struct ledger_task *task,
                      enum entry_state state);
/* The queued task with the lowest seq; NULL: none. */
struct ledger_task *ledger_first_queued(const struct ledger *ledger);
/* Any task; NULL: it is empty. */
struct ledger_task *ledger_any(const struct ledger *ledger);

/* As HELLO and PING carry it; valid until the next call. */
const struct ledger_entry *ledger_list(struct ledger *ledger, uint32_t *ret_count);
const struct attempt_entry *ledger_list_running(struct ledger *ledger,
                                                uint32_t *ret_count);

#endif
