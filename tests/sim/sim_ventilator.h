/* SPDX-License-Identifier: MIT */
/* The ventilator's loop and source, around the real dispatch core. Each life cuts the
 * input into chunks of another size. */
#ifndef FANFOLD_SIM_VENTILATOR_H
#define FANFOLD_SIM_VENTILATOR_H

#include "letter.h"
#include "mix.h"
#include "process.h"
#include "ventilator/dispatch.h"

enum { RECORD_BYTES = 1000 };

struct cargo;

/* What really happened to a chunk's attempts: they failed, or may have been lost; and
 * to a record when it was alone in an attempt. */
struct fate {
    uint32_t failed;
    const struct cargo *lost; /* the first of those that may have been */
    uint32_t lost_alone[CHUNK_RECORDS_MAX];
};

struct sim_ventilator {
    struct process process;
    struct dispatch *core;
    struct id uid;
    struct payload *chunks; /* by seq; end 0: not cut */
    bool *discarded, *given, *told;
    struct fate *fates;
    int64_t *stray_us;     /* since when a task seems to be on nobody's books; 0: not */
    int64_t failed_tasks;  /* the most that a sink said, as it may halt the run */
    uint64_t kept_bytes;   /* of chunks that are cut and not discarded */
    uint64_t block_bytes;  /* as the core says; 0: it does not */
    uint64_t longest_done; /* bytes of a chunk that a worker said was done */
    uint32_t chunk_records, offset, most_slots;
    bool started, input_ended, input_failed;
    bool knows_header;
    bool drains;    /* it was interrupted */
    bool hurried;   /* and a second time */
    bool finishing; /* it has said GOODBYE or STOP */
    uint32_t owes;  /* STOP to this peer, which came after the end; 0: nobody */
    bool again;     /* the core has news that it has not ticked for */
    int64_t next_cut_us;
};

/* Bytes that ventilator and sink may each keep in memory. */
uint64_t sim_buffer_bytes(const struct mix *mix);
void sim_ventilator_start(struct world *world);
/* The fate of the chunk that a worker has; it may be of a ventilator that is gone. */
struct fate *sim_ventilator_fate(const struct payload *payload);

#endif
