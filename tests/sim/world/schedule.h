/* SPDX-License-Identifier: MIT */
/* What will happen, and when: a heap of events ordered by time and, at the same time,
 * by the order in which they were put in. The only clock of a run. */
#ifndef FANFOLD_TESTS_SIM_WORLD_SCHEDULE_H
#define FANFOLD_TESTS_SIM_WORLD_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event {
    uint64_t key; /* time, then number */
    void (*happen)(void *subject, uint64_t detail);
    void *subject;
    uint64_t detail;
};

struct schedule {
    struct event *heap;
    size_t count, capacity;
    uint64_t number;
    int64_t now_us;
};

/* A time that has passed already is now. */
void schedule_at(struct schedule *schedule, int64_t at_us,
                 void (*happen)(void *subject, uint64_t detail), void *subject,
                 uint64_t detail);
/* Moves the time to the next event and lets it happen; false: there is none. */
bool schedule_step(struct schedule *schedule);
void schedule_reset(struct schedule *schedule);
void schedule_deinit(struct schedule *schedule);

#endif
