/* SPDX-License-Identifier: MIT */
/*
 * Writes results to the output, the header once, and brings the output to its end. An
 * error ends it: nothing more is written, and the sink fails for the status and the
 * sentence that it gives.
 */
#ifndef FANFOLD_SINK_OUTPUT_OUTPUT_WRITER_H
#define FANFOLD_SINK_OUTPUT_OUTPUT_WRITER_H

#include "sink/output/output.h"
#include "sink/output/rotation.h"

struct output_writer;

/* Takes the output. `memory` counts its results. `journal`: one is kept, so that what
 * was not written in full is cut off. */
struct output_writer *output_writer_new(struct output **output_p,
                                        const struct result_memory *memory,
                                        bool journal);
void output_writer_destroy(struct output_writer **writer_p);

/* Parts end as the rotation says; `part` is the number of the first that is written,
 * and `closing`: it has its end already; `headed`: those before it have the header. */
void output_writer_rotate(struct output_writer *writer, const struct rotation *rotation,
                          uint64_t part, bool closing, bool headed);
/* Ends a part that is old enough; returns when to call it again. */
int64_t output_writer_tick(struct output_writer *writer, int64_t now_us);
/* The part has its end, and the next one has to be begun. */
bool output_writer_is_full(const struct output_writer *writer);
/* A result's byte is in the parts before this one, or whole in this: no later result
 * brings the header. */
bool output_writer_is_headed(struct output_writer *writer);
/* Takes the file of the next part. */
void output_writer_begin_part(struct output_writer *writer, int fd);
/* How many parts are complete. */
uint64_t output_writer_parts(const struct output_writer *writer);

/* Before the first push. */
void output_writer_shape(struct output_writer *writer,
                         const struct output_shape *shape);
/* Queues the result without its header, of which each result has so many lines, and the
 * output the first one's. The result is taken. Once the writer has ended, drops it.
 * STATUS_OK, or the status to leave with and a sentence for a person in `error`. */
int output_writer_push(struct output_writer *writer, struct result *result,
                       uint32_t header_lines, char *error, size_t error_size);
/* Writes some megabytes of what the output takes now; while more than share_bytes of
 * results are in memory, some more. Outcomes as above; the sentence is empty for
 * STATUS_OUTPUT_CLOSED. */
int output_writer_write(struct output_writer *writer, uint64_t share_bytes, char *error,
                        size_t error_size);
/* More than share_bytes are in memory, and the output takes more at once: it is to be
 * called again before anything is spilled or received. */
bool output_writer_is_behind(const struct output_writer *writer);
/* Everything up to *ret_seq is written; false: no more than at the last call. */
bool output_writer_take_written(struct output_writer *writer, uint64_t *ret_seq);
/* The poller saw an error. Outcomes as with output_writer_write. */
int output_writer_check(struct output_writer *writer, char *error, size_t error_size);
/* Spills queued results until no more than memory_bytes are in memory. 0 or -errno. */
int output_writer_spill(struct output_writer *writer, uint64_t memory_bytes);
/* Before a commit: the output still has its name and what was written. Outcomes as with
 * output_writer_complete. */
int output_writer_look(struct output_writer *writer, char *error, size_t error_size);
/* Cuts off what lies behind the end of a complete output, before that is said to be so.
 * STATUS_OK, or the status and a sentence. */
int output_writer_complete(struct output_writer *writer, char *error,
                           size_t error_size);

/* Waits patience_us, < 0: 300 s, for the last of what was sent. 1: it has arrived; 0:
 * not yet; -errno with a sentence. */
int output_writer_flush(struct output_writer *writer, int64_t patience_us, char *error,
                        size_t error_size);
bool output_writer_is_sent(const struct output_writer *writer);
/* As output_receiver; NULL also where nothing waits for a receiver. */
const char *output_writer_receiver(const struct output_writer *writer, bool *ret_there);

/* Nothing more is written. */
void output_writer_stop(struct output_writer *writer);
bool output_writer_has_ended(const struct output_writer *writer);
/* Of a run that did not finish: cuts off what was not written in full, and takes away
 * what is empty. */
void output_writer_abandon(struct output_writer *writer);
/* Closes the output of a complete run, which without a byte is an empty file, or
 * abandons it. The last part of one that is rotated gets its name. close has the
 * kernel's last word on what was written: STATUS_OK, or the status and a sentence. Does
 * nothing once it is closed. */
int output_writer_close(struct output_writer *writer, bool complete, char *error,
                        size_t error_size);

/* To be polled; the item stays as it is where nothing more is written. */
void output_writer_fill_item(const struct output_writer *writer, zmq_pollitem_t *item);
bool output_writer_has_queued(const struct output_writer *writer);
uint64_t output_writer_bytes(const struct output_writer *writer);
uint64_t output_writer_whole_bytes(const struct output_writer *writer);
/* The output has its name no more, or not what was written: nobody can resume the
 * run. */
bool output_writer_is_lost(const struct output_writer *writer);
/* When it was abandoned, it had the bytes that an earlier sink left, and no others. */
bool output_writer_was_as_found(const struct output_writer *writer);

#endif
