/* SPDX-License-Identifier: MIT */
/*
 * The stderr of user programs. One relay a slot passes whole lines on to our stderr,
 * and keeps the tail for a failure. Never blocks: text that our stderr does not take
 * now waits in a bounded queue; when that is full, the relay drops whole lines and
 * counts them.
 */
#ifndef FANFOLD_WORKER_PROGRAM_STDERR_RELAY_H
#define FANFOLD_WORKER_PROGRAM_STDERR_RELAY_H

#include "common/protocol/message.h"

/* Our stderr, shared by the relays. */
struct stderr_queue;
struct stderr_queue *stderr_queue_new(int fd);
void stderr_queue_destroy(struct stderr_queue **queue_p);
/* Writes as much as goes without waiting, or within `wait_ms`. True: the queue is
 * empty. */
bool stderr_queue_push(struct stderr_queue *queue, int wait_ms);

struct stderr_relay;
/* Owns `fd`, the non-blocking end that the slot's stderr comes from. `prefix`: lines
 * say slot and seq. */
struct stderr_relay *stderr_relay_new(int fd, uint32_t slot, bool prefix,
                                      struct stderr_queue *queue);
void stderr_relay_destroy(struct stderr_relay **stderr_relay_p);
int stderr_relay_fd(const struct stderr_relay *relay);

/* From here on the program writes about this task: the tail starts over. */
void stderr_relay_begin(struct stderr_relay *relay, uint64_t seq);
/* The program writes about this task: its tail goes on, or a new one begins. */
void stderr_relay_speaker(struct stderr_relay *relay, uint64_t seq);
/* Empties the tail if it is this task's. */
void stderr_relay_forget(struct stderr_relay *relay, uint64_t seq);
/* Reads a bounded amount of what is there. */
void stderr_relay_read(struct stderr_relay *relay);
/* Ends an unfinished line. */
void stderr_relay_end_line(struct stderr_relay *relay);
/* Reads what is there and ends an unfinished line. */
void stderr_relay_finish(struct stderr_relay *relay);
/* The last 4 KiB since stderr_relay_begin; until the next call. */
struct slice stderr_relay_tail(struct stderr_relay *relay);

#endif
