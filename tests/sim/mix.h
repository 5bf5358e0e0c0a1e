/* SPDX-License-Identifier: MIT */
/* What one seed draws: the shape of the run and its own mix of faults. */
#ifndef FANFOLD_SIM_MIX_H
#define FANFOLD_SIM_MIX_H

#include "random.h"
#include <stdio.h>

/* X(NAME, what a person reads) */
#define FAULTS(X)                       \
    X(KILL, "kills")                    \
    X(MANY, "kills of several at once") \
    X(STOP, "stops")                    \
    X(BREAK, "broken connections")      \
    X(PART, "partitions")               \
    X(STALL, "stalls")                  \
    X(LEAVE, "workers that leave")      \
    X(CRASH, "slots that crash")        \
    X(FAIL, "tasks that fail")          \
    X(INTERRUPT, "interrupts")          \
    X(INPUT, "inputs that fail")        \
    X(OUTPUT, "outputs that fail")

enum fault {
#define X(name, text) FAULT_##name,
    FAULTS(X)
#undef X
        FAULT_COUNT
};

const char *fault_text(enum fault fault);

/* Sabotage in the glue, never in a core: what the simulator must find. */
#define BREAKS(X)                                                              \
    X(NONE, "none", "nothing is broken")                                       \
    X(FORGET_ON_DONE, "forget_on_done", "FORGET follows DONE")                 \
    X(NO_RESEND, "no_resend", "a result is sent once")                         \
    X(STALE_HELLO, "stale_hello", "HELLO bears the ledger of the one before")  \
    X(ACCEPT_TWICE, "accept_twice", "what the sink refuses is written")        \
    X(LOST_JOURNAL, "lost_journal", "a sink that returns finds no journal")    \
    X(EARLY_COMMIT, "early_commit", "committed is said before it is on disk")  \
    X(OLD_RESULT, "old_result", "results of an older epoch pass for new ones") \
    X(LOST_FAILED, "lost_failed", "FAILED is not sent")                        \
    X(DEAF, "deaf", "workers do not hear WHO")                                 \
    X(LOST_TASK, "lost_task", "one TASK of a hundred is not sent")             \
    X(NO_STOP, "no_stop", "STOP is not sent")                                  \
    X(WRONG_RANGE, "wrong_range", "a result now and then is a record short")   \
    X(EARLY_DISCARD, "early_discard", "chunks are dropped once sent")

enum breakage {
#define X(name, option, text) BREAK_##name,
    BREAKS(X)
#undef X
        BREAK_COUNT
};

const char *break_name(enum breakage breakage);
const char *break_text(enum breakage breakage);

enum { RECORDS = 70, WORKERS_MAX = 3, SLOTS_PER_WORKER_MAX = 3 };

#define NOT_EVER UINT32_MAX

#define LIVENESS_US INT64_C(5000000)
#define PATIENCE_US INT64_C(100000000)

struct mix {
    /* The run. */
    uint32_t workers, window, retries, losses, min_workers, depth;
    uint32_t buffer_chunks; /* of the largest kind; 0: plenty */
    bool keeps_bytes, ordered, journal, stay, short_tasks, slow_input;
    uint32_t poison;      /* a record whose chunk always fails; NOT_EVER */
    uint32_t flaky;       /* per mille of tasks that fail */
    uint32_t crash;       /* per mille of tasks that take their slot with them */
    uint32_t input_fails; /* the record at which it does; NOT_EVER */
    uint32_t output_fails;
    int output_status; /* what the sink then says */
    bool interrupted;

    /* The faults. */
    bool kinds[FAULT_COUNT];
    uint32_t kind_count;
    uint32_t tail;  /* per mille of messages that take long */
    uint32_t blind; /* per mille of workers without a monitor */
    bool moves;     /* each sink has an endpoint of its own */
    bool aim;       /* more faults at takeovers */
    bool outcast;   /* the first worker never reaches the sink */
    int64_t faults_until_us, fault_gap_us;
    int64_t lag_us; /* of the loops */
    uint32_t drain; /* messages that a loop reads before it ticks */
};

void mix_draw(struct mix *mix, struct random *random);
void mix_print(const struct mix *mix, FILE *file);

#endif
