/* SPDX-License-Identifier: MIT */
/*
 * When a person is to be told for what a program waits. A role says at each turn for
 * what it waits now; a wait that has lasted is told, once, and another one again. Pure:
 * the sentence, and whether it is one for everybody or for the log, is the role's.
 */
#ifndef FANFOLD_COMMON_WAITS_H
#define FANFOLD_COMMON_WAITS_H

#include "common/clock.h"
#include <stdbool.h>

#define WAITS_US (10 * SECOND_US)

enum { WAITS_NOTHING = 0, WAITS_KINDS = 32 };

struct wait {
    unsigned kind;  /* the role's own, below WAITS_KINDS; WAITS_NOTHING: it does not */
    uint64_t which; /* of that kind, for instance a seq */
};

/* All zeros: nothing was waited for yet. */
struct waits {
    struct wait now;
    int64_t since_us; /* valid while it waits */
    bool told;
    uint32_t known; /* bits of the kinds that were told ever */
};

/* True: this wait is to be told now. It has lasted `first_us`; but WAITS_US at least,
 * if one of its kind was told before. Otherwise *due_us becomes the time to ask again,
 * unless it is sooner. */
bool waits_tick(struct waits *waits, struct wait now, int64_t first_us, int64_t now_us,
                int64_t *due_us);
/* For how many whole seconds it has waited. */
int waits_seconds(const struct waits *waits, int64_t now_us);

#endif
