/* SPDX-License-Identifier: MIT */
/*
 * The state that the files of the scheduler share, and nobody else. A struct that
 * belongs to one file says so. README.md says which file stands on which.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_SCHEDULER_STATE_H
#define FANFOLD_VENTILATOR_SCHEDULER_SCHEDULER_STATE_H

#include "common/protocol/endpoint_list.h"
#include "common/ring.h"
#include "ventilator/scheduler/completions.h"
#include "ventilator/scheduler/dispatch_types.h"
#include "ventilator/scheduler/state/chunk_sizer.h"
#include "ventilator/scheduler/state/run_phases.h"
#include "ventilator/scheduler/state/run_times.h"
#include "ventilator/scheduler/state/sink_word.h"
#include "ventilator/scheduler/state/task_table.h"
#include "ventilator/scheduler/state/worker_pool.h"

/* What a sink's HELLO says. */
struct sink_hello {
    uint32_t peer;
    struct id incarnation;
    uint64_t nonce;
    struct endpoint_list endpoints;
    uint64_t max_result;
    unsigned compressions; /* of results, that it takes */
    bool borrows;          /* results that workers lend it */
    bool takes_parts;      /* results that they write to files */
    bool finished;
};

/* The sink as dispatch knows it; there is at most one. Another sink that says HELLO
 * while this one is there waits until this one is gone. */
struct sink_link {
    struct sink_hello said; /* its last HELLO */
    bool here;              /* it is not known to be gone */
    bool begun;             /* its BEGIN has come since */
    struct sink_hello now;  /* the HELLO that the last BEGIN belongs to */
    struct sink_word word;

    bool second_waits;
    struct sink_hello second; /* valid while it waits */
    int64_t second_us;        /* since when it waits; likewise */
};

/* Of on_sink.c: what the BEGIN that started the run says of the input. */
struct input_place {
    uint8_t mark[MARK_MAX];
    uint8_t mark_size;
    uint8_t name[INPUT_MAX_BYTES];
    uint8_t name_size;
};

/* A worker that came before the run had an epoch, or its header. */
struct waiting_worker {
    uint32_t peer;
    struct known_worker *worker;
    uint32_t slots;
    enum results_link link;
};

/* Of admission.c; ending.c sends them away. */
struct waiting_room {
    struct waiting_worker *workers;
    uint32_t count;
    size_t capacity;
};

enum charge_state {
    CHARGE_PENDING,
    CHARGE_MADE,
    CHARGE_OVER, /* waived, or of no use any more */
};

/* An attempt that ran at a worker that was lost: its task is charged when that is due,
 * unless the worker came back; a worker that comes back later lifts the charge. Kept as
 * long as the task. */
struct charge {
    int64_t due_us;
    uint64_t seq;
    uint32_t attempt;
    uint32_t worker; /* its number in the pool */
    enum charge_state state;
};

/* Of loss_charges.c. */
struct loss_charges {
    struct charge *charges;
    size_t count;
    size_t capacity;
};

/* Of failures.c. */
struct failures {
    struct dispatch_failure stopped_by; /* the chunk that stopped the run; valid where
                                           it has attempts */
    uint64_t dead_before;       /* tasks with dead letters that an earlier run left */
    bool dead_known;            /* that number is: the sink's first PROGRESS says it */
    bool none_good;             /* an ISOLATE has failed as each of its records does */
    struct isolation isolation; /* of the last DISPATCH_ISOLATE */
    struct range *except;       /* its memory; NULL: not needed yet */
};

/* Of assign.c. */
struct assigning {
    bool workers_complete;                 /* there were min_workers once */
    const struct worker_session *reserved; /* gets no more tasks, so that it is free for
                                              one that runs alone; NULL: none */
    int64_t recall_us;                     /* when tasks may be recalled next */
};

/* Of demand.c; assign.c and on_sink.c subtract the bytes that leave the memory. */
struct demand {
    uint64_t buffered_bytes;  /* of chunks that are in memory, by the budget's count */
    uint64_t block_bytes;     /* of the next chunk */
    uint64_t bytes_to_be_run; /* as counted after the last tick, and cut since; */
    bool counted;             /* valid once it was */
};

/* Why no results can come. */
enum missing {
    MISSING_SINK,
    MISSING_WORKERS,
    MISSING_LINKS, /* no worker reaches the sink that is here */
    ALL_STUCK,     /* and none of those that do starts anything */
    MISSING_KINDS
};

/* Of ending.c. */
struct company {
    int64_t since_us[MISSING_KINDS];      /* it is so; NEVER_US: it is not */
    bool was_there;                       /* both were here, once */
    bool awaited;                         /* what places workers will place some */
    uint32_t lost;                        /* workers that were lost and are not back */
    const struct known_worker *last_lost; /* NULL: none was */
};

/* What a peer is told of its malformed message. */
struct complaint {
    char text[256];
};

struct dispatch {
    struct dispatch_config config;
    struct ring actions;    /* of struct dispatch_action */
    struct ring complaints; /* of struct complaint: one for each REJECT that has one */
    struct complaint complaint; /* of the last REJECT */
    struct task_table table;
    struct worker_pool pool;
    struct run_state run;
    struct sink_link sink;
    struct completions completions;
    struct run_times run_times;
    struct chunk_sizer chunk_sizer; /* fed where the config leaves the size open */

    struct id run_id;  /* by BEGIN */
    uint64_t epoch;    /* 0: no BEGIN has come yet */
    uint64_t program;  /* of the first worker; 0: none came yet */
    bool drains;       /* some worker's results are proven only by its programs' end */
    uint64_t began_at; /* the position of the BEGIN that started the run, */
    int64_t began_us;  /* and when that came */
    uint64_t released; /* all seqs before it are written */
    int64_t now_us;    /* of the last tick */
    int64_t check_us;  /* when the next heartbeat is due */
    struct dispatch_counts counts;

    struct input_place input;
    struct waiting_room waiting;
    struct loss_charges losses;
    struct failures failures;
    struct assigning assigning;
    struct demand demand;
    struct company company;
    struct dispatch_welcome welcome; /* of the last WELCOME */
    struct worker_remark remark;     /* of the last ASIDE or BACK */
};

#endif
