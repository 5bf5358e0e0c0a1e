/* SPDX-License-Identifier: MIT */
/*
 * Which worker gets which task: retries before new tasks, lowest seq first, to the
 * worker with the lowest load, within the window. Rules 7, 8 and 9 of PROTOCOL.md.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_ASSIGN_H
#define FANFOLD_VENTILATOR_SCHEDULER_ASSIGN_H

#include "ventilator/scheduler/scheduler_state.h"

/* Tasks may be sent at all. */
bool assign_may_send(const struct dispatch *dispatch);
/* There are enough workers to begin with, or were before. */
void assign_note_workers(struct dispatch *dispatch);

/* Sends all that may be sent now. */
void assign_all(struct dispatch *dispatch);
/* Recalls tasks that wait behind running ones while slots elsewhere are idle, oldest
 * first; returns when it would look again. After assign_all: what is idle then, nothing
 * else uses. */
int64_t assign_recall(struct dispatch *dispatch);

/* Sends the task to this session. */
void assign_task(struct dispatch *dispatch, struct task *task,
                 struct worker_session *session);
/* Another session, which may have this attempt's task and would start it at once; NULL:
 * none. */
struct worker_session *assign_find_idle(const struct dispatch *dispatch,
                                        const struct attempt *attempt);

#endif
