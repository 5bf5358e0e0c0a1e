/* SPDX-License-Identifier: MIT */
/*
 * The file for what memory has no room for. It has no name, so that nothing is left
 * behind whatever happens. Bytes lie in extents; the space of a released extent is used
 * again. The first write makes the file. Blocks as long as the disk does.
 */
#ifndef FANFOLD_SINK_RESULT_SPILL_H
#define FANFOLD_SINK_RESULT_SPILL_H

#include <stddef.h>
#include <stdint.h>

struct spill;

/* Copies the directory's name; touches the directory with the first write. */
struct spill *spill_new(const char *directory);
void spill_destroy(struct spill **spill_p);

/* Makes the file, unless there is one. 0 or -errno. */
int spill_open(struct spill *spill);
/* 0, or -errno: then it holds nothing. `size` is at least 1. */
int spill_write(struct spill *spill, const void *data, size_t size,
                uint64_t *ret_offset);
/* 0, or -errno. Any part of an extent may be read. */
int spill_read(struct spill *spill, uint64_t offset, void *data, size_t size);
/* Gives back an extent as spill_write gave it. */
void spill_release(struct spill *spill, uint64_t offset, size_t size);

const char *spill_directory(const struct spill *spill);

#endif
