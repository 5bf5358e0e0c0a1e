/* SPDX-License-Identifier: MIT */
/*
 * The first lines of each input, which are no records. The first input's are the
 * header, and every other input must begin with the same, but for a byte order mark.
 * Lines end with a newline, whatever ends a record; a last one that lacks it gets one.
 * An input of no bytes at all needs no header.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_HEADER_H
#define FANFOLD_VENTILATOR_SOURCE_HEADER_H

#include "ventilator/source/reader.h"

struct header {
    const struct record_format *format; /* borrowed */
    bool looked;                        /* at the first bytes of the reader's input */
    uint32_t lines;                     /* asked for; 0: there is none */
    uint8_t *bytes;                     /* of the first input that has one */
    size_t size;
    bool known;
    uint32_t input; /* whose it is */
};

void header_deinit(struct header *header);

/* The turn of the next input has come. True: header_read must see its first bytes. */
bool header_begin_input(struct header *header);

enum header_outcome {
    HEADER_MORE, /* read on */
    HEADER_WAITS,
    HEADER_DONE, /* the reader stands behind it: `ahead_used` bytes are no records */
    HEADER_FAILED,
};

/* Reads on in the header of the reader's input, if it has one, once its first bytes are
 * judged (beginning.h). */
enum header_outcome header_read(struct header *header, struct reader *reader);

#endif
