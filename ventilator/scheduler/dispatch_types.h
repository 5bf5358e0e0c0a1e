/* SPDX-License-Identifier: MIT */
/* What goes into dispatch and what comes out, as plain data: its configuration, its
 * actions, the verdict, failures, completions and counts. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_DISPATCH_TYPES_H
#define FANFOLD_VENTILATOR_SCHEDULER_DISPATCH_TYPES_H

#include "common/protocol/message.h"
#include "ventilator/scheduler/state/run_phases.h"

/* What follows when a chunk has failed, or was lost, as often as it may. */
enum on_error {
    ON_ERROR_STOP,    /* the run stops */
    ON_ERROR_SKIP,    /* the chunk is a dead letter, the run goes on */
    ON_ERROR_ISOLATE, /* workers find its bad records: only they are dead letters */
};

/* After how many tasks with dead letters the run stops all the same. */
struct halt {
    enum { HALT_NEVER, HALT_SOON, HALT_NOW } when; /* soon: what runs is finished */
    uint64_t tasks;                                /* so many; 0: by percent */
    uint32_t percent; /* of the tasks that are released, once 3 of them failed */
};

struct dispatch_config {
    struct id uid;   /* this ventilator's */
    uint32_t window; /* tasks ahead of released; 0: 4096, or 4 a slot if that is more */
    uint64_t buffer_bytes; /* the ventilator's share; over it nothing new is cut */
    uint64_t block_bytes;  /* nominal size of a chunk: the share is never below two of
                              them a slot */
    bool block_auto;  /* dispatch_block chooses the size, up to block_bytes, so that two
                         chunks a slot stay within the share */
    bool keeps_bytes; /* a chunk's bytes stay in memory until it is committed (a
                         stream), else until it is sent (a file can be read again) */
    uint32_t retries; /* attempts that a chunk may fail; 0: no limit */
    uint32_t losses;  /* attempts that may be lost with their workers; 0: no limit */
    int64_t liveness_us;
    enum on_error on_error;
    struct halt halt;
    uint32_t limit_ms;      /* an attempt may run so long; 0: as long as it takes */
    uint32_t limit_percent; /* or so long, of the median run time; 0: not set */
    bool speculate; /* a copy of a task that runs long goes to a slot that is free */
    bool resume;    /* the sink may begin where an earlier run stopped, */
    bool strangers; /* and workers that served an earlier ventilator may come back */
    bool tells_completions; /* see dispatch_next_completion */
    bool awaits_header;     /* no worker is welcome before dispatch_on_header */
    uint32_t min_workers;   /* before the first task; at least 1 */
    int64_t patience_us; /* how long to wait for sink or workers; < 0: 300 s once both
                            were here, no limit before */
};

enum dispatch_action_kind {
    DISPATCH_WELCOME_SINK, /* peer, welcome */
    DISPATCH_WELCOME,      /* peer, session, welcome */
    DISPATCH_REJECT,       /* peer, reason, version, complaint */
    DISPATCH_WHO,          /* peer */
    DISPATCH_PONG,         /* peer */
    DISPATCH_TASK, /* peer, session, seq, attempt, limit_ms; lowest seq first, runs of
                      one session follow each other */
    DISPATCH_ISOLATE, /* the same, and isolation */
    DISPATCH_FORGET,  /* peer, session, seq, attempt, only_queued */
    DISPATCH_START,   /* cutting may begin: seq is the position, dispatch_mark the place
                         in the input that dispatch_input names */
    DISPATCH_DISCARD, /* seq is committed: the loop may drop the chunk */
    DISPATCH_SKIP,    /* peer (the sink), epoch, seq, failure */
    DISPATCH_END,     /* peer (the sink), epoch, verdict; seq is the total */
    DISPATCH_DRAIN,   /* peer (a worker), session */
    DISPATCH_STOP,    /* peer (a worker), verdict */
    DISPATCH_GOODBYE, /* peer (the sink): the run is over */
    DISPATCH_FAREWELL, /* peer (a worker): the answer to its GOODBYE */
    DISPATCH_ASIDE,    /* remark: this worker is set aside */
    DISPATCH_BACK,     /* remark: it serves again */
    DISPATCH_NOTICE,   /* notice, worker: something that a person should know */
    DISPATCH_OVER,     /* no task is left and everybody knows: leave with
                          dispatch_verdict */
};

struct endpoint_list;

enum dispatch_notice {
    NOTICE_UNCONFIRMED, /* its results do not reach the sink: others do its tasks */
    NOTICE_STRAY,       /* it gave results of tasks that it does not have; likewise */
    NOTICE_UUID,        /* it has the uuid of another worker, and was rejected */
    NOTICE_NONCE,       /* its HELLOs bear no higher nonces, and are ignored */
};

/* What dispatch knows of a WELCOME. */
struct dispatch_welcome {
    uint32_t heartbeat_ms;
    uint64_t max_result; /* bytes that the sink takes; 0: no BEGIN has come */
    uint64_t program;    /* hash of the first worker's mode and command; 0: none came */
    struct id run;       /* by BEGIN; zero before */
    uint64_t epoch;      /* likewise */
    const struct endpoint_list *endpoints; /* of the sink; empty before BEGIN */
    unsigned compressions; /* of results, that the sink takes; payload_compression.h */
    bool borrows;          /* the sink, what the worker lends; */
    bool takes_parts;      /* what it writes to files */
};

