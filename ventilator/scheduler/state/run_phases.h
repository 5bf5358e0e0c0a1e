/* SPDX-License-Identifier: MIT */
/*
 * How far the run is, and how it ends. Whoever finds a reason requests an end here,
 * with run_state_stop or run_state_drain; ending.c carries it out. Pure.
 *
 *     waiting -- BEGIN --> running -- the input ends or fails --> ending
 *        |                   |                                      |
 *        +--- drain ---------+------------> draining <--------------+
 *        |                   |                 |                    |
 *        +--- stop ----------+------------> stopping <--------------+
 *        |                   |                 |                    |
 *        +--- FINISHED ------+--------------> over <----------------+
 *                                              |
 *                                             gone
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_RUN_PHASES_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_RUN_PHASES_H

#include "common/protocol/message.h"

#define RUN_PHASES(X)                                                               \
    X(WAITING)  /* no BEGIN has come */                                             \
    X(RUNNING)  /* chunks are cut and sent */                                       \
    X(ENDING)   /* no more chunks come, by `input` */                               \
    X(DRAINING) /* workers finish what was sent, and then `drained` is the verdict; \
                   BEGIN may still have to come */                                  \
    X(STOPPING) /* the verdict is made, and the sink has to hear of it */           \
    X(OVER) /* the sink has finished, or there is none to wait for: all hear of it, \
               and leave */                                                         \
    X(GONE) /* DISPATCH_OVER was given out */

enum run_phase {
#define X(name) RUN_##name,
    RUN_PHASES(X)
#undef X
};

/* How the run ended, or is about to end. */
struct verdict {
    enum outcome outcome;
    int status;      /* enum exit_status */
    bool relayed;    /* the sink gave it, and has said the text to the person already */
    char text[1024]; /* the reason for a person; empty: nothing to say */
};

enum run_input { INPUT_OPEN, INPUT_ENDED, INPUT_FAILED };

struct run_state {
    enum run_phase phase;
    enum run_input input;
    struct verdict verdict;      /* final from STOPPING or OVER on */
    struct verdict drained;      /* valid in DRAINING */
    struct verdict input_failed; /* valid where the input has failed */
    int64_t stopping_us;         /* since when; valid in STOPPING */
    int64_t over_us;             /* likewise, from OVER on */
    bool end_sent; /* to the sink, since its last BEGIN and since the run is STOPPING */
    bool end_told; /* some sink was sent END of a complete run */
};

/* BEGIN of the run has come. */
void run_state_on_begin(struct run_state *run);
void run_state_on_input_end(struct run_state *run);
void run_state_on_input_failure(struct run_state *run, int status, const char *text);

/* Requests an end, as dispatch_stop and dispatch_drain do. */
void run_state_stop(struct run_state *run, enum outcome outcome, int status,
                    const char *text, int64_t now_us);
void run_state_drain(struct run_state *run, enum outcome outcome, int status,
                     const char *text);

/* The sink has finished, or nobody waits for it. */
void run_state_set_over(struct run_state *run, int64_t now_us);
void run_state_set_gone(struct run_state *run);

/* An end was requested, or has come. */
bool run_state_is_stopped(const struct run_state *run);
bool run_state_is_over(const struct run_state *run);

#endif
