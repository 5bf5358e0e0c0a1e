/* SPDX-License-Identifier: MIT */
/*
 * The lines that wait to be written to our stderr, which all slots share. While many
 * wait, the queue holds the programs: nobody is to read their pipes, so that they wait
 * as they would on any pipe, and nothing is lost. Where nobody reads our stderr for
 * long, a run does not wait for ever: the queue holds no more, takes lines up to a
 * bound, and counts those that it leaves out. As soon as somebody reads again, it says
 * how many these were.
 *
 * Only stderr_queue_await and stderr_queue_finish block.
 */
#ifndef FANFOLD_WORKER_PROGRAM_STDERR_QUEUE_H
#define FANFOLD_WORKER_PROGRAM_STDERR_QUEUE_H

#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STDERR_QUEUE_HOLD_BYTES = 256 << 10,   /* it holds from here on ... */
    STDERR_QUEUE_RESUME_BYTES = 128 << 10, /* ... until no more than this wait */
    STDERR_QUEUE_MAX_BYTES = 4 << 20,      /* it takes no line above that */
    STDERR_QUEUE_PATIENCE_US = 10000000,   /* nobody has read for so long */
};

struct stderr_queue;

/* `fd` is our stderr, and stays the caller's. */
struct stderr_queue *stderr_queue_new(int fd, uint32_t slots, int64_t now_us);
void stderr_queue_destroy(struct stderr_queue **queue_p);
/* The descriptor to poll for writing, while lines wait; the queue's own, or `fd`. */
int stderr_queue_fd(const struct stderr_queue *queue);

/* Takes a line of a slot's, without its end; writes nothing unless many wait. */
void stderr_queue_add(struct stderr_queue *queue, uint32_t slot, const char *prefix,
                      struct slice line);
/* Writes as much as goes now. True: none waits. */
bool stderr_queue_push(struct stderr_queue *queue, int64_t now_us);

/* The programs are to wait. */
bool stderr_queue_holds(const struct stderr_queue *queue);
/* When it has held in vain for long enough; 0: it does not hold. */
int64_t stderr_queue_deadline(const struct stderr_queue *queue);
/* The deadline may have come. */
void stderr_queue_on_deadline(struct stderr_queue *queue, int64_t now_us);
/* Nobody could read for so long, because all processes were stopped. */
void stderr_queue_shift(struct stderr_queue *queue, int64_t by_us);

/*
 * At the end of the worker. Waits until the queue holds no more, or none waits (`all`).
 * False: nobody has read for `wait_ms`, or a signal wants us to end; the next call does
 * not wait.
 */
bool stderr_queue_await(struct stderr_queue *queue, bool all, int wait_ms);
/* From here on, that does not wait. */
void stderr_queue_hurry(struct stderr_queue *queue);
/* Waits until none waits. If it waits in vain, says, where that can be written, how
 * many lines were left out. */
void stderr_queue_finish(struct stderr_queue *queue, int wait_ms);

#endif
