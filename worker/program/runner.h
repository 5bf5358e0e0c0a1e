/* SPDX-License-Identifier: MIT */
/*
 * The ways in which a program runs, as a table of operations: exec (a process a task),
 * persistent (a process a slot; modes lines and frames), plugin. program.c chooses one
 * once and knows no other difference between them.
 *
 * `self` is what `open` returned. An operation that a way has no use for is NULL where
 * this is said; all others must be there.
 */
#ifndef FANFOLD_WORKER_PROGRAM_RUNNER_H
#define FANFOLD_WORKER_PROGRAM_RUNNER_H

#include "worker/program/runner_context.h"

struct runner_ops {
    uint32_t depth; /* tasks that a slot may have at once */
    bool takes_extents;
    /* 0, or -errno; *ret_self is valid in either case. */
    int (*open)(struct runner_context *context, const struct program_config *config,
                void **ret_self);
    void (*destroy)(void *self);

    /* The slot has room for the task; its end is reported as an event. */
    void (*start)(void *self, uint32_t slot, const struct program_task *task);
    /* The starts since the last flush may begin now. NULL: they have. */
    void (*flush)(void *self);
    void (*kill)(void *self, uint32_t slot, uint64_t seq, uint32_t attempt);

    /* The slot's program takes bytes. NULL: no descriptor is watched for that. */
    void (*on_input)(void *self, uint32_t slot);
    /* The slot's program gives some, or has closed its end. */
    void (*on_output)(void *self, uint32_t slot);
    /* The slot's time in context->limits has come. */
    void (*on_limit)(void *self, uint32_t slot);
    /* The slot has waited long enough after nothing could be started in it. */
    void (*on_retry)(void *self, uint32_t slot);
    /* Whoever starts processes reports of the slot's process. */
    void (*on_report)(void *self, const struct report *report);
    /* The descriptor that the way watches under TAG_LOOK. NULL: it watches none. */
    void (*on_look)(void *self);
    /* All processes were stopped for so long. NULL: the way keeps no times but those
     * in context->limits. */
    void (*on_stopped)(void *self, int64_t by_us);
    /* After runner_context_wake: reports what is left to report. */
    void (*settle)(void *self);

    /* Whether all that the slot's process gave is known to be in step. NULL: it is. */
    bool (*in_step)(const void *self, uint32_t slot);
    /* Compares, as program_drain says, and then reports `drained`. NULL: there is
     * nothing to compare. */
    void (*drain)(void *self);

    /* The task that the slot is at, which it may be writing to stderr about; false:
     * none. NULL: a slot has one task at a time. */
    bool (*running)(void *self, uint32_t slot, uint64_t *ret_seq);
    /* Lets the programs end by themselves; nothing is reported or started after
     * that. NULL: killing them is all there is to do. */
    void (*end)(void *self);
    /* No process is left. NULL with `end`. */
    bool (*is_over)(const void *self);
};

#endif
