/* SPDX-License-Identifier: MIT */
/*
 * What user programs write to stderr: one relay a slot, whole lines to our stderr, and
 * the tail kept for a failure. Never blocks: what stderr does not take now waits in a
 * bounded queue, and beyond that whole lines are dropped and counted.
 */
#ifndef FANFOLD_WORKER_RELAY_H
#define FANFOLD_WORKER_RELAY_H

#include "common/message.h"

/* Our stderr, shared by the relays. */
struct stderr_queue;
struct stderr_queue *stderr_queue_new(int fd);
void stderr_queue_destroy(struct stderr_queue **queue_p);
/* Writes what goes without waiting (or, with `wait_ms`, for so long). True: it is
 * empty.
 */
bool stderr_queue_push(struct stderr_queue *queue, int wait_ms);

struct relay;
/* Owns `fd`, the non-blocking end that the slot's stderr comes from. `prefix`: lines
 * say slot and seq. */
struct relay *relay_new(int fd, uint32_t slot, bool prefix, struct stderr_queue *queue);
void relay_destroy(struct relay **relay_p);
int relay_fd(const struct relay *relay);

/* From here on it is this task that speaks: the tail begins anew. */
void relay_begin(struct relay *relay, uint64_t seq);
/* The same task's tail goes on, or another's begins. */
void relay_speaker(struct relay *relay, uint64_t seq);
/* What is the task's so far is not any more. */
void relay_forget(struct relay *relay, uint64_t seq);
/* Reads a bounded amount of what is there. */
void relay_read(struct relay *relay);
/* Ends an unfinished line. */
void relay_end_line(struct relay *relay);
/* Reads what is there and ends an unfinished line. */
void relay_finish(struct relay *relay);
/* The last 4 KiB since relay_begin; until the next call. */
struct slice relay_tail(struct relay *relay);

#endif
