/* SPDX-License-Identifier: MIT */
/*
 * Between the worker and one process of a plugin's slot: shared memory for tasks,
 * chunks and results, and a bell in each direction.
 *
 * Tasks go in batches. Two may be on their way, each with memory of its own, so that
 * the slot works on one while the worker fills or empties the other. The slot works
 * through them in order and counts the tasks that it has begun and ended, over all
 * batches: when it dies, it was at the task between the two counts.
 *
 * The worker trusts nothing that it reads here.
 */
#ifndef FANFOLD_WORKER_PLUGIN_SLOT_PLUGIN_CHANNEL_H
#define FANFOLD_WORKER_PLUGIN_SLOT_PLUGIN_CHANNEL_H

#include "worker/plugin_slot/shared_memory.h"
#include <stdatomic.h>

enum {
    PLUGIN_CHANNEL_BATCHES = 2,
    PLUGIN_CHANNEL_BATCH_MAX = 512,        /* tasks */
    PLUGIN_CHANNEL_INPUT_BYTES = 1 << 18,  /* of a batch, unless one chunk is longer */
    PLUGIN_CHANNEL_OUTPUT_BYTES = 1 << 22, /* uncollected; beyond it the slot waits */
    PLUGIN_CHANNEL_FDS = 3 + 2 * PLUGIN_CHANNEL_BATCHES,
};

struct plugin_channel_task {
    uint64_t seq;
    uint64_t records;
    uint64_t offset; /* in the batch's input memory */
    uint64_t size;
    uint32_t attempt;
    int32_t file_fd; /* of the worker's; valid where file_size is not 0 */
    /* The slot reads these bytes of a file to `file_at` in the input memory, within
     * what offset and size name. */
    uint64_t file_serial; /* of the worker's opening of it */
    uint64_t file_device, file_inode;
    uint64_t file_offset;
    uint64_t file_size;
    uint64_t file_at;
};

enum plugin_channel_verdict {
    PLUGIN_CHANNEL_DONE = 1,
    PLUGIN_CHANNEL_REPORTED,  /* code: process's return value; output: its message */
    PLUGIN_CHANNEL_TOO_LARGE, /* no output */
    PLUGIN_CHANNEL_OVERRUN, /* no output; the plugin committed more than it reserved */
    PLUGIN_CHANNEL_UNREAD,  /* no output; the bytes of the file could not be read */
};

struct plugin_channel_result {
    uint64_t offset; /* in the batch's output memory */
    uint64_t size;
    uint64_t run_us;
    uint32_t verdict;
    int32_t code;
    uint32_t in_loan; /* it is there, from LOAN_HEAD on */
    uint32_t reserved;
};

struct plugin_channel_batch {
    _Atomic uint32_t count;
    /* Of one long task: the worker's descriptor and the inode of a loan (lender.h) for
     * its result, which the slot opens by /proc; 0: the result goes into the batch's
     * output memory. */
    uint32_t loan_fd;
    uint64_t loan_inode;
    struct plugin_channel_task tasks[PLUGIN_CHANNEL_BATCH_MAX];
    struct plugin_channel_result results[PLUGIN_CHANNEL_BATCH_MAX];
};

struct plugin_channel_control {
    /* Written by the worker. */
    _Atomic uint64_t given;     /* batches */
    _Atomic uint64_t collected; /* results */
    _Atomic uint64_t max_result;
    _Atomic int64_t
        worker; /* its process, whose descriptors file_fd and loan_fd name */
    uint64_t reserved[4];
    /* Written by the slot. */
    _Atomic uint64_t begun; /* tasks */
    _Atomic uint64_t ended;
    _Atomic uint64_t begun_at_us; /* the last one */
    _Atomic uint32_t waiting;     /* for the worker to collect */
    struct plugin_channel_batch batches[PLUGIN_CHANNEL_BATCHES];
};

struct plugin_channel {
    struct shared_memory control;
    struct shared_memory input[PLUGIN_CHANNEL_BATCHES];
    struct shared_memory output[PLUGIN_CHANNEL_BATCHES];
    int slot_bell;   /* eventfd: wakes the slot */
    int worker_bell; /* eventfd: wakes the worker */
};

/* 0, or -errno. */
int plugin_channel_create(struct plugin_channel *channel);
void plugin_channel_close(struct plugin_channel *channel);
/* In the order in which plugin_channel_open takes them; they stay the channel's. */
void plugin_channel_fds(const struct plugin_channel *channel,
                        int ret_fds[PLUGIN_CHANNEL_FDS]);
/* In the slot; the descriptors are the channel's from now on. 0, or -errno. */
int plugin_channel_open(struct plugin_channel *channel,
                        const int fds[PLUGIN_CHANNEL_FDS]);

static inline struct plugin_channel_control *
plugin_channel_control(const struct plugin_channel *channel)
{
    return (struct plugin_channel_control *)(void *)channel->control.data;
}

#endif
