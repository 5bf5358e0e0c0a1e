/* SPDX-License-Identifier: MIT */
/*
 * Where results are written: a file of its own, locked, or the standard output as it
 * was found. Writes results in the order in which they were pushed, as far as the
 * descriptor takes them now, and says which are written in full. Decides nothing.
 *
 * Never changes the flags of an inherited descriptor, which the shell and others share:
 * it opens a pipe or terminal once more, tells a socket with every send, and where
 * neither works asks before each small write. Only a regular file or a disk may make it
 * wait. SIGPIPE must be ignored.
 */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_H

#include "sink/output/framing.h"
#include "sink/result/result_records.h"

struct output;

/*
 * `path` NULL: standard output; so, too, a path that names an open descriptor
 * (output_alias.h). Locks a regular file, and keeps what is in it until the
 * first byte is written, or output_clear. Where it creates the file, it blocks the
 * signals that end a process, so that none of them leaves the file behind. 0, or -errno
 * with a sentence for a person in `error`; -EBUSY: another process has the file locked,
 * or the commit process of a sink that is gone still has it after wait_us. Waits for a
 * reader where the path is a FIFO.
 */
int output_open(const char *path, int64_t wait_us, struct output **ret_output,
                char *error, size_t error_size);
/* Lets writing begin at `offset` of a regular file that output_open opened, behind
 * parts of `earlier` bytes; before anything is pushed. 0; 1: the file is shorter than
 * that; -errno. */
int output_resume(struct output *output, uint64_t offset, uint64_t earlier);
/* Unless something was written already, cuts off what output_open found in a regular
 * file behind the place where writing begins. 0 or -errno. */
int output_clear(struct output *output);
/* All is written: as output_clear. -ESTALE: the file was taken away meanwhile, or has
 * another name than it was opened by, and nobody would find what is in it; -ENODATA:
 * somebody else made it shorter; -EUCLEAN: somebody else wrote into it. */
int output_complete(struct output *output);
/* Somebody else may change what was written, and nobody is to notice. */
void output_unwatch(struct output *output);
/* As far as it is written: 0 or -ENODATA. output_write calls it. */
int output_look(struct output *output);
/* 0 or -ESTALE. */
int output_check_name(const struct output *output);
/* The words for an error of writing, completing and closing. */
const char *output_error_text(int error);
/* What was written is not in the file: nobody can resume the run. */
bool output_error_is_loss(int error);
/* Cuts off, where it can, the part of a result that was not written in full: on a full
 * disk that makes room for the journal. Nothing may be written after it. Leaves alone
 * what somebody else has changed. */
void output_cut(struct output *output);
/* Takes over `fd`, which others may share; `name` is what a person calls it, copied. */
struct output *output_adopt(int fd, const char *name);
/* A run that failed leaves no empty file behind: removes the file if output_open
 * created it and nothing was written to it. */
void output_discard(struct output *output);
/* Removes the file if it is empty, whoever made it: an earlier run began the part. */
void output_drop_empty(struct output *output);
/* Drops what is still queued. 0, or -errno of close, which may be the first to tell of
 * an error. */
int output_close(struct output **output_p);

/* What results become in the output. */
struct output_shape {
    enum framing framing;
    struct record_format records; /* where the records of a result end */
    struct id run;
};
/* Before the first push. */
void output_shape(struct output *output, const struct output_shape *shape);
/* Takes the result. */
void output_push(struct output *output, struct result *result);

/*
 * Writes some of what is queued. 0; -EPIPE: the reader is gone; -EBADMSG: a result is
 * not made of the records that are to be framed; other -errno. After an error nothing
 * more is written.
 */
int output_write(struct output *output);
/* The next seq that is written in full; false: none more now. */
bool output_take_written(struct output *output, uint64_t *ret_seq);

/* -1: it has none. */
int output_descriptor(const struct output *output);
/* For the poller, which looks for errors in any case and gives them to output_check.
 * Leaves out what is empty in the item. */
void output_fill_item(const struct output *output, zmq_pollitem_t *item);
/* The last write found no room: the output waits for the poller. */
bool output_waits(const struct output *output);
/* The poller saw an error on the descriptor: -EPIPE if the reader is gone, else 0. */
int output_check(struct output *output);

/* What is written may still be on its way: there is an end to output_flush for. */
bool output_is_sent(const struct output *output);
/* Nothing more is pushed, and all is written: 1: it has arrived, as far as anyone can
 * tell; 0: not yet, call it again when the poller says so; -ETIMEDOUT: limit_ms after
 * the first call it has not; other -errno. */
int output_flush(struct output *output, int limit_ms);
/* Of an output that is sent: by what name a person knows who is to receive it, and
 * whether somebody is there. NULL: it is of another kind. */
const char *output_receiver(const struct output *output, bool *ret_there);

uint64_t output_queued(const struct output *output); /* results */
/* Written so far, with what lies before the offset of output_resume; of a part. */
uint64_t output_bytes(const struct output *output);
/* The same up to the end of the result that output_take_written told of last. */
uint64_t output_whole_bytes(const struct output *output);
/* Bytes of the parts before this one. */
uint64_t output_earlier_bytes(const struct output *output);
/* Bytes that output_open found in a regular file. */
uint64_t output_found_bytes(const struct output *output);
/* There was something in the file, and all of that still is. */
bool output_is_as_found(const struct output *output);
const char *output_name(const struct output *output);
bool output_is_regular(const struct output *output);
/* Opened by its path, and so nobody else's to write to. */
bool output_is_owned(const struct output *output);

/* ---- an output that is rotated ---- */

/* The output ends its part at the first end of a result from `bytes` on; UINT64_MAX:
 * nowhere. */
void output_limit(struct output *output, uint64_t bytes);
/* The part has its end: nothing is written until the next one begins. */
bool output_is_full(const struct output *output);
/* Takes the file of the next part; the one before is complete, and has another name. */
void output_begin_part(struct output *output, int fd);

/* ---- memory ---- */

/* Spills what is written last, but never the result that is being written, until no
 * more than memory_bytes are in memory. 0, or -errno. One pass over the queue. */
int output_spill(struct output *output, const struct result_memory *memory,
                 uint64_t memory_bytes);

#endif
