/* SPDX-License-Identifier: MIT */
/*
 * The first bytes of an input, ahead of its header and records: refuses text in UTF-16
 * and UTF-32, in whose bytes no record could be told, and passes over a byte order mark
 * of UTF-8 that would come to lie between two inputs.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_BEGINNING_H
#define FANFOLD_VENTILATOR_SOURCE_BEGINNING_H

#include "common/records/record_format.h"
#include "ventilator/source/reader.h"

/* Whether the first bytes matter. */
bool beginning_matters(const struct record_format *format, uint32_t header_lines);

enum beginning_outcome {
    BEGINNING_MORE, /* read on */
    BEGINNING_WAITS,
    BEGINNING_DONE, /* `ahead_used` bytes are passed over */
    BEGINNING_FAILED,
};

/* Reads on in the reader's input. */
enum beginning_outcome beginning_read(const struct record_format *format,
                                      uint32_t header_lines, struct reader *reader);

#endif
