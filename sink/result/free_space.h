/* SPDX-License-Identifier: MIT */
/*
 * Which ranges of a file are free. What is taken lies as near to the file's beginning
 * as it fits; what is given back joins its free neighbours. Each call costs what the
 * logarithm of the number of gaps does. Pure.
 */
#ifndef FANFOLD_SINK_RESULT_FREE_SPACE_H
#define FANFOLD_SINK_RESULT_FREE_SPACE_H

#include <stddef.h>
#include <stdint.h>

struct gap;

struct free_space {
    struct gap *gaps; /* a tree */
    uint64_t end;     /* everything from here on is free, and no gap touches it */
    uint64_t state;   /* of the random numbers that keep the tree flat */
};

void free_space_init(struct free_space *space);
void free_space_deinit(struct free_space *space);
/* Takes `size` bytes, at least 1; returns where. */
uint64_t free_space_take(struct free_space *space, uint64_t size);
/* Gives back bytes that were taken, in one piece or in parts. */
void free_space_give(struct free_space *space, uint64_t offset, uint64_t size);

#endif
