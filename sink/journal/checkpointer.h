/* SPDX-License-Identifier: MIT */
/*
 * The journal of a run that keeps one: orders commits from the process that makes them,
 * and knows how far the run is safe. Of a run without a journal there is nothing to
 * order.
 */
#ifndef FANFOLD_SINK_JOURNAL_CHECKPOINTER_H
#define FANFOLD_SINK_JOURNAL_CHECKPOINTER_H

#include "sink/journal/commit_process.h"
#include "sink/journal/resume.h"

struct checkpointer;

/* Takes the process, NULL without a journal; `resume` must outlive it, and so must
 * `output`, which a person calls the output by. */
struct checkpointer *checkpointer_new(struct commit_process **commit_process_p,
                                      const struct resume_point *resume,
                                      const char *output);
/* Stops the process. */
void checkpointer_destroy(struct checkpointer **checkpointer_p);

/* A part that is complete has the output's header. */
void checkpointer_note_header(struct checkpointer *checkpointer);
/* Orders a commit of that position, at which the output, or its part, has `offset`
 * bytes; `closing`: the part is complete. Nothing is written from then on, and each
 * commit that is ordered counts for the next part, until checkpointer_take_part brings
 * that. Never blocks. 0, or -errno with a sentence for a person in `error`; then the
 * journal has failed. Once it has, does nothing. */
int checkpointer_order(struct checkpointer *checkpointer, uint64_t ticket,
                       const struct position *position, uint64_t offset, bool closing,
                       char *error, size_t error_size);
/* The output of the next part, once, after checkpointer_receive; the caller's to close.
 * -1: there is none. */
int checkpointer_take_part(struct checkpointer *checkpointer);
/* A part is complete, and its end is not answered yet. */
bool checkpointer_is_between_parts(const struct checkpointer *checkpointer);
/* The number of the part that is written, from 1; 0: the output has none. */
uint64_t checkpointer_part(const struct checkpointer *checkpointer);
/* The next answer. 0: *ret_ticket is safe, or 0 where there is none now; -errno as
 * above. */
int checkpointer_receive(struct checkpointer *checkpointer, uint64_t *ret_ticket,
                         char *error, size_t error_size);
/* Nothing more is committed. */
void checkpointer_fail(struct checkpointer *checkpointer);
bool checkpointer_has_failed(const struct checkpointer *checkpointer);

/* To be polled for input; -1: there is nothing to wait for. */
int checkpointer_descriptor(const struct checkpointer *checkpointer);
/* The seq up to which the journal has the run, and its byte of the output. */
uint64_t checkpointer_safe_next(const struct checkpointer *checkpointer);
uint64_t checkpointer_safe_offset(const struct checkpointer *checkpointer);

/* Removes a journal that has served its turn; but where a commit may still be under
 * way, leaves it alone. */
void checkpointer_remove_journal(struct checkpointer *checkpointer);

#endif
