/* SPDX-License-Identifier: MIT */
/* What a person sees of a run: for whom it waits, the line of progress, and the
 * summary. Decides when to speak; takes the time as an argument. */
#ifndef FANFOLD_VENTILATOR_REPORT_PROGRESS_H
#define FANFOLD_VENTILATOR_REPORT_PROGRESS_H

#include "common/waits.h"
#include "ventilator/report/lost_peers.h"

enum progress_waits {
    PROGRESS_WAITS_NOTHING,
    PROGRESS_WAITS_SINK,
    PROGRESS_WAITS_WORKERS,
    PROGRESS_WAITS_LINKS, /* workers are there, and none reaches the sink */
    PROGRESS_WAITS_CHECK, /* until the source has read again what the run has read */
    /* The rest is right in many runs, and only in the log. */
    PROGRESS_WAITS_INPUT,
    PROGRESS_WAITS_WORKER, /* that takes the chunk */
    PROGRESS_WAITS_RESULT, /* a worker has it; after long a person is told, too */
    PROGRESS_WAITS_HELD,   /* until the sink says that it holds it */
    PROGRESS_WAITS_OUTPUT, /* until the sink has written it */
};

struct progress {
    const char *endpoint; /* the ventilator's, borrowed */
    bool quiet;
    bool line;            /* draws the line of progress */
    uint32_t min_workers; /* before the first task */
    struct waits waits;
    struct lost_peers lost;
    struct waits late; /* for a result, longer than the others took */
    int64_t draw_us;   /* the next time */
    int64_t began_us;  /* NEVER_US: not yet */
    uint64_t first;    /* seq with which this program began */
    bool said_resumed; /* how much was done before that */
    bool block_auto;   /* the run chooses how long chunks are */

    /* For the hints at the end. */
    uint32_t slots;      /* the most that there were */
    int64_t looked_us;   /* when it looked last */
    uint32_t idle;       /* slots that waited for the output then */
    double slot_us;      /* time of all slots */
    double idle_slot_us; /* in which they waited for the output */
};

struct progress_config {
    const char *endpoint;
    bool quiet;
    bool line;
    bool block_auto;
    bool watched; /* somebody else says who is lost */
    uint32_t min_workers;
};

void progress_init(struct progress *progress, const struct progress_config *config,
                   int64_t now_us);

/* Bytes of input. */
struct progress_bytes {
    uint64_t read;
    uint64_t before; /* what an earlier run did; 0: nothing, or nobody knows */
    uint64_t done;   /* of chunks whose results are written */
    uint64_t total;  /* 0: not known */
    bool checks;     /* see source_checks */
    bool starved;    /* the input gives nothing now */
};

/* Speaks where there is something to say. Returns when it must be called again at the
 * latest. */
int64_t progress_tick(struct progress *progress, const struct dispatch *dispatch,
                      const struct progress_bytes *bytes, int64_t now_us);

/* Removes the line, sums up a run that is complete, and says what could make it faster.
 * Called once. */
void progress_end(struct progress *progress, const struct dispatch *dispatch,
                  const struct progress_bytes *bytes, int64_t now_us);

#endif
