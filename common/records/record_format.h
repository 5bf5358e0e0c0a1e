/* SPDX-License-Identifier: MIT */
/*
 * What a record is, for the ventilator, which cuts input into chunks, and the worker,
 * which takes a chunk apart again. Pure. A format is plain data: it may be copied, and
 * owns nothing.
 *
 * A record is every byte from its beginning to its end, marks, quotes and lengths
 * included, so that all records in a row are the input. Its end depends on its own
 * bytes and on those that follow, never on those before: a worker that is given a chunk
 * finds the same records in it. The last record may lack its end. By kind:
 *
 * A record of csv, fasta, fastq and marked with a start or an expression may begin with
 * a byte order mark of UTF-8, which belongs to it: it is passed over where the record's
 * beginning matters.
 *
 * lines   `lines` ends, each the bytes `end`. The search for an end begins where the
 *         last one ended, so that two never share a byte: "\n\n" is once in "\n\n\n".
 * csv     a line whose newline ("\n", also after "\r") is not in quotes (RFC 4180). A
 *         quote opens a field only at the field's beginning: where the record begins,
 *         or after a comma, semicolon, bar or tab; elsewhere it is a letter. In quotes
 *         "" is a letter.
 * fasta   from a ">" at a line's beginning to before the next one. Bytes before the
 *         first ">" belong to the first record.
 * fastq   four lines, the first with "@" and the third with "+" in front; else it is
 *         broken. The last record may lack its last newline; if it lacks more, it is
 *         broken: its quality is then shorter than its sequence. Empty lines at the
 *         input's end are a record of their own.
 * frames  a length of four bytes, big-endian, and that many bytes. A frame that is cut
 *         short is broken.
 * fixed   `size` bytes.
 * whole   everything.
 * marked  with `start` alone: ends before the next start. With `end` alone: ends after
 *         it (only with `regexp`; otherwise that is lines). With both: ends between an
 *         end, which lies in the record, and a start that follows it at once. Two
 *         starts share no byte, nor do two ends: the search finds one after the other,
 *         and begins with the record's own start. Bytes before the first start are a
 *         record. With `regexp` both are PCRE2 expressions, over bytes; ^ and $ are a
 *         line's, a dot matches no newline. The record's beginning counts as a line's,
 *         and the expression cannot see anything before it (by \b or (?<=...)). It sees
 *         at most 1 MiB beyond the beginning of its match. In a chunk alone it cannot
 *         see what follows: if it decides by looking ahead where the chunk's last
 *         record ends, it may find another end there.
 */
#ifndef FANFOLD_COMMON_RECORDS_RECORD_FORMAT_H
#define FANFOLD_COMMON_RECORDS_RECORD_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_MARK_MAX = 240 }; /* bytes: a format's text has room in WELCOME */

enum record_kind {
    RECORDS_LINES,
    RECORDS_CSV,
    RECORDS_FASTA,
    RECORDS_FASTQ,
    RECORDS_FRAMES,
    RECORDS_FIXED,
    RECORDS_WHOLE,
    RECORDS_MARKED,
};

struct record_format {
    enum record_kind kind;
    uint64_t lines;               /* of kind lines: lines a record; at least 1 */
    uint64_t size;                /* of kind fixed: bytes a record; at least 1 */
    uint8_t end[RECORD_MARK_MAX]; /* of kinds lines and marked */
    size_t end_size;              /* of kind lines: at least 1. Else 0: there is none */
    uint8_t start[RECORD_MARK_MAX]; /* of kind marked, which has an end or a start */
    size_t start_size;              /* 0: there is none */
    bool regexp;                    /* of kind marked */
};

/* Lines, one a record. */
#define RECORD_FORMAT_DEFAULT                                           \
    {                                                                   \
        .kind = RECORDS_LINES, .lines = 1, .end = {'\n'}, .end_size = 1 \
    }

#endif
