/* SPDX-License-Identifier: MIT */
/*
 * The tasks of one plugin slot: first those in its channel (`given`), in batches, then
 * those that wait for a free batch. A result always belongs to the queue's head,
 * whatever the slot may have written; nothing that is read from the channel is trusted.
 * Reports nothing and kills nobody: plugin_results.c and plugin_process.c do.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_QUEUE_H
#define FANFOLD_WORKER_PROGRAM_PLUGIN_PLUGIN_QUEUE_H

#include "common/loan/lender.h"
#include "worker/plugin_slot/plugin_channel.h"
#include "worker/program/program_task.h"

enum { PLUGIN_QUEUE_DEPTH = PLUGIN_CHANNEL_BATCHES * PLUGIN_CHANNEL_BATCH_MAX };

struct plugin_queue_task {
    struct program_task task;
    bool muted;   /* killed: nothing is reported of it */
    bool overdue; /* it has run for too long, however it ends */
};

struct batch {
    uint32_t count;
    size_t input_bytes, output_bytes;
    struct loan *loan; /* for the result of its one, long task; NULL: there is none */
    uint8_t *copy;     /* of what that has; NULL: none was needed */
};

/* Where the bytes of a result lie until plugin_queue_release. */
struct plugin_queue_bytes {
    const uint8_t *data;
    struct loan *loan; /* or here, to be offered; NULL: in `data` */
};

struct plugin_queue {
    struct plugin_channel channel;
    struct plugin_queue_task tasks[PLUGIN_QUEUE_DEPTH]; /* a ring */
    uint32_t head, count, given;
    struct batch batches[PLUGIN_CHANNEL_BATCHES];
    uint64_t batches_given, batches_collected;
    uint32_t collected_of_batch;
    uint64_t collected; /* results */
    int64_t opened_at_us;
};

/* An empty one with a new channel. 0, or -errno. */
int plugin_queue_open(struct plugin_queue *queue, int64_t now_us);
/* The tasks stay, to be reported. Fine where it is not open. */
void plugin_queue_close(struct plugin_queue *queue);
/* Forgets what is queued, where it is not open. */
void plugin_queue_clear(struct plugin_queue *queue);
bool plugin_queue_is_open(const struct plugin_queue *queue);

/* Not more than PLUGIN_QUEUE_DEPTH. */
void plugin_queue_push(struct plugin_queue *queue, const struct program_task *task);
struct plugin_queue_task *plugin_queue_at(struct plugin_queue *queue, uint32_t index);

/* Fills the batches that are free, and wakes the slot. Long results may be
 * lent by `lender`; NULL: they may not. True: there was something. */
bool plugin_queue_give(struct plugin_queue *queue, uint64_t max_result,
                       struct lender *lender);

/* How many results can be taken. False: the slot's counts make no sense. */
bool plugin_queue_finished(const struct plugin_queue *queue, uint32_t *ret_count);
/* Takes the next result, and its task off the queue. False: the result makes no sense,
 * and nothing was taken. */
bool plugin_queue_take(struct plugin_queue *queue, uint64_t max_result, int64_t now_us,
                       struct plugin_queue_task *ret_task,
                       struct plugin_channel_result *ret_result,
                       struct plugin_queue_bytes *ret_bytes);
/* Frees the batch if the result taken last was its last. */
void plugin_queue_release(struct plugin_queue *queue);
/* Shows the slot how many were taken, and wakes it if it waits for room. */
void plugin_queue_acknowledge(struct plugin_queue *queue);

/* Tasks that the slot says it has begun. */
uint64_t plugin_queue_begun(const struct plugin_queue *queue);
/* The task that was begun last and has not been taken. */
bool plugin_queue_running(struct plugin_queue *queue, uint32_t *ret_index);
/* When it was begun: not in the future, and not before the queue was opened. */
int64_t plugin_queue_begun_at(const struct plugin_queue *queue, int64_t now_us);
/* When one of the tasks in the channel may have run for too long; 0: never. */
int64_t plugin_queue_limit_due(struct plugin_queue *queue, int64_t now_us);

#endif
