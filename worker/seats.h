/* SPDX-License-Identifier: MIT */
/*
 * The worker's slots as the session sees them: which are ready, and how many tasks each
 * was given. Short tasks are given several at once, so that no slot waits for a round
 * trip to the next. Pure.
 */
#ifndef FANFOLD_WORKER_SEATS_H
#define FANFOLD_WORKER_SEATS_H

#include <stdbool.h>
#include <stdint.h>

struct seat {
    bool ready;
    uint32_t doomed; /* kills that were decided and not carried out yet */
    uint32_t given;  /* tasks */
};

struct seats {
    struct seat *list;
    uint32_t count;
    uint32_t depth;  /* the most that a slot is given */
    uint64_t run_us; /* running mean of the tasks' run time; valid once finished > 0 */
    uint64_t finished; /* tasks that ended well */
};

/* All are ready. */
void seats_init(struct seats *seats, uint32_t count, uint32_t depth);
void seats_deinit(struct seats *seats);

/* Gives one more task to the slot that has the fewest; false: none has room. */
bool seats_take(struct seats *seats, uint32_t *ret_slot);
/* A task has left the slot, however. */
void seats_give_back(struct seats *seats, uint32_t slot);
bool seats_ready(const struct seats *seats, uint32_t slot);
/* A slot that is still to be killed does not get ready: that was its last life. */
void seats_set_ready(struct seats *seats, uint32_t slot, bool ready);
/* The slot is to be killed, and in the end was told so: once for each. It is not ready
 * from then on, until it says that it is. */
void seats_doom(struct seats *seats, uint32_t slot);
void seats_killed(struct seats *seats, uint32_t slot);
/* A task ended well after this time. */
void seats_measure(struct seats *seats, uint64_t run_us);

#endif
