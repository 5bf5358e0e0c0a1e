/* SPDX-License-Identifier: MIT */
/*
 * Follows the writer of a spool, in any process: reads entries in their order, and none
 * that is not on the disk. Blocks no longer than a disk takes to read. Damage ends it
 * with a sentence; nothing is passed over.
 */
#ifndef FANFOLD_COMMON_SPOOL_SPOOL_READER_H
#define FANFOLD_COMMON_SPOOL_SPOOL_READER_H

#include "common/spool/spool_format.h"

struct spool_reader;

/* Begins at entry `number`; with `or_oldest`, if the spool does not have it any more,
 * at the oldest that it has. 0; -ENODATA: the spool does not have it any more, or not
 * yet; -EBADMSG: damaged; other -errno; then with a sentence in `error`. */
int spool_reader_open(const char *path, uint64_t number, bool or_oldest,
                      struct spool_reader **ret_reader, char *error, size_t error_size);
void spool_reader_close(struct spool_reader **reader_p);

/* The next entry, borrowed until the next call: 1; 0: there is none yet; -EBADMSG or
 * other -errno, for good. */
int spool_reader_next(struct spool_reader *reader, struct spool_entry *ret_entry);
/* The number of the next entry. */
uint64_t spool_reader_number(const struct spool_reader *reader);
/* The spool's id. Borrowed. */
const struct id *spool_reader_spool(const struct spool_reader *reader);
const char *spool_reader_error(const struct spool_reader *reader);

#endif
