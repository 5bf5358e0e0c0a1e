/* SPDX-License-Identifier: MIT */
/* The entries of a spool as input, as another process receives them (receiver.h). */
#ifndef FANFOLD_VENTILATOR_SOURCE_RECEIVE_SPOOL_INPUT_H
#define FANFOLD_VENTILATOR_SOURCE_RECEIVE_SPOOL_INPUT_H

#include "common/protocol/input_mark.h"
#include "ventilator/source/input.h"

/* Starts the process, with these arguments of ours; before the first context. 0, or
 * -errno with a sentence in `error`. */
int input_of_spool(const char *path, char *const *arguments, struct input *ret_input,
                   char *error, size_t error_size);
/* Waits until the process is ready. Likewise. */
int spool_input_connect(struct input *input, char *error, size_t error_size);
/* Then: a hash of the spool's id, never 0. Likewise. */
int spool_input_identify(struct input *input, uint64_t *ret_identity, char *error,
                         size_t error_size);
/* Begins at the entry where a run resumes; with `from` NULL, where one begins, at the
 * first entry that no run has committed. Sets its number. False: the spool is not the
 * one that the run began with, or has not got the entry: input->reason. */
bool spool_input_begin(struct input *input, const struct input_mark *from,
                       uint64_t *ret_number);
/* Which spool it is, for a mark. It has begun. */
void spool_input_cursor(const struct input *input,
                        char text[INPUT_MARK_CURSOR_MAX + 1]);

#endif
