/* SPDX-License-Identifier: MIT */
/* Cuts the input for dispatch, as much as it wants, and keeps the chunks. What goes
 * wrong with the input ends the run. */
#ifndef FANFOLD_VENTILATOR_FEED_H
#define FANFOLD_VENTILATOR_FEED_H

#include "ventilator/dispatch.h"
#include "ventilator/store.h"

enum feed_state {
    FEED_CLOSED, /* not to be read yet, or not any more */
    FEED_READY,
    FEED_WAITS, /* for source_fd to be readable */
};

struct feed {
    struct source *source; /* these three borrowed */
    struct store *store;
    struct dispatch *dispatch;
    enum feed_state state;
    uint64_t done_bytes; /* of chunks that were discarded */
};

/* dispatch says where to begin. */
void feed_start(struct feed *feed, int64_t now_us);
/* Some of what dispatch wants; the loop goes on in between. */
void feed_cut(struct feed *feed, int64_t now_us);
/* A chunk is on nobody's books any more. */
void feed_discard(struct feed *feed, uint64_t seq);
/* The source has failed: the run ends with source_error. */
void feed_fail(struct feed *feed, int64_t now_us);

#endif
