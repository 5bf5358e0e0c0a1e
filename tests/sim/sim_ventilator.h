/* SPDX-License-Identifier: MIT */
/* The ventilator's loop and source, around the real dispatch core. Each life cuts the
 * input into chunks of another size. */
#ifndef FANFOLD_TESTS_SIM_SIM_VENTILATOR_H
#define FANFOLD_TESTS_SIM_SIM_VENTILATOR_H

#include "ventilator/scheduler/dispatch.h"
#include "world/packet.h"
#include "world/process.h"
#include "world/scenario.h"

struct cargo;

/* What really happened to a chunk's attempts: they failed, or may have been lost; and
 * to a record when it was alone in an attempt. */
struct fate {
    uint32_t failed;
    uint64_t failed_at,
        done_at;              /* a bit for each of 63 workers, and one for the rest */
    const struct cargo *lost; /* the first of those that may have been */
    uint32_t lost_alone[CHUNK_RECORDS_MAX];
    bool failed_after_done; /* the last time before SKIP, some chunk had been done */
};

/* Of the sink, for the checks: who has it, and who waits for it. */
struct place {
    uint32_t peer; /* 0: nobody had it yet */
    struct id incarnation;
    int64_t heard_us;
    int64_t stalled_us;           /* 0: nobody has spoken for it */
    const struct process *second; /* NULL: nobody waits */
    int64_t second_us;
};

struct sim_ventilator {
    struct process process;
    struct dispatch *core;
    struct id uid;
    struct payload *chunks; /* by seq; end 0: not cut */
    bool *discarded, *given, *told, *given_up;
    bool *refused;    /* a reference to the chunk could not be read */
    uint32_t *probed; /* a chunk's last attempt that was a probe; 0: none */
    uint32_t *hasty;  /* probes in a row that did not wait for the one before */
    struct fate *fates;
    uint64_t *isolating; /* a bit for each of 64 attempts that look for bad records */
    uint64_t given_up_count; /* when check_decided looked last */
    int64_t *stray_us;       /* since when nobody seems to account for a task; 0: not */
    int64_t failed_tasks;    /* the most that a sink said, as it may halt the run */
    uint64_t kept_bytes;     /* of chunks that are cut and not discarded */
    uint64_t block_bytes;    /* as the core says; 0: it does not */
    uint64_t stopped_by;     /* after the chunk that stopped the run; 0: none has */
    uint64_t longest_done;   /* bytes of a chunk that a worker said was done */
    uint32_t chunk_records, offset, most_slots;
    uint32_t looks; /* for check_tallies */
    bool started, input_ended, input_failed;
    bool earned; /* that chunk really failed so often */
    bool knows_header;
    bool drains;        /* it was interrupted */
    bool hurried;       /* and a second time */
    bool none_good;     /* a worker found that no record of a chunk goes well */
    bool finishing;     /* it has said GOODBYE or STOP, */
    int64_t over_us;    /* at first then; valid once it has */
    bool told_end;      /* END of a run that is complete was said */
    int64_t stopped_us; /* when it first said END of a run that stops; 0: never */
    uint32_t owes;      /* STOP to this peer, which came after the end; 0: nobody */
    bool again;         /* the core has news that it has not ticked for */
    int64_t next_cut_us;
    struct place place;
};

void sim_ventilator_start(struct world *world);
/* The bit of the worker's host in a fate. */
uint64_t sim_ventilator_host_bit(const struct process *worker);
/* The fate of the chunk that a worker has; it may be of a ventilator that is gone. */
struct fate *sim_ventilator_fate(const struct payload *payload);

#endif
