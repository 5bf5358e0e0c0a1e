/* SPDX-License-Identifier: MIT */
/*
 * How far the receiver has stored the records of a run, in the file DIR/position: the
 * run's id, 16 bytes, zeros before the first one; the offset in the file of records,
 * and the number of the record there, 8 bytes each, little-endian; a checksum of these,
 * 8 bytes. The sink makes it before it commits anything, so that where something is
 * committed and it is missing or damaged, nobody knows what was sent.
 */
#ifndef FANFOLD_SINK_SENDER_SENDER_POSITION_H
#define FANFOLD_SINK_SENDER_SENDER_POSITION_H

#include "common/id.h"
#include <stdbool.h>
#include <stdint.h>

struct sender_position {
    struct id run;
    uint64_t offset, number;
};

/* Nothing is committed: makes the file in the directory `path`, durably, unless there
 * is a good one. 0 or -errno. */
int sender_position_prepare(const char *path);
/* The descriptor of the file in `directory`, or -errno. */
int sender_position_open(int directory);
/* False: it is damaged; then ret_position is all zero. */
bool sender_position_read(int fd, struct sender_position *ret_position);
/* It is on the disk afterwards. 0 or -errno. */
int sender_position_write(int fd, const struct sender_position *position);

#endif
