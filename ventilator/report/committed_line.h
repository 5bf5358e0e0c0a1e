/* SPDX-License-Identifier: MIT */
/*
 * Tells another program how far the output is: a line "SEQ RECORDS BYTES" at each
 * commit, of the chunks, records and bytes of input that are committed so far. Never
 * waits: a reader that is slow gets the newest line and not those between.
 */
#ifndef FANFOLD_VENTILATOR_REPORT_COMMITTED_LINE_H
#define FANFOLD_VENTILATOR_REPORT_COMMITTED_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct committed {
    uint64_t seq; /* chunks before this one are committed */
    uint64_t records, bytes;
};

struct committed_line {
    int fd; /* -1: nobody listens */
    struct committed newest;
    bool untold;   /* the newest one is */
    char line[80]; /* what is being written: `written` bytes were */
    size_t size, written;
};

/* Takes over `fd`; -1: none. */
void committed_line_init(struct committed_line *line, int fd);
void committed_line_deinit(struct committed_line *line);

/* All up to here is committed. */
void committed_line_set(struct committed_line *line, struct committed committed);
/* Writes what is due, if the reader takes it. True: it does not; poll fd for output. */
bool committed_line_write(struct committed_line *line);
/* The last line, for which it waits a second. */
void committed_line_end(struct committed_line *line);

#endif
