/* SPDX-License-Identifier: MIT */
/* Who writes into a spool, by ids of their own, and the highest number that the spool
 * holds of each. Pure. */
#ifndef FANFOLD_COMMON_SPOOL_PRODUCERS_H
#define FANFOLD_COMMON_SPOOL_PRODUCERS_H

#include "common/slice.h"
#include <stddef.h>
#include <stdint.h>

enum { PRODUCER_ID_MAX = 64, PRODUCERS_MAX = 4096 };

struct producer {
    uint8_t id_size; /* >= 1 */
    uint8_t id[PRODUCER_ID_MAX];
    uint64_t highest; /* appended; 0: nothing yet */
    uint64_t synced;  /* of these, on the disk */
};

struct producers {
    struct producer *items; /* by id */
    size_t count, capacity;
};

void producers_deinit(struct producers *producers);
/* NULL: nothing is known of it. Borrowed until the next one is added. */
struct producer *producers_find(const struct producers *producers, struct slice id);
/* The same, and adds it if it is new. NULL: there are PRODUCERS_MAX already, or the id
 * is empty or too long. */
struct producer *producers_add(struct producers *producers, struct slice id);
/* All that was appended is on the disk. */
void producers_on_synced(struct producers *producers);

#endif
