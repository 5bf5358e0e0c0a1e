/* SPDX-License-Identifier: MIT */
/*
 * How far the receiver has stored the records of a run, in the file DIR/position: the
 * run's id, 16 bytes; the offset in the file of records, and the number of the record
 * there, 8 bytes each, little-endian; a checksum of these, 8 bytes.
 */
#ifndef FANFOLD_SINK_SENDER_SENDER_POSITION_H
#define FANFOLD_SINK_SENDER_SENDER_POSITION_H

#include "common/id.h"
#include <stdint.h>

struct sender_position {
    struct id run;
    uint64_t offset, number;
};

/* The descriptor of the file in `directory`, or -errno. */
int sender_position_open(int directory);
/* All zero where there is none. */
struct sender_position sender_position_read(int fd);
/* It is on the disk afterwards. 0 or -errno. */
int sender_position_write(int fd, const struct sender_position *position);

#endif
