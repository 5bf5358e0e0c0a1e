/* SPDX-License-Identifier: MIT */
/* A task's chunk by reference: what the reference says, and its file while it is
 * needed. */
#ifndef FANFOLD_WORKER_TASK_CHUNK_EXTENTS_H
#define FANFOLD_WORKER_TASK_CHUNK_EXTENTS_H

#include "common/file_extent.h"
#include "worker/task/chunk_file.h"
#include <zmq.h>

struct chunk_extents;

/* Literals borrow from `bytes`. NULL: they are no reference, or its file is not
 * there: chunk_files_reason. */
struct chunk_extents *chunk_extents_open(struct slice bytes, struct chunk_files *files);
void chunk_extents_close(struct chunk_extents **extents_p);

/* The file is as the reference says: what was read of it is the chunk. */
bool chunk_extents_hold(const struct chunk_extents *extents);
/* Where the chunk is bytes of the file, and a literal behind them at most. */
bool chunk_extents_are_plain(const struct chunk_extents *extents,
                             struct file_extent *ret_extent, struct slice *ret_rest);
/* Reads the chunk into a new message of the caller's. False: it cannot be read. */
bool chunk_extents_read(const struct chunk_extents *extents, zmq_msg_t *ret_bytes);

#endif
