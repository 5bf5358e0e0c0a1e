/* SPDX-License-Identifier: MIT */
/*
 * Whether somebody else changed the output while we write it: made it shorter, wrote
 * into it, or took it away. Remembers a hash of what was written, and reads the file
 * again where something makes that doubtful: another process had it open for writing,
 * or its time of change is not that of our last write. A small file it always reads.
 */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_WATCH_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct output_watch;

/* Of a regular file that only we write, open for writing. */
struct output_watch *output_watch_new(int fd);
void output_watch_destroy(struct output_watch **watch_p);
/* Writing begins at `offset`: what lies before is remembered too, if that is cheap. */
void output_watch_begin(struct output_watch *watch, uint64_t offset);
/* We have written the first `size` bytes of the vectors, or changed the size. */
void output_watch_note(struct output_watch *watch, const struct iovec *vectors,
                       size_t size);
/* Before we write more, at `bytes`. 0; -ENODATA: it is shorter. */
int output_watch_look(struct output_watch *watch, uint64_t bytes);
/* All `bytes` are written. 0; -ENODATA: it is shorter; -EUCLEAN: it has other bytes;
 * other -errno. Reads as long as it takes. */
int output_watch_examine(struct output_watch *watch, uint64_t bytes);

#endif
