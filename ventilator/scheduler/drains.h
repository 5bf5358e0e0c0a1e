/* SPDX-License-Identifier: MIT */
/*
 * Results that only the end of a program proves (PROTOCOL.md, "Results in doubt"): who
 * is to be drained before the run may end, and what follows where a worker is lost
 * before, or says that results may be wrong.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_DRAINS_H
#define FANFOLD_VENTILATOR_SCHEDULER_DRAINS_H

#include "ventilator/scheduler/scheduler_state.h"

/* A worker that would have to be drained, and comes when the end is told already: the
 * others, which were here before, are of another mode. */
bool drains_comes_late(const struct dispatch *dispatch, const struct message *message);
/* A worker's HELLO, with its capabilities. */
void drains_on_hello(struct dispatch *dispatch, struct known_worker *worker,
                     const struct message *message);
void drains_on_done(struct known_worker *worker, const struct done_entry *entry,
                    bool known);
/* The sink holds the result of an attempt that is not done yet, as far as we know. */
void drains_on_held(struct known_worker *worker, uint64_t seq);
void drains_on_drained(struct known_worker *worker);
void drains_on_doubt(struct dispatch *dispatch, const struct known_worker *worker,
                     const struct message *message, int64_t now_us);
/* It is lost; or it has said GOODBYE, and will not come back. */
void drains_on_lost(struct known_worker *worker, int64_t now_us);
void drains_on_goodbye(struct dispatch *dispatch, struct known_worker *worker,
                       int64_t now_us);

/* Once a heartbeat: ends the run where a worker does not come back that was lost with
 * results in doubt. */
void drains_check(struct dispatch *dispatch, int64_t now_us);
/* No task is left: asks those who are to be drained, and says whether all are. */
bool drains_settle(struct dispatch *dispatch);

#endif
