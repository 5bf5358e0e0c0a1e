/* SPDX-License-Identifier: MIT */
/*
 * What a record is, for whoever cuts input into chunks and whoever takes a chunk apart
 * again. Pure. A format is plain data: it may be copied, and owns nothing.
 *
 * A record is all from where it begins to where it ends, marks, quotes and lengths
 * included, so that records one after the other are the input. Where it ends depends on
 * its own bytes and on what follows, never on what came before: who is given a chunk
 * finds the same records in it. The last one may lack its end. By kind:
 *
 * lines   `lines` ends, each the bytes `end`. An end is looked for from where the last
 *         one ended, so that two never share a byte: "\n\n" is once in "\n\n\n".
 * csv     a line whose newline ("\n", also after "\r") is not in quotes (RFC 4180). A
 *         quote opens a field only at its beginning: where the record begins, or after
 *         one of , ; | and tab; elsewhere it is a letter. In quotes "" is a letter.
 * fasta   from a ">" at a line's beginning to before the next one. What precedes the
 *         first one belongs to it.
 * fastq   four lines, the first with "@" and the third with "+" in front; else it is
 *         broken. The last one may lack its last newline; if it lacks more, which a
 *         quality shorter than the sequence tells, it is broken. Empty lines at the end
 *         of all are a record of their own.
 * frames  a length, four bytes big-endian, and so many bytes. One that is cut short is
 *         broken.
 * fixed   `size` bytes.
 * whole   everything.
 * marked  by `start` alone: ends before the next start. By `end` alone: after it (but
 *         for `regexp`, that is lines). By both: between an end, which lies in the
 *         record, and a start that follows it at once. Starts alone, and ends alone,
 *         share no byte: they are looked for one after the other, beginning with a
 *         start that the record begins with. What precedes the first start is a record.
 *         With `regexp` both are PCRE2 expressions, over bytes; ^ and $ are a line's, a
 *         dot is no newline. The record's beginning counts as a line's, and nothing
 *         before it can be seen (by \b or (?<=...)). It sees at most 1 MiB
 *         beyond where its match begins. Whoever has only a chunk does not see what
 *         follows: an expression that could also end the chunk's last record earlier,
 *         and does not because of what it looks ahead at, finds others there.
 */
#ifndef FANFOLD_COMMON_RECORDS_H
#define FANFOLD_COMMON_RECORDS_H

#include "common/message.h"

enum { RECORD_MARK_MAX = 240 }; /* bytes; so that a format's text has room in WELCOME */

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
    uint64_t lines;               /* of kind lines: that a record has; at least 1 */
    uint64_t size;                /* of kind fixed: bytes; at least 1 */
    uint8_t end[RECORD_MARK_MAX]; /* of kinds lines and marked, as start */
    size_t end_size;              /* of kind lines: at least 1. Else 0: there is none */
    uint8_t start[RECORD_MARK_MAX]; /* of kind marked, which has one of the two */
    size_t start_size;              /* 0: there is none */
    bool regexp;                    /* of kind marked */
};

/* Lines, one a record. */
#define RECORD_FORMAT_DEFAULT                                           \
    {                                                                   \
        .kind = RECORDS_LINES, .lines = 1, .end = {'\n'}, .end_size = 1 \
    }

/* As WELCOME carries it (PROTOCOL.md, Records); at most FORMAT_MAX_BYTES, with the
 * terminating zero one more. */
void record_format_print(const struct record_format *format,
                         char text[FORMAT_MAX_BYTES + 1]);
/* Empty: the default. False: it is none that this version knows, or its expressions
 * cannot be used. */
bool record_format_parse(struct slice text, struct record_format *ret_format);

/* Whether it can be used, as its expressions may not. False: why, for a person. */
bool record_format_check(const struct record_format *format, char *error,
                         size_t error_size);

/* Records in the bytes, which begin where a record does; the last may lack its end.
 * What follows a broken one counts as part of it. */
uint64_t records_count(const struct record_format *format, struct slice bytes);
/* The size of the first `count` records, or of all bytes where there are fewer. */
size_t records_size(const struct record_format *format, struct slice bytes,
                    uint64_t count);

#endif
