/* SPDX-License-Identifier: MIT */
/*
 * Between the worker and one incarnation of a plugin's slot: shared memory for tasks,
 * chunks and results, and a bell in each direction.
 *
 * Tasks go in batches; two may be on their way, each with areas of its own, so that the
 * slot works on one while the other is filled or emptied. The slot works through them
 * in order and counts what it has begun and ended, over all batches: what it was at
 * when it died is the task between the two counts.
 *
 * The worker side takes nothing that it reads here on trust.
 */
#ifndef FANFOLD_WORKER_CHANNEL_H
#define FANFOLD_WORKER_CHANNEL_H

#include "worker/area.h"
#include <stdatomic.h>

enum {
    CHANNEL_BATCHES = 2,
    CHANNEL_BATCH_MAX = 512,        /* tasks */
    CHANNEL_INPUT_BYTES = 1 << 18,  /* of a batch, unless one chunk is longer */
    CHANNEL_OUTPUT_BYTES = 1 << 22, /* uncollected; beyond it the slot waits */
    CHANNEL_FDS = 3 + 2 * CHANNEL_BATCHES,
};

struct channel_task {
    uint64_t seq;
    uint64_t records;
    uint64_t offset; /* in the batch's input area */
    uint64_t size;
    uint32_t attempt;
    uint32_t reserved;
};

enum channel_verdict {
    CHANNEL_DONE = 1,
    CHANNEL_REPORTED,  /* code: what process returned; the output is the message */
    CHANNEL_TOO_LARGE, /* no output */
    CHANNEL_OVERRUN,   /* no output; the plugin committed more than it reserved */
};

struct channel_result {
    uint64_t offset; /* in the batch's output area */
    uint64_t size;
    uint64_t run_us;
    uint32_t verdict;
    int32_t code;
};

struct channel_batch {
    _Atomic uint32_t count;
    struct channel_task tasks[CHANNEL_BATCH_MAX];
    struct channel_result results[CHANNEL_BATCH_MAX];
};

struct channel_control {
    /* Written by the worker. */
    _Atomic uint64_t given;     /* batches */
    _Atomic uint64_t collected; /* results */
    _Atomic uint64_t max_result;
    uint64_t reserved[5];
    /* Written by the slot. */
    _Atomic uint64_t begun; /* tasks */
    _Atomic uint64_t ended;
    _Atomic uint64_t begun_at_us; /* the last one */
    _Atomic uint32_t waiting;     /* for the worker to collect */
    struct channel_batch batches[CHANNEL_BATCHES];
};

struct channel {
    struct area control;
    struct area input[CHANNEL_BATCHES];
    struct area output[CHANNEL_BATCHES];
    int slot_bell;   /* eventfd: wakes the slot */
    int worker_bell; /* eventfd: wakes the worker */
};

/* 0, or -errno. */
int channel_create(struct channel *channel);
void channel_close(struct channel *channel);
/* In the order in which channel_open takes them; they stay the channel's. */
void channel_fds(const struct channel *channel, int ret_fds[CHANNEL_FDS]);
/* In the slot; the descriptors are the channel's from now on. 0, or -errno. */
int channel_open(struct channel *channel, const int fds[CHANNEL_FDS]);

static inline struct channel_control *channel_control(const struct channel *channel)
{
    return (struct channel_control *)(void *)channel->control.data;
}

#endif
