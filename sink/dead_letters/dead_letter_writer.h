/* SPDX-License-Identifier: MIT */
/*
 * Writes a run's dead letters, numbers them in the order of the output, and keeps the
 * input's header beside them, since dead letters are without it.
 */
#ifndef FANFOLD_SINK_DEAD_LETTERS_DEAD_LETTER_WRITER_H
#define FANFOLD_SINK_DEAD_LETTERS_DEAD_LETTER_WRITER_H

#include "sink/dead_letters/dead_letters.h"

struct dead_letter_writer;

/* `count` dead letters are there already. The directory's name must outlive it. */
struct dead_letter_writer *dead_letter_writer_new(const char *directory,
                                                  const struct id *run, uint64_t count);
void dead_letter_writer_destroy(struct dead_letter_writer **writer_p);

/* The dead letters of one result, whose bytes lie one after the other for `read`; their
 * run is filled in. 0, or -errno with a sentence for a person in `error`; then nothing
 * more is to be written. */
int dead_letter_writer_write(struct dead_letter_writer *writer,
                             const struct dead_letter *dead_letters, uint32_t count,
                             dead_letter_reader *read, void *context, char *error,
                             size_t error_size);
/* The input's header, as END brings it; the first counts, and is copied. It is written
 * as soon as there is a dead letter. Outcomes as above. */
int dead_letter_writer_take_header(struct dead_letter_writer *writer,
                                   struct slice header, char *error, size_t error_size);
/* Lines of the header that lies with the dead letters; 0: none does. */
uint32_t dead_letter_writer_header_lines(const struct dead_letter_writer *writer);

#endif
