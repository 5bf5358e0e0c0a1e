/* SPDX-License-Identifier: MIT */
/*
 * The tasks of one plugin slot on their way: first those that are in its channel
 * (`given`), in batches, then those that wait for a batch to become free. A result
 * always belongs to the queue's head, whatever the slot may have written; nothing that
 * is read from the channel is trusted. Reports nothing and kills nobody: that is
 * plugin.c's.
 */
#ifndef FANFOLD_WORKER_FEED_H
#define FANFOLD_WORKER_FEED_H

#include "worker/channel.h"
#include "worker/program.h"

enum { FEED_DEPTH = CHANNEL_BATCHES * CHANNEL_BATCH_MAX };

struct queued_task {
    struct program_task task;
    bool muted;   /* killed: nothing is told of it */
    bool overdue; /* it has run for too long, however it ends */
};

struct batch {
    uint32_t count;
    size_t input_bytes, output_bytes;
};

struct feed {
    struct channel channel;
    struct queued_task tasks[FEED_DEPTH]; /* a ring */
    uint32_t head, count, given;
    struct batch batches[CHANNEL_BATCHES];
    uint64_t batches_given, batches_collected;
    uint32_t collected_of_batch;
    uint64_t collected; /* results */
    int64_t opened_at_us;
};

/* An empty one with a new channel. 0, or -errno. */
int feed_open(struct feed *feed, int64_t now_us);
/* What is still queued stays to be read. Fine where it is not open. */
void feed_close(struct feed *feed);
/* Forgets what is queued, where it is not open. */
void feed_clear(struct feed *feed);
bool feed_is_open(const struct feed *feed);

/* Not more than FEED_DEPTH. */
void feed_push(struct feed *feed, const struct program_task *task);
struct queued_task *feed_at(struct feed *feed, uint32_t index);

/* Fills the batches that are free, and wakes the slot. True: there was something. */
bool feed_give(struct feed *feed, uint64_t max_result);

/* How many results can be taken. False: what the slot says makes no sense. */
bool feed_finished(const struct feed *feed, uint32_t *ret_count);
/* Takes the next one off the queue. *ret_data is in the channel until feed_release.
 * False: it makes no sense, and nothing was taken. */
bool feed_take(struct feed *feed, uint64_t max_result, int64_t now_us,
               struct queued_task *ret_task, struct channel_result *ret_result,
               const uint8_t **ret_data);
/* Frees the batch if that was its last result. */
void feed_release(struct feed *feed);
/* Tells the slot what has been taken, in case it waits for room. */
void feed_acknowledge(struct feed *feed);

/* Tasks that the slot says it has begun. */
uint64_t feed_begun(const struct feed *feed);
/* The task that was begun last and has not been taken. */
bool feed_running(struct feed *feed, uint32_t *ret_index);
/* When that was: not in the future, and not before the feed was opened. */
int64_t feed_begun_at(const struct feed *feed, int64_t now_us);
/* When one of the tasks in the channel may have run for too long; 0: never. */
int64_t feed_limit_due(struct feed *feed, int64_t now_us);

#endif
