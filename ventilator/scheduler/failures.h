/* SPDX-License-Identifier: MIT */
/*
 * A task that failed, or was lost, as often as it may stops the run, or it is given up:
 * the sink is sent SKIP, again and again until it says that it holds it. Before that,
 * an attempt may look for the task's bad records instead.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_FAILURES_H
#define FANFOLD_VENTILATOR_SCHEDULER_FAILURES_H

#include "ventilator/scheduler/scheduler_state.h"

void failures_deinit(struct failures *failures);

/* The attempt has failed, and ends. */
void failures_on_failed(struct dispatch *dispatch, struct attempt *attempt,
                        enum failure cause, uint32_t code, struct slice text,
                        int64_t now_us);
/* A worker was lost with the task. Gives it up where that is one loss too many, and it
 * is not in good hands; true: it is given up. */
bool failures_on_lost(struct dispatch *dispatch, struct task *task, int64_t now_us);
/* The sink says how many tasks have dead letters; an earlier run's do not count. */
void failures_on_dead_letters(struct dispatch *dispatch, uint64_t tasks,
                              int64_t now_us);
/* Tells the sink of all tasks that are given up and that it does not hold. */
void failures_skip_again(struct dispatch *dispatch);

/* The next attempt is to find the task's bad records. */
bool failures_isolates(const struct dispatch *dispatch, const struct task *task);
/* All of a chunk's records failed, and nothing of this run has gone well yet: one
 * attempt a chunk says enough, and nobody looks for bad records. */
bool failures_all(const struct dispatch *dispatch);
/* How it finds them; borrowed until the next call. */
const struct isolation *failures_isolation(struct dispatch *dispatch, uint64_t seq);

#endif
