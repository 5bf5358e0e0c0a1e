/* SPDX-License-Identifier: MIT */
/* Cuts the input for dispatch, as much as it wants, and keeps the chunks. What goes
 * wrong with the input ends the run, after what came before it. */
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

    int64_t timeout_us; /* a stream's records wait so long for a chunk to be full; 0:
                           for ever */
    int64_t pending_us; /* since when there are some; 0: there are none */
    bool overdue;       /* so long, and none of them was whole */
    bool header_told;
};

/* dispatch says where to begin. */
void feed_start(struct feed *feed, int64_t now_us);
/* Some of what dispatch wants; the loop goes on in between. */
void feed_cut(struct feed *feed, int64_t now_us);
/* When feed_cut is to be called at the latest, if dispatch wants anything; NEVER_US. */
int64_t feed_deadline(const struct feed *feed);
/* A chunk is on nobody's books any more. */
void feed_discard(struct feed *feed, uint64_t seq);
/* What was cut cannot be read again: the run ends at once, with source_error. */
void feed_fail(struct feed *feed, int64_t now_us);

#endif
