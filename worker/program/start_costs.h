/* SPDX-License-Identifier: MIT */
/*
 * Which part of the run time of tasks went to starting their programs, in a process
 * each: until a program reads its first bytes. Whether that is worth a hint to a
 * person. Pure.
 */
#ifndef FANFOLD_WORKER_PROGRAM_START_COSTS_H
#define FANFOLD_WORKER_PROGRAM_START_COSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct start_costs {
    uint64_t started; /* processes */
    int64_t began_us; /* when the first was; valid once one was */
    uint64_t runs;    /* that ended well */
    uint64_t run_us;  /* of all these */
    uint64_t seen;    /* of these, where the first read was seen */
    uint64_t seen_run_us, seen_start_us;
};

/* A process is started. True: its first read should be seen. */
bool start_costs_begin(struct start_costs *costs, int64_t now_us);
/* It has ended well. `start_us`: until it read; < 0: not seen. */
void start_costs_end(struct start_costs *costs, uint64_t run_us, int64_t start_us);

/* A sentence, where so many slots were busy, and most of their time went to starting
 * programs; false: there is nothing to say. Begins anew. */
bool start_costs_take_hint(struct start_costs *costs, uint32_t slots, int64_t now_us,
                           char *text, size_t size);

#endif
