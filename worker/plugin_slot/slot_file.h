/* SPDX-License-Identifier: MIT */
/*
 * The file whose bytes a slot reads into its input memory by itself: the one that the
 * worker has open, opened again by the worker's descriptor. Whether it is still in the
 * state in which it was asked for, the worker finds out when the result is there.
 */
#ifndef FANFOLD_WORKER_PLUGIN_SLOT_SLOT_FILE_H
#define FANFOLD_WORKER_PLUGIN_SLOT_SLOT_FILE_H

#include "worker/plugin_slot/plugin_channel.h"

struct slot_file {
    int fd;          /* -1: none is open */
    uint64_t serial; /* of the worker's opening; 0: none */
};

void slot_file_init(struct slot_file *file);
/* Reads what the task names to `to`. False: it cannot. */
bool slot_file_read(struct slot_file *file, int64_t worker,
                    const struct plugin_channel_task *task, uint8_t *to);

#endif
