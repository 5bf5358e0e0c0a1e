/* SPDX-License-Identifier: MIT */
/*
 * The user's program in its slots. All user code runs under the supervisor, a process
 * that program_open forks before any socket exists. This module starts tasks in slots,
 * moves their bytes and reports how they ended. It decides nothing: the session says
 * which task goes where, and which is tried again.
 *
 * Events come by callback, only from within program_handle. Only program_open and
 * program_close block.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PROGRAM_H
#define FANFOLD_WORKER_PROGRAM_PROGRAM_H

#include "worker/program/program_config.h"
#include "worker/program/program_task.h"

struct program;

/*
 * Resolves the command, or loads and prepares the plugin, and forks the supervisor. To
 * be called before any thread or socket exists. 0, or an exit status (2 usage, 126
 * cannot be executed, 127 not found, 4 no resources) with a sentence for a person in
 * `error`: prepare's own message, "no such command; did you mean sh -c '...'" where the
 * word has blanks or shell characters.
 */
int program_open(const struct program_config *config,
                 const struct program_events *events, struct program **ret_program,
                 char *error, size_t error_size);

/* Ends every slot, every process group and every descendant, and waits for the
 * supervisor. */
void program_close(struct program **program_p);

/* The end is not to wait for whoever reads our stderr. */
void program_hurry(struct program *program);

/* A result larger than `most` bytes is a failure (FAILURE_TOO_LARGE); a long one is
 * lent (lender.h), or is not. */
void program_set_results(struct program *program, uint64_t most, bool lends);

/* The slot has fewer than program_depth tasks. The task's end comes as an event, also
 * where it cannot be started. One program_flush is enough for several starts. */
void program_start(struct program *program, uint32_t slot,
                   const struct program_task *task);
void program_flush(struct program *program);
/* Whether a task may have an extent. */
bool program_takes_extents(const struct program *program);
/* How many tasks a slot may be given at once: 1 for exec. */
uint32_t program_depth(const struct program *program);
/*
 * Kills the slot's process group at once. Nothing is reported of the task (seq,
 * attempt) any more. Tasks that are done still are, the others come as unstarted, and
 * then slot (ready).
 */
void program_kill(struct program *program, uint32_t slot, uint64_t seq,
                  uint32_t attempt);

/*
 * No task is left: lets the programs end by themselves, if they are of mode lines, and
 * compares what they wrote in all with what they were asked. Doubts come as events, and
 * then, from within program_handle, drained. A task that is started later starts its
 * slot's process anew.
 */
void program_drain(struct program *program);

/* To be asked when a task is done: whether it is known that its result, and all that
 * the slot's process gave before, are the answers to their tasks. Else a doubt may
 * follow, if the process, or this worker, is lost before it is drained. */
bool program_in_step(const struct program *program, uint32_t slot);

/* A sentence for a person about the starts of programs since the run began; false:
 * there is nothing to say. */
bool program_take_hint(struct program *program, char *text, size_t size);

/* Descriptors to poll: appends to `items` (room for program_poll_max), returns how
 * many. */
uint32_t program_poll_max(const struct program *program);
uint32_t program_poll(struct program *program, zmq_pollitem_t *items);
/* Handles what the poller found; `items` as program_poll filled them. Drains a bounded
 * number of events. */
void program_handle(struct program *program, const zmq_pollitem_t *items,
                    uint32_t count, int64_t now_us);

#endif
