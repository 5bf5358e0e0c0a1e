/* SPDX-License-Identifier: MIT */
/*
 * Processes that write parts and bring them onto the disk, one at a time each, so that
 * a slow disk never makes the worker's loop wait. Each gets the bytes by a descriptor
 * of memory.
 */
#ifndef FANFOLD_WORKER_PARTS_PART_WRITER_H
#define FANFOLD_WORKER_PARTS_PART_WRITER_H

#include "common/parts/part.h"
#include <zmq.h>

enum { PART_HELPERS_MAX = 4 };

struct part_writer;

/* Forks so many, PART_HELPERS_MAX at most: before the first thread. 0 or -errno. */
int part_writer_start(const char *directory, uint32_t helpers,
                      struct part_writer **ret_writer);
/* What is being written may be finished, or not. */
void part_writer_stop(struct part_writer **writer_p);

/* Writes `bytes` bytes of `fd` from `offset` on, as RUN/NAME. Takes over the
 * descriptor. `ticket` is the caller's, not 0. */
void part_writer_write(struct part_writer *writer, uint64_t ticket,
                       const struct id *run, const char *name, int fd, uint64_t offset,
                       uint64_t bytes);
/* What has been written; false: nothing more now. *ret_error: 0 or -errno. */
bool part_writer_take(struct part_writer *writer, uint64_t *ret_ticket, int *ret_error,
                      uint64_t *ret_hash);
/* Fills in items to be polled, PART_HELPERS_MAX at most; returns how many. */
uint32_t part_writer_poll(const struct part_writer *writer, zmq_pollitem_t *items);

#endif
