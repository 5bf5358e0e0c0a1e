/* SPDX-License-Identifier: MIT */
/* Whoever started the worker on this host holds the other end of its standard input: by
 * a byte it tells the worker to leave. Where nobody holds it any more, the way to the
 * run is gone too, or will be, and nothing may be left here in a few seconds. */
#ifndef FANFOLD_WORKER_LEASH_H
#define FANFOLD_WORKER_LEASH_H

#include <stdbool.h>
#include <stdint.h>

struct leash {
    bool held;
    int64_t end_us; /* it was let go: the worker ends then; NEVER_US: it was not */
};

enum leash_word {
    LEASH_QUIET,
    LEASH_LEAVE, /* finish what runs */
    LEASH_HURRY, /* hand back what runs, at once */
    LEASH_END,   /* time is over */
};

void leash_init(struct leash *leash, bool held);
/* What is to be done now. Does not block. */
enum leash_word leash_read(struct leash *leash, int64_t now_us);

#endif
