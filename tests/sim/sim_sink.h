/* SPDX-License-Identifier: MIT */
/* The sink's loop, its output and its journal, around the real session and reorder
 * cores. */
#ifndef FANFOLD_TESTS_SIM_SIM_SINK_H
#define FANFOLD_TESTS_SIM_SIM_SINK_H

#include "sink/session/session.h"
#include "world/packet.h"
#include "world/process.h"
#include "world/scenario.h"
#include "world/speaker.h"

/* A result, or a SKIP, until it is written or dropped. */
struct piece {
    struct piece *next, *next_parked;
    struct sim_sink *owner;
    struct payload payload;
    uint64_t seq;
    bool skip;
    uint8_t bad;      /* by record from the chunk's first: a dead letter */
    uint32_t written; /* records of it that are dealt with */
    bool spilled;     /* the payload lies in the spill file */
    bool dropped, given;
};

struct sim_sink {
    struct process process;
    struct sink_session *core;
    struct id incarnation;
    struct piece *writing, **last_writing;
    uint32_t whole;        /* records in the output up to the last whole chunk */
    uint32_t dead_letters; /* likewise */
    uint32_t reached;      /* the record where what was dealt with ends */
    uint32_t given;        /* the record where what was given to the output ends */
    uint32_t pieces;       /* that the core or the writer has */
    uint64_t memory_bytes; /* of them */
    bool *had;             /* seqs that the core took, in this epoch */
    uint64_t had_epoch;
    bool part_full;       /* nothing more is written before the part is committed, */
    bool part_ordered;    /* as the core has said that it will be, */
    uint64_t part_ticket; /* by this commit; 0: it is not performed yet */
    uint64_t last_ticket; /* of the commit that waits for the receiver; 0: none does */
    struct speaker *speaker; /* for this sink, which waits; NULL: nobody */
    int64_t waits_us;        /* since when it waits */
    int64_t woke_us;         /* when it went on; 0: it never waited */
    bool knew;               /* it had heard its ventilator just before it waited */
    int64_t stood_us;        /* for so long it did, and the core does not know yet */
    bool writable_due, parted, told; /* told: FINISHED was said */
    bool welcomed;                   /* it knows how results are to be written */
    bool ended;                      /* nothing is written any more */
    bool complete;                   /* it left after a complete run */
    bool ending; /* the run was stopped: results are not wanted any more */
};

void sim_sink_start(struct world *world);
/* Its loop does nothing for some time, as a file system does not answer. */
void sim_sink_wait(struct process *process, int64_t length_us);

#endif
