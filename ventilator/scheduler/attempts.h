/* SPDX-License-Identifier: MIT */
/* What every other file of the scheduler stands on: to give out an action, and to
 * begin, end and forget an attempt. */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_ATTEMPTS_H
#define FANFOLD_VENTILATOR_SCHEDULER_ATTEMPTS_H

#include "ventilator/scheduler/scheduler_state.h"

/* A new action, to be filled in; borrowed until the next one. */
struct dispatch_action *push_action(struct dispatch *dispatch,
                                    enum dispatch_action_kind kind, uint32_t peer);
/* TASK, ISOLATE or FORGET. */
struct dispatch_action *push_attempt_action(struct dispatch *dispatch,
                                            enum dispatch_action_kind kind,
                                            const struct worker_session *session,
                                            uint64_t seq, uint32_t attempt);

/* A copy of `attempt`, on the lists of its task and of its session. */
struct attempt *attempts_add(const struct attempt *attempt);
/* The worker says that it is done: nobody holds its result yet. */
void attempts_on_done(struct attempt *attempt, int64_t now_us);
/* Asks the worker to return one that is in flight, if it has not begun. */
void attempts_recall(struct dispatch *dispatch, struct attempt *attempt);
/* Off both lists, and freed. */
void attempts_close(struct attempt *attempt);
/* Closes it and tells the worker to forget it, even if it runs. */
void attempts_forget(struct dispatch *dispatch, struct attempt *attempt);
/* A probe is done: it says only that its worker survived, and has no result. */
void attempts_end_probe(struct dispatch *dispatch, struct attempt *attempt);

/* A worker that is trusted has the task. */
bool attempts_in_good_hands(const struct task *task);
/* Back into the queue, unless the task is in good hands or settled; NULL: likewise. */
void attempts_requeue(struct dispatch *dispatch, struct task *task);

#endif
