/* SPDX-License-Identifier: MIT */
/* The sink's loop, its output and its journal, around the real session and reorder
 * cores. */
#ifndef FANFOLD_SIM_SINK_H
#define FANFOLD_SIM_SINK_H

#include "letter.h"
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
    uint32_t whole;  /* records in the output up to the last whole chunk */
    uint32_t pieces; /* that the core or the writer has */
    bool writable_due, output_failed, parted;
};

void sim_sink_start(struct world *world);

#endif
