/* SPDX-License-Identifier: MIT */
/* The 128-bit random name of a run, a ventilator, a worker or an incarnation of a sink.
 * Pure; random_id.h makes one. */
#ifndef FANFOLD_COMMON_ID_H
#define FANFOLD_COMMON_ID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct id {
    uint8_t bytes[16];
};

static inline bool id_equal(const struct id *a, const struct id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

#endif
