/* SPDX-License-Identifier: MIT */
/* The ventilator's loop and source, around the real dispatch core. The input is RECORDS
 * records; each life cuts it into chunks of another size. */
#ifndef FANFOLD_SIM_VENTILATOR_H
#define FANFOLD_SIM_VENTILATOR_H

#include "letter.h"
#include "mix.h"
#include "process.h"
#include "ventilator/dispatch.h"

enum { RECORD_BYTES = 1000, CHUNK_RECORDS_MAX = 3 };

/* What really happened to a chunk's attempts. */
struct fate {
    uint32_t failed, lost;
};

struct sim_ventilator {
    struct process process;
    struct dispatch *core;
    struct id uid;
    struct payload chunks[RECORDS]; /* by seq; end 0: not cut */
    bool discarded[RECORDS];
    struct fate fates[RECORDS];
    uint64_t kept_bytes; /* of chunks that are cut and not discarded */
    uint32_t chunk_records, offset;
    bool started, input_ended, input_failed;
    bool finishing; /* it has said GOODBYE or STOP */
    bool again;     /* the core has news that it has not ticked for */
    int64_t next_cut_us;
};

void sim_ventilator_start(struct world *world);
/* The fate of the chunk that a worker has; it may be of a ventilator that is gone. */
struct fate *sim_ventilator_fate(const struct payload *payload);

#endif
