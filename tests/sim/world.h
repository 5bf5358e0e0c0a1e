/* SPDX-License-Identifier: MIT */
/*
 * One run: the clock, the chance, the network, the disk and the processes, and what was
 * found wrong. Everything in the simulator reaches it through a process.
 */
#ifndef FANFOLD_SIM_WORLD_H
#define FANFOLD_SIM_WORLD_H

#include "arena.h"
#include "common/clock.h"
#include "disk.h"
#include "mix.h"
#include "process.h"
#include "random.h"
#include "schedule.h"

/* Sums over runs: what really happened. */
struct tally {
    uint64_t runs, events, messages, lost_messages, virtual_us;
    uint64_t faults[FAULT_COUNT];
    uint64_t deaths[3]; /* of sinks, ventilators, workers */
    uint64_t retried, adopted, lost_sessions, parked, commits, refused;
    uint64_t complete, stopped_by_chunk, stopped_otherwise, abandoned;
};

struct world {
    struct random random;
    struct schedule schedule;
    struct arena arena;
    struct mix mix;
    struct disk disk;
    struct tally *tally;
    enum breakage breakage;
    bool tracing;

    struct process *processes[NAMES]; /* the last that had the name; NULL before */
    bool returning[NAMES];            /* it will be started */
    int64_t blocked_until_us[NAMES][2];
    uint32_t lives[NAMES];
    uint32_t nudges;

    /* What happened, for the checks. */
    uint32_t runs_left; /* after this one, for workers that stay */
    bool sink_over;     /* it ended for good: GOODBYE, or it gave up */
    bool finishing;     /* a ventilator knows that the run is over */
    bool earned;        /* a chunk failed, or was lost, as often as it may */
    bool interrupted, input_failed, output_failed;
    bool position_lost; /* a sink began again below what was committed */
    bool ended_well;    /* a ventilator left with status 0 */
    bool ended_early;   /* a ventilator left with another */

    char violation[512]; /* the first; empty: none */
};

void world_init(struct world *world);
void world_deinit(struct world *world);
/* One seed, from start to end; the outcome is in `violation`. */
void world_run(struct world *world, uint64_t seed);

/* Starts a process of this name after `delay_us`. */
void world_start(struct world *world, enum name name, int64_t delay_us);
/* A process has ended by itself. */
void world_on_exit(struct world *world, struct process *process, int status);

void world_violation(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of the trace. */
void world_say(struct world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define TRACE(world, ...)                    \
    do {                                     \
        if ((world)->tracing)                \
            world_say((world), __VA_ARGS__); \
    } while (0)

#endif
