/* SPDX-License-Identifier: MIT */
/*
 * By what an output is known again: a hash of the last bytes before the place where its
 * journal stands. A file that was replaced, or written by another run under another of
 * its names, is not gone on with.
 */
#ifndef FANFOLD_SINK_TAIL_H
#define FANFOLD_SINK_TAIL_H

#include <stdint.h>

enum { TAIL_BYTES = 64 << 10 };

/* Of the last TAIL_BYTES before `offset`, or all where there are fewer. The descriptor
 * may be one for writing only. 0, with a hash that is never 0; -ENODATA: the file ends
 * before; other -errno. */
int tail_hash(int fd, uint64_t offset, uint64_t *ret_hash);

#endif
