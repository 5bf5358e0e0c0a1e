/* SPDX-License-Identifier: MIT */
/* The only source of chance in a run: xoshiro256**, seeded by splitmix64. No float and
 * no libm, so that a seed means the same everywhere. */
#ifndef FANFOLD_TESTS_SIM_WORLD_RANDOM_H
#define FANFOLD_TESTS_SIM_WORLD_RANDOM_H

#include "common/protocol/message.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state[4];
};

void random_seed(struct random *random, uint64_t seed);
uint64_t random_next(struct random *random);
/* 0 .. below - 1; `below` is at least 1. */
uint64_t random_below(struct random *random, uint64_t below);
/* low .. high, both included. */
int64_t random_between(struct random *random, int64_t low, int64_t high);
bool random_chance(struct random *random, int64_t per_mille);
/* A waiting time with a long tail, `mean` in the middle. */
int64_t random_gap(struct random *random, int64_t mean);
struct id random_id(struct random *random);

/* One of the numbers that follow. */
#define RANDOM_PICK(random, ...)                    \
    (((const int64_t[]){__VA_ARGS__})[random_below( \
        (random), sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))])

#endif