/* How the next attempt finds the bad records of a task. */
struct isolation {
    uint32_t tries; /* of a record alone */
    bool probe;
    const struct range *except; /* borrowed, as the whole is */
    uint32_t count;
};

struct dispatch_action {
    enum dispatch_action_kind kind;
    uint32_t peer;
    union {
        uint64_t session; /* the nonce of its HELLO */
        uint64_t epoch;
    };
    uint64_t seq;
    uint32_t attempt;
    uint32_t limit_ms;
    unsigned compressions; /* of TASK and ISOLATE, that the peer takes; likewise */
    enum reference_way by_reference; /* of TASK: the peer takes it, to the chunk */
    bool only_queued;
    enum reject reason;
    enum dispatch_notice notice;
    uint32_t version; /* REJECT_VERSION: the peer's */
    union {           /* borrowed until the next call of dispatch_next */
        const struct dispatch_welcome *welcome;
        const struct isolation *isolation;
        const struct dispatch_failure *failure;
        const struct verdict *verdict;
        struct {
            const char *host; /* escape it: the worker says it */
            uint32_t pid;
        } worker;
        const char *complaint; /* of REJECT_MALFORMED and REJECT_TYPE; a sentence */
        const struct worker_remark *remark;
    };
};

/* Why a chunk was given up: the loop, which knows bytes and records, makes the sentence
 * or the dead letter of it. */
struct dispatch_failure {
    uint64_t seq;
    uint32_t attempts; /* that failed or were lost */
    enum failure cause;
    uint32_t code;
    bool none_good; /* no record of a chunk went well, and nothing of this run has */
    uint32_t text_size;
    uint8_t text[TEXT_MAX_BYTES]; /* the tail of stderr; not terminated */
};

/* A worker that is set aside, because chunks in a row failed there that others did; or
 * that is back. */
struct worker_remark {
    const char *host; /* as it says */
    uint32_t pid;
    uint32_t chunks; /* so many; 0: it starts nothing of what it is given */
    const struct dispatch_failure *failure; /* the last of them; NULL: none */
};

/* How a task ended: one for each that failed for good, or whose result the sink holds.
 * Strings live as long as dispatch. */
struct completion {
    uint64_t seq;
    uint64_t length;  /* bytes of the chunk */
    int64_t ended_us; /* when dispatch heard that its last attempt had ended */
    uint64_t run_us;  /* that attempt's; 0: its worker was lost before it could say */
    bool well;        /* else cause and code are valid, as in FAILED */
    enum failure cause;
    uint32_t code;
    const char *host;    /* of that attempt's worker, as it says; "": not known */
    const char *command; /* that it runs; likewise */
};

enum dispatch_wait_kind {
    DISPATCH_WAITS_INPUT,  /* all that is cut is released */
    DISPATCH_WAITS_WORKER, /* that takes it */
    DISPATCH_WAITS_RESULT, /* a worker has it */
    DISPATCH_WAITS_HELD,   /* a worker has done it; the sink does not hold it yet */
    DISPATCH_WAITS_SINK,   /* it is to write what it holds, or to give it up */
};

struct dispatch_wait {
    enum dispatch_wait_kind kind;
    uint64_t seq;
    /* RESULT and HELD: who has it. */
    const char *host; /* NULL: not known; valid until the next event */
    uint32_t pid;
    uint32_t attempt;
    int64_t since_us;
    uint64_t longest_us; /* that a task has taken so far; 0: none has ended well */
};

/* A worker that has nothing to do. */
struct dispatch_idle {
    const char *place; /* what started it calls it so; valid until the next event */
    int64_t since_us;
};

/* Who was lost and has not come back. */
struct dispatch_lost {
    uint32_t workers;
    const char *host; /* of the last of them, as it says; NULL: there is none */
    uint32_t pid;
    bool sink; /* the run has begun with it */
    bool ends; /* the run is about to end, and everybody leaves */
};

/* Counts since the start; see dispatch_counts. */
struct dispatch_counts {
    uint64_t cut, released, committed; /* seqs */
    uint64_t sent;                     /* attempts */
    uint64_t done, failed, returned;   /* attempts */
    uint64_t retried; /* attempts at tasks that had failed or were lost before */
    uint64_t adopted; /* attempts that moved over to a new session from a ledger */
    uint64_t lost_sessions;
    uint64_t given_up;              /* tasks that are dead letters as a whole */
    uint64_t dead;                  /* tasks with dead letters, as the sink says */
    uint64_t speculated;            /* attempts that were copies */
    uint64_t bytes_written;         /* as the sink says */
    uint64_t parked;                /* as the sink says */
    uint64_t longest_us;            /* run time of an attempt that ended well */
    uint64_t most_records;          /* in a chunk; 0: nobody has counted */
    uint32_t sessions, slots, busy; /* now */
    uint32_t reaching;              /* sessions whose link to the sink may be open */
};

#endif
