/* SPDX-License-Identifier: MIT */
/* From a result to the files of its dead letters, and to their tally. */
#ifndef FANFOLD_SINK_RESULT_RESULT_LETTERS_H
#define FANFOLD_SINK_RESULT_RESULT_LETTERS_H

#include "sink/dead_letters/dead_letter_tally.h"
#include "sink/dead_letters/dead_letter_writer.h"
#include "sink/result/result.h"

/* 0; -errno with a sentence for a person in `error`, and then none is counted. */
int result_letters_write(struct dead_letter_writer *writer,
                         struct dead_letter_tally *tally, struct result *result,
                         char *error, size_t error_size);

#endif
