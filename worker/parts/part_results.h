/* SPDX-License-Identifier: MIT */
/*
 * Results on their way to become parts: RESULT, and the DONE that speaks of it, wait
 * until the file is on the disk. A result that cannot be written travels as its bytes.
 */
#ifndef FANFOLD_WORKER_PARTS_PART_RESULTS_H
#define FANFOLD_WORKER_PARTS_PART_RESULTS_H

#include "worker/parts/part_writer.h"
#include "worker/session/session.h"
#include "worker/task/task.h"

struct part_results;

/* Takes the writer, which may be NULL: then no result becomes a part. */
struct part_results *part_results_new(struct part_writer **writer_p);
void part_results_destroy(struct part_results **results_p);
/* The worker has a directory for parts. */
bool part_results_may(const struct part_results *results);

/* SESSION_RESULT of a result that can be a part: whether it waits. If not, it is one
 * (task->part), or cannot be. */
bool part_results_hold(struct part_results *results, const struct session *session,
                       const struct session_action *action);
/* SESSION_DONE: whether it waits behind its RESULT. */
bool part_results_hold_done(struct part_results *results,
                            const struct session_action *action);
/* The payload that names task->part. */
void part_results_name(const struct task *task, zmq_msg_t *ret_payload);
/* An action that waits no more, in order; false: there is none now. */
bool part_results_next(struct part_results *results, struct session_action *ret_action);
/* The link is closed: the session orders its results again. */
void part_results_unsend(struct part_results *results);
/* The task is off the ledger. */
void part_results_forget(struct part_results *results, const struct task *task);

/* As part_writer_poll. */
uint32_t part_results_poll(const struct part_results *results, zmq_pollitem_t *items);

#endif
