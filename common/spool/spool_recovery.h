/* SPDX-License-Identifier: MIT */
/*
 * Looks how far the last segment of a spool is whole. Whatever a kill or a power cut
 * left behind its last whole entry was never synced, and is cut off. Damage in front of
 * a place that was synced is an error: acknowledged entries would be lost.
 */
#ifndef FANFOLD_COMMON_SPOOL_SPOOL_RECOVERY_H
#define FANFOLD_COMMON_SPOOL_SPOOL_RECOVERY_H

#include "common/spool/spool_directory.h"

struct spool_recovery {
    uint64_t size; /* of the file, as far as it is whole */
    uint64_t next; /* number of the next entry */
    bool synced;   /* a "synced" is its last entry, or it has none */
    bool torn;     /* there is more in the file */
};

/* Adds what the entries say of their producers. 0; -EBADMSG or other -errno with the
 * directory's sentence. */
int spool_recover(struct spool_directory *directory, int fd,
                  const struct spool_header *header, struct producers *producers,
                  struct spool_recovery *ret_recovery);

#endif
