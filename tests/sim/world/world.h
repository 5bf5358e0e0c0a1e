/* SPDX-License-Identifier: MIT */
/*
 * One seed: the clock, the chance, the network, the disk and the processes, and what
 * was found wrong. Everything in the simulator reaches it through a process.
 */
#ifndef FANFOLD_TESTS_SIM_WORLD_WORLD_H
#define FANFOLD_TESTS_SIM_WORLD_WORLD_H

#include "arena.h"
#include "common/clock.h"
#include "disk.h"
#include "process.h"
#include "random.h"
#include "scenario.h"
#include "schedule.h"

/* Sums over runs: what really happened. */
struct tally {
    uint64_t runs, events, messages, lost_messages, virtual_us;
    uint64_t faults[FAULT_COUNT];
    uint64_t deaths[3]; /* of sinks, ventilators, workers */
    uint64_t retried, adopted, lost_sessions, parked, spilled, commits, refused;
    uint64_t aside, back, preempted;
    uint64_t speculated, isolated, probes, dead_letters, bad_records;
    uint64_t complete, with_dead_letters, resumed, stopped, drained;
    uint64_t longest_us; /* without progress; a sum like all others, see main.c */
};

/* Where processes of one name live, one after the other. */
struct host {
    struct process *process; /* the last; NULL before the first */
    bool returning;          /* another will be started */
    uint32_t lives;
    int64_t blocked_until_us[2]; /* the way to sink and ventilator */
};

struct world {
    /* A process has ended by itself. */
    void (*on_exit)(struct world *world, struct process *process, int status);
    struct random random;
    struct schedule schedule;
    struct arena arena;
    struct item *spare_items; /* memory that is used again */
    struct packet *spare_packets;
    struct scenario scenario;
    struct scenario drawn; /* as it was at the start of the run */
    const char *with; /* what the scenario is set to, on top of what the seed draws */
    struct disk disk;
    struct tally *tally;
    bool tracing;

    struct host *hosts; /* by name */
    uint32_t host_count;
    uint32_t nudges;
    uint8_t *kinds;     /* of records, see records.h */
    int64_t calm_us;    /* when the last fault has passed */
    int64_t trouble_us; /* since when one follows another, see world_trouble_until */
    int64_t moved_us;   /* when there was progress last */
    int64_t leg_us;     /* when this leg began */
    uint64_t progress;  /* as it was then */
    uint32_t leg, run;  /* from 1 */
    bool dismissed;     /* workers are to leave, and no other comes */

    /* What happened in this leg, for the checks. */
    bool sink_over; /* it ended for good: GOODBYE, or it gave up */
    bool finishing; /* a ventilator knows that the run is over */
    bool earned;    /* a chunk failed, or was lost, as often as it may */
    bool halted;    /* there were as many dead letters as --halt says */
    bool interrupted, input_failed, output_closed, disk_full;
    bool in_doubt;      /* a ventilator ended with results in doubt */
    bool impatient;     /* a ventilator gave up amid faults without rest */
    bool position_lost; /* a sink began again below what was committed */
    bool ended_well;    /* a ventilator left with status 0 or 1 */
    bool ended_early;   /* a ventilator left with another */

    /* Of this run: workers whose wrong results are in the output, and that a ventilator
     * has said that it is in doubt: then nothing more is expected of it. */
    struct sim_worker *shifted;
    bool doubt_told;

    char violation[512]; /* the first; empty: none */
};

void world_init(struct world *world);
void world_deinit(struct world *world);
bool world_has(const struct world *world, uint32_t name);
/* What goes wrong now has passed by then. */
void world_trouble_until(struct world *world, int64_t until_us);
/* For so long one fault has followed the other, with no rest between. */
bool world_is_troubled(const struct world *world, int64_t for_us);

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
