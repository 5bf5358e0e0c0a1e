/* SPDX-License-Identifier: MIT */
/*
 * Whose fault a failure is: the chunk's, or its worker's. One bad host must not end a
 * run, and one bad chunk must not cost any worker its place:
 *
 * - Failures at workers in doubt do not use up a chunk's retries as long as a worker
 *   serves that is not in doubt and has not failed it.
 * - A worker is set aside when chunks in a row fail there that others do. What it
 * failed is not charged; it is tried now and then, and back when it has done a task.
 * - One that starts nothing of what it is given is set aside as well, until it starts
 *   something.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STANDING_H
#define FANFOLD_VENTILATOR_SCHEDULER_STANDING_H

#include "ventilator/scheduler/scheduler_state.h"

/* The attempt has failed. True: it is charged to its task. */
bool standing_on_failed(struct dispatch *dispatch, const struct attempt *attempt,
                        const struct dispatch_failure *failure, int64_t now_us);
/* The worker has done the whole task. */
void standing_on_done(struct dispatch *dispatch, struct known_worker *worker,
                      struct task *task);
/* The sink holds the result; the attempts are still open. */
void standing_on_held(struct dispatch *dispatch, struct task *task);
/* A task has come back from there. */
void standing_on_move(struct worker_session *session);
/* A task has started there, or has run to its end. */
void standing_on_started(struct dispatch *dispatch, struct worker_session *session);

/* The task has failed as often as it may, but its failures may be those of their
 * workers, and a better one serves. */
bool standing_excuses(const struct dispatch *dispatch, const struct task *task,
                      uint32_t retries);
/* A worker serves that has not failed the task, and is not in doubt. */
bool standing_hopes(const struct dispatch *dispatch, const struct task *task);

/* The same, and nothing has failed at it since it did a task, or came. */
bool standing_hopes_well(const struct dispatch *dispatch, const struct task *task);

/* A worker serves that has not failed the task, has done one, and is not set aside. */
bool standing_hopes_proven(const struct dispatch *dispatch, const struct task *task);

/* Says who rests and who is on trial now; before tasks are sent. */
void standing_note(struct dispatch *dispatch);
/* Once a heartbeat: takes back what a worker does not start. */
void standing_check(struct dispatch *dispatch, struct worker_session *session,
                    int64_t now_us);

#endif
