/* SPDX-License-Identifier: MIT */
/*
 * Where one input ends and another follows: the last record of the first may lack its
 * end, and must not become one with the first record of the other. Says which bytes end
 * it. Pure.
 *
 * lines   what its end lacks: all of it, or the rest of one that has begun. A record of
 *         fewer lines than `lines` stays one.
 * csv, fasta, fastq   a newline. A record of csv within quotes is broken.
 * fixed   a shorter record is broken.
 * frames, whole   nothing: such a record needs no end.
 * marked  what its end lacks, as of lines. Of an expression, a newline if that makes it
 *         match; else the record is broken. With `start` alone a record has no end, but
 *         lines have: a newline if what precedes the record ends with one or, where
 *         nothing does, if the record has no NUL byte. None that would begin a record.
 *
 * A newline is "\r\n" where the one before it is.
 */
#ifndef FANFOLD_COMMON_RECORDS_RECORD_SEAM_H
#define FANFOLD_COMMON_RECORDS_RECORD_SEAM_H

#include "common/records/record_format.h"
#include "common/slice.h"

/* How many bytes end the record, 0: it needs none; they are record_seam_bytes. -1: it
 * is broken, and *ret_problem is words that follow "the record at byte N".
 * `record`: the last of its input, which a scanner holds for open; at least a byte.
 * `before`: the two bytes in front of it, if the input has them. */
int record_seam(const struct record_format *format, struct slice record,
                struct slice before, const char **ret_problem);

/* So many bytes, as record_seam said. They live as long as the format. */
struct slice record_seam_bytes(const struct record_format *format, size_t size);

#endif
