/* SPDX-License-Identifier: MIT */
/* The phases of the sink's session and of its epoch. Pure. */
#ifndef FANFOLD_SINK_SESSION_PHASE_H
#define FANFOLD_SINK_SESSION_PHASE_H

#include <stdbool.h>

/*
 * RUNNING    results are taken
 * COMPLETING END counts the tasks: results are taken until all are written
 * STOPPING   the ventilator stopped the run: what was given out is still written
 * SAVING     all is written, and is being committed as the complete run
 * FAILING    the sink gave up: it waits for the last commit, and for no write
 * FINISHED   all that can be safe is safe: FINISHED is said
 * LEFT       the session is over
 */
#define SINK_PHASES(X) \
    X(RUNNING) X(COMPLETING) X(STOPPING) X(SAVING) X(FAILING) X(FINISHED) X(LEFT)

enum sink_phase {
#define X(name) SINK_PHASE_##name,
    SINK_PHASES(X)
#undef X
};

/* Aborts where `next` may not follow the phase. */
void sink_phase_set(enum sink_phase *phase, enum sink_phase next);
const char *sink_phase_name(enum sink_phase phase);

/* Results of the epoch are taken. */
bool sink_phase_takes(enum sink_phase phase);
/* No epoch begins any more, and no commit is made for its time alone. */
bool sink_phase_is_closing(enum sink_phase phase);
/* All that can be safe is. */
bool sink_phase_is_finished(enum sink_phase phase);

enum sink_epoch_phase {
    SINK_EPOCH_UNKNOWN, /* no WELCOME has said yet how results are to be written */
    SINK_EPOCH_OPENING, /* WELCOME came; BEGIN waits until the journal has the epoch */
    SINK_EPOCH_OPEN,    /* BEGIN was said */
};

void sink_epoch_phase_set(enum sink_epoch_phase *phase, enum sink_epoch_phase next);

#endif
