/* SPDX-License-Identifier: MIT */
/*
 * A tournament: seats numbered from 0, each with a key or empty, and who has the lowest
 * one. A key changes in the logarithm of the number of seats, and mostly in less: the
 * matches above one that ends as before are not played again. Pure.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_TOURNAMENT_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_TOURNAMENT_H

#include <stdint.h>

#define TOURNAMENT_EMPTY UINT64_MAX /* the key of an empty seat */

enum { TOURNAMENT_NOBODY = -1 };

struct tournament_seat {
    uint64_t key;
    uint32_t tie; /* of equal keys, the one with the lower tie wins */
};

struct tournament {
    struct tournament_seat *seats;
    uint32_t *winners; /* seats: of match 1, the last one; 2i and 2i + 1 lead to i */
    uint32_t capacity; /* seats; a power of two */
};

void tournament_init(struct tournament *tournament);
void tournament_deinit(struct tournament *tournament);

/* Seats are made as they are named. */
void tournament_set(struct tournament *tournament, uint32_t seat, uint64_t key,
                    uint32_t tie);
/* The seat with the lowest key; TOURNAMENT_NOBODY: all are empty. */
int64_t tournament_best(const struct tournament *tournament);
/* The same, as if `seat` were empty. */
int64_t tournament_best_but(const struct tournament *tournament, uint32_t seat);

/* The key that a seat has in somebody's eyes: never lower than its own;
 * TOURNAMENT_EMPTY: it does not count. */
typedef uint64_t tournament_judge(const void *context, uint32_t seat);

/* The seat with the lowest key in those eyes, below `below`. Asks for no more seats
 * than have a key of their own below that of the one that is found. */
int64_t tournament_search(const struct tournament *tournament, uint64_t below,
                          tournament_judge *judge, const void *context);

#endif
