/* SPDX-License-Identifier: MIT */
/*
 * The stderr of user programs. One relay a slot passes whole lines on to the queue for
 * our stderr, and keeps the tail for a failure. Never blocks. While the queue holds the
 * programs, what they write stays in their pipes.
 */
#ifndef FANFOLD_WORKER_PROGRAM_STDERR_RELAY_H
#define FANFOLD_WORKER_PROGRAM_STDERR_RELAY_H

#include "common/protocol/message.h"
#include "worker/program/stderr_queue.h"

struct stderr_relay;
/* Owns `fd`, the non-blocking end that the slot's stderr comes from. `prefix`: lines
 * say slot and seq. */
struct stderr_relay *stderr_relay_new(int fd, uint32_t slot, bool prefix,
                                      struct stderr_queue *queue);
void stderr_relay_destroy(struct stderr_relay **stderr_relay_p);
int stderr_relay_fd(const struct stderr_relay *relay);
/* The end of what can be read was read: no process has the other end. */
bool stderr_relay_is_over(const struct stderr_relay *relay);
/* The program may be waiting for nothing but that somebody reads our stderr. */
bool stderr_relay_is_held(const struct stderr_relay *relay);

/* The slot is to run this task, or a part of it; what an earlier part has said on a
 * line of its own is not passed on again. */
void stderr_relay_expect(struct stderr_relay *relay, uint64_t seq, bool part);
/* From here on the program writes about this task: the tail starts over. */
void stderr_relay_begin(struct stderr_relay *relay, uint64_t seq);
/* The program writes about this task: its tail goes on, or a new one begins. */
void stderr_relay_speaker(struct stderr_relay *relay, uint64_t seq);
/* What is read from here on may be the next task's already: it stays in the tail when
 * the speaker changes. Or it is this one's after all. */
void stderr_relay_doubt(struct stderr_relay *relay);
void stderr_relay_be_sure(struct stderr_relay *relay);
/* Empties the tail if it is this task's, but for what may be the next one's. */
void stderr_relay_forget(struct stderr_relay *relay, uint64_t seq);
/* Reads a bounded amount of what is there, while the queue has room. */
void stderr_relay_read(struct stderr_relay *relay);
/* Ends an unfinished line, unless there may be more of it. */
void stderr_relay_end_line(struct stderr_relay *relay);
/*
 * The process has ended: reads what was there at the first call, and ends an unfinished
 * line. False: there is more, for which the queue has no room yet; the next call goes
 * on.
 */
bool stderr_relay_try_finish(struct stderr_relay *relay);
/* The same at once, beyond what the queue holds for. */
void stderr_relay_finish(struct stderr_relay *relay);
/* The last 4 KiB since stderr_relay_begin; until the next call. */
struct slice stderr_relay_tail(struct stderr_relay *relay);

#endif
