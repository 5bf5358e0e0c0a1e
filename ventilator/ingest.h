/* SPDX-License-Identifier: MIT */
/* Cuts the input for dispatch, as much as it wants, and puts the chunks into the chunk
 * store. A failure of the input ends the run, after the chunks that came before it. */
#ifndef FANFOLD_VENTILATOR_INGEST_H
#define FANFOLD_VENTILATOR_INGEST_H

#include "ventilator/chunk_store.h"
#include "ventilator/report/committed_line.h"
#include "ventilator/report/csv_look.h"
#include "ventilator/scheduler/dispatch.h"

enum ingest_state {
    INGEST_CLOSED, /* do not read it: not yet, or not any more */
    INGEST_READY,
    INGEST_WAITS, /* until source_fd is readable */
};

struct ingest {
    struct source *source; /* these three borrowed */
    struct chunk_store *chunk_store;
    struct dispatch *dispatch;
    enum ingest_state state;
    uint64_t done_bytes; /* of chunks that were discarded */

    int64_t timeout_us; /* so long a stream's records wait for a chunk to be full; 0:
                           for ever */
    int64_t eager_us;   /* so long, if a slot is free for them; 0: no less */
    bool at_once;       /* nothing, if a slot is free for them */
    int64_t pending_us; /* since when there are some; 0: there are none */
    bool overdue;       /* they waited so long, and none is whole */
    bool header_told;
    struct committed committed; /* so far, what an earlier program did too */
    struct csv_look look;       /* at the first chunks */
};

/* Begins where dispatch says. */
void ingest_start(struct ingest *ingest, int64_t now_us);
/* Cuts some of what dispatch wants; the loop comes round for the rest. */
void ingest_cut(struct ingest *ingest, int64_t now_us);
/* When ingest_cut must be called at the latest, if dispatch wants anything. */
int64_t ingest_deadline(const struct ingest *ingest);
/* No more is read but what has come, where the input is such; false: it is not. */
bool ingest_drain(struct ingest *ingest);
/* The chunk is committed, and all before it: tells the source, drops it, and counts its
 * bytes as done. */
void ingest_discard(struct ingest *ingest, uint64_t seq);
/* The sink has finished, and so all chunks are committed: what ingest_discard does. */
void ingest_discard_all(struct ingest *ingest);
/* A chunk cannot be read again: ends the run at once, with source_error. */
void ingest_fail(struct ingest *ingest, int64_t now_us);

#endif
