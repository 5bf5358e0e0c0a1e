/* SPDX-License-Identifier: MIT */
/* A task as the user's program gets it, and what is reported of it. */
#ifndef FANFOLD_WORKER_PROGRAM_PROGRAM_TASK_H
#define FANFOLD_WORKER_PROGRAM_PROGRAM_TASK_H

#include "common/file_extent.h"
#include "common/protocol/message.h"
#include <stdbool.h>
#include <stdint.h>
#include <zmq.h>

struct program_task {
    uint64_t seq;
    uint32_t attempt;
    uint32_t limit_ms; /* 0: none. A task that runs for longer (in its slot, not before,
                          nor while SIGTSTP stops everything) fails (FAILURE_TIMEOUT):
                          its process group gets SIGTERM and, unless its leader ends
                          within a second, SIGKILL */
    uint64_t records;
    bool part; /* of a chunk whose bad records are looked for: what an earlier part has
                  said on stderr is not said again */
    /* The program reads the header of the input, an extent, if there is one, and the
     * input; all are borrowed until the task's end is reported. An extent has only what
     * program_takes_extents. */
    struct slice header;
    struct file_extent extent;
    struct slice input;
};

/* Bytes that the program reads; without the header they are the chunk's. */
static inline uint64_t program_task_chunk_size(const struct program_task *task)
{
    return task->extent.size + task->input.size;
}
static inline uint64_t program_task_size(const struct program_task *task)
{
    return task->header.size + program_task_chunk_size(task);
}

/* What a task gave. */
struct program_result {
    zmq_msg_t *message;
    uint64_t lent; /* the message names a loan (lender.h) of so many bytes, where it
                      lies; 0: the message has it */
};

/* Results that a process gave, of which nobody can say any more that each is the answer
 * to its task. */
struct program_doubt {
    uint32_t slot;
    uint64_t from;    /* the lowest seq */
    const char *text; /* why: a sentence for a person */
};

/* Also the order in which a slot's events come. */
struct program_events {
    void *context; /* the first argument of each */
    /* The task is done. The callee moves the message out with zmq_msg_move, or leaves
     * it to be thrown away. */
    void (*done)(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                 uint64_t run_us, const struct program_result *result);
    /* The task failed; text is the tail of its stderr, or a sentence of ours. */
    void (*failed)(void *context, uint32_t slot, uint64_t seq, uint32_t attempt,
                   uint64_t run_us, enum failure cause, uint32_t code,
                   struct slice text);
    /* The slot's process ended before it began this task. */
    void (*unstarted)(void *context, uint32_t slot, uint64_t seq, uint32_t attempt);
    /* The slot is ready for tasks again, or (while its process is replaced) is not.
     * Every slot is ready at the start. */
    void (*slot)(void *context, uint32_t slot, bool ready);
    /* Mode lines: what the slot's process gave for tasks that were reported as done may
     * be shifted by a line or more. */
    void (*doubt)(void *context, const struct program_doubt *doubt);
    /* program_drain is through: no process is left that could cast doubt. */
    void (*drained)(void *context);
    /* The supervisor is gone, or cannot start anything any more: the worker must end
     * with this status. */
    void (*broken)(void *context, int status, const char *text);
    /* Somebody has ended the process that forks the slots, by a signal that may be
     * meant for the worker, too. True: it was, and the slots go on as long as they
     * last. NULL: it never is. */
    bool (*told)(void *context);
};

#endif
