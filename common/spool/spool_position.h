/* SPDX-License-Identifier: MIT */
/*
 * How far a spool is done with, in the file "position" of its directory, 48 bytes: the
 * magic "fanfoldP"; a version, 1, and a state, 4 bytes each; the spool's id, 16 bytes;
 * the number of the first entry that no run has committed, and a checksum of what
 * precedes, 8 bytes each. Numbers are little-endian. The process that writes the spool
 * writes it.
 *
 * It is there, durably, before the spool's first entry is, so that a spool which has
 * entries and no position is damaged. It is made beside its place and renamed; later
 * writes put new bytes over the old ones, which lie in one sector: it is the old one or
 * the new one after any crash.
 */
#ifndef FANFOLD_COMMON_SPOOL_SPOOL_POSITION_H
#define FANFOLD_COMMON_SPOOL_SPOOL_POSITION_H

#include "common/spool/spool_directory.h"
#include <stdbool.h>
#include <stdint.h>

struct spool_position {
    struct spool_directory *directory; /* borrowed; has the sentences */
    int fd;                            /* -1: closed */
    struct id spool;
    uint64_t number;
    bool lost; /* a run had committed entries that the spool had not any more */
};

/* `first`, `next`: the numbers of the oldest entry that the spool still has and of the
 * one that comes next; makes the file if there never was an entry. 0; -EBADMSG: it is
 * not there, or is damaged, or of another spool, or points at what the spool has not;
 * other -errno. */
int spool_position_open(struct spool_position *position,
                        struct spool_directory *directory, const struct id *spool,
                        uint64_t first, uint64_t next);
/* It is on the disk afterwards. One that was not opened, but has the descriptor -1,
 * too. */
void spool_position_close(struct spool_position *position);

/* All below `number` is committed. `syncs`: that is on the disk afterwards. 0 or
 * -errno. */
int spool_position_advance(struct spool_position *position, uint64_t number,
                           bool syncs);
/* The spool is never opened again. 0 or -errno. */
int spool_position_lose(struct spool_position *position);

#endif
