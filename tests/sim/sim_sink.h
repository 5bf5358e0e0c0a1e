/* SPDX-License-Identifier: MIT */
/* The sink's loop, its output and its journal, around the real session and reorder
 * cores. */
#ifndef FANFOLD_SIM_SINK_H
#define FANFOLD_SIM_SINK_H

#include "letter.h"
#include "mix.h"
#include "process.h"
#include "sink/session.h"

/* A result, from PULL until it is written or dropped. */
struct piece {
    struct piece *next;
    struct sim_sink *owner;
    struct payload payload;
    uint64_t seq;
    uint32_t written; /* records of it */
    bool dropped;
};

struct sim_sink {
    struct process process;
    struct sink_session *core;
    struct id incarnation;
    struct piece *writing, **last_writing;
    uint32_t whole;    /* records in the output up to the last whole chunk */
    uint32_t given;    /* the record where what was given to the output ends */
    uint32_t pieces;   /* that the core or the writer has */
    bool had[RECORDS]; /* seqs that the core took, in this epoch */
    uint64_t had_epoch;
    bool writable_due, output_failed, parted, told; /* told: FINISHED was said */
    bool ending; /* the run was stopped: results are not wanted any more */
};

void sim_sink_start(struct world *world);

#endif
