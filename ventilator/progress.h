/* SPDX-License-Identifier: MIT */
/* What a person sees of a run: what it waits for, the line of progress, and the
 * summary. Decides when to speak; takes the time as an argument. */
#ifndef FANFOLD_VENTILATOR_PROGRESS_H
#define FANFOLD_VENTILATOR_PROGRESS_H

#include "ventilator/dispatch.h"

enum progress_waits {
    PROGRESS_WAITS_NOTHING,
    PROGRESS_WAITS_SINK,
    PROGRESS_WAITS_WORKERS,
    PROGRESS_WAITS_CHECK, /* what an earlier run has read is read again */
};

struct progress {
    const char *place; /* the ventilator's endpoint, borrowed */
    bool quiet;
    bool line;            /* draw it */
    uint32_t min_workers; /* for which is waited */
    enum progress_waits waits;
    bool said[PROGRESS_WAITS_CHECK + 1];
    int64_t waits_since_us; /* for what it waits now */
    int64_t draw_us;        /* the next time */
    int64_t began_us;       /* NEVER_US: not yet */
    uint64_t first;         /* seq with which this program began */
};

void progress_init(struct progress *progress, const char *place, bool quiet, bool line,
                   uint32_t min_workers, int64_t now_us);

/* Bytes of input. */
struct progress_bytes {
    uint64_t read;
    uint64_t done;  /* of chunks whose results are written */
    uint64_t total; /* 0: not known */
    bool checks;    /* see source_checks */
};

/* Speaks where there is something to say. Returns when it
 * must be called again at the latest. */
int64_t progress_tick(struct progress *progress, const struct dispatch *dispatch,
                      const struct progress_bytes *bytes, int64_t now_us);

/* Takes the line away and sums a run up that is complete. */
void progress_end(struct progress *progress, const struct dispatch *dispatch,
                  const struct progress_bytes *bytes, int64_t now_us);

#endif
