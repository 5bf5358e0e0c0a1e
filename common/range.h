/* SPDX-License-Identifier: MIT */
/* A run of numbers: seqs, or records of a chunk. */
#ifndef FANFOLD_COMMON_RANGE_H
#define FANFOLD_COMMON_RANGE_H

#include <stdint.h>

/* [first, first + count) */
struct range {
    uint64_t first;
    uint64_t count;
};

#endif
