/* SPDX-License-Identifier: MIT */
/*
 * The worker's slots as the session sees them: which are ready, and how many tasks each
 * has. A slot gets several short tasks at once, so that it does not wait for a round
 * trip after each. Pure.
 */
#ifndef FANFOLD_WORKER_SESSION_SLOT_TABLE_H
#define FANFOLD_WORKER_SESSION_SLOT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct slot_state {
    bool ready;
    /* kills that the session has decided on, and the loop has yet to do */
    uint32_t doomed;
    uint32_t given; /* tasks that it has */
    uint64_t moved; /* table's `left`, when a task last left it, or it got its first */
};

struct slot_table {
    struct slot_state *list;
    uint32_t count;
    uint32_t depth;  /* the most tasks that a slot gets */
    uint64_t run_us; /* running mean of the tasks' run time; valid once finished > 0 */
    uint64_t finished; /* tasks that ended well */
    uint64_t left;     /* tasks that have left a slot */
};

/* All are ready. */
void slot_table_init(struct slot_table *slot_table, uint32_t count, uint32_t depth);
void slot_table_deinit(struct slot_table *slot_table);

/* The ready slot with the fewest tasks gets one more; false: none has room. A task is
 * queued behind others only where the last one ended: a slot that stands still while
 * others work on may have a long task, for which short ones are not to wait. */
bool slot_table_take(struct slot_table *slot_table, uint32_t *ret_slot);
/* A task has left the slot, by whatever end. */
void slot_table_give_back(struct slot_table *slot_table, uint32_t slot);
bool slot_table_ready(const struct slot_table *slot_table, uint32_t slot);
/* A doomed slot does not become ready: the report is of the process that dies. */
void slot_table_set_ready(struct slot_table *slot_table, uint32_t slot, bool ready);
/* The session decides to kill the slot, and later the loop does so: one call each. The
 * slot is not ready from the first on, until slot_table_set_ready says so. */
void slot_table_doom(struct slot_table *slot_table, uint32_t slot);
void slot_table_killed(struct slot_table *slot_table, uint32_t slot);
/* A task ended well after this time. */
void slot_table_measure(struct slot_table *slot_table, uint64_t run_us);

#endif
