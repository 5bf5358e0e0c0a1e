/* SPDX-License-Identifier: MIT */
/*
 * Where results are written: a file of its own, locked, or the standard output as it
 * was found. Writes parcels in the order in which they were pushed, as far as the
 * descriptor takes them now, and says which are written in full. Decides nothing.
 *
 * Never changes the flags of an inherited descriptor, which the shell and others
 * share: a pipe or terminal is opened once more, a socket is told with every send, and
 * where neither works it asks before each small write. Only a regular file or a disk
 * may make it wait. SIGPIPE must be ignored.
 */
#ifndef FANFOLD_SINK_OUTPUT_H
#define FANFOLD_SINK_OUTPUT_H

#include "sink/parcel.h"

struct output;

/*
 * `path` NULL: standard output. A regular file is locked, and what is in it stays until
 * the first byte is written, or output_clear. Where the file is created, the signals
 * that end a process are blocked from here on: it is not left behind by one of them. 0,
 * or -errno with a sentence for a person in `error`; -EBUSY: another process has it
 * locked, or one that is gone left its helper behind and that is there after wait_us.
 * Waits for a reader where the path is a FIFO.
 */
int output_open(const char *path, int64_t wait_us, struct output **ret_output,
                char *error, size_t error_size);
/* Goes on behind `offset` in a regular file that output_open opened, in place of its
 * beginning. Before anything is pushed. 0; 1: it is shorter than that; -errno. */
int output_go_on(struct output *output, uint64_t offset);
/* Cuts off what output_open found in a regular file behind the place where writing
 * begins, if nothing was written to it yet. 0 or -errno. */
int output_clear(struct output *output);
/* All is written: as output_clear; -ESTALE: the file was taken away meanwhile, or has
 * another name than it was opened by, and nobody would find what is in it. */
int output_complete(struct output *output);
/* What an error of these is called. */
const char *output_error_text(int error);
/* Cuts off what was written of a parcel that was not written in full, where it can: of
 * a disk that is full that is room for the journal. Nothing may be written after it. */
void output_cut(struct output *output);
/* Takes over `fd`, which others may share; `name` is what a person calls it, copied. */
struct output *output_adopt(int fd, const char *name);
/* A run that failed leaves no empty file behind: removes it if it was not there before
 * and nothing was written to it. */
void output_discard(struct output *output);
/* 0, or -errno of close, which may be the first to tell of an error. What is still
 * queued is dropped. */
int output_close(struct output **output_p);

/* The parcel is the output's. */
void output_push(struct output *output, struct parcel *parcel);

/*
 * Writes some of what is queued. 0; -EPIPE: the reader is gone; other -errno. After an
 * error nothing more is written.
 */
int output_write(struct output *output);
/* The next seq that is written in full; false: none more now. */
bool output_take_written(struct output *output, uint64_t *ret_seq);

/* For the poller: whether it waits for the descriptor (POLLOUT); errors are to be
 * looked for in any case, and given to output_check. */
int output_descriptor(const struct output *output);
bool output_waits(const struct output *output);
/* The poller saw an error on the descriptor: -EPIPE if the reader is gone, else 0. */
int output_check(struct output *output);

uint64_t output_queued(const struct output *output); /* parcels */
/* Written so far, with what output_go_on went on behind. */
uint64_t output_bytes(const struct output *output);
/* The same up to the end of the parcel that output_take_written told of last. */
uint64_t output_whole_bytes(const struct output *output);
/* Of a regular file that output_open opened: bytes that it found there. */
uint64_t output_found_bytes(const struct output *output);
/* There was something in it, and all of that still is. */
bool output_is_as_found(const struct output *output);
const char *output_name(const struct output *output);
bool output_is_regular(const struct output *output);

/* Spills what is written last, but never the parcel that is being written, until the
 * store has no more than that in memory. 0, or -errno. One pass over the queue. */
int output_spill(struct output *output, const struct store *store,
                 uint64_t memory_bytes);

#endif
