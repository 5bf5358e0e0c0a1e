/* SPDX-License-Identifier: MIT */
/*
 * The directory of the dead letters: for each, numbered from 1 in the order of the
 * output, NNNNNN.input with the bytes and NNNNNN.json with what is known of them. Made
 * when the first is written. Where the input had a header, which the letters are
 * without, it is in the file `header`. Decides nothing and counts nothing.
 *
 * In the JSON's strings every byte that is part of no UTF-8 character is U+FFFD, and
 * control characters are \u00XX: it can always be parsed.
 */
#ifndef FANFOLD_SINK_LETTERS_H
#define FANFOLD_SINK_LETTERS_H

#include "common/message.h"

/* What was given up: a chunk, or one record of it. */
struct letter {
    struct id run;
    uint64_t seq;
    bool whole;         /* the chunk */
    uint64_t record;    /* the number of the first, from 0 */
    uint64_t records;   /* 0: not counted, and `record` says nothing */
    struct slice input; /* its name, where there are several; else empty */
    uint64_t offset;    /* in the input */
    uint64_t length;
    uint32_t attempts;
    enum failure how;
    uint32_t code;
    struct slice text; /* the tail of stderr, or what is to be said */
};

/* Some of the letter's bytes. 0 or -errno. */
typedef int letter_reader(void *context, uint64_t from, void *data, size_t size);

/* 0 or -errno; -EEXIST: there is one of that number, which another run is writing. */
int letters_write(const char *directory, uint64_t number, const struct letter *letter,
                  letter_reader *read, void *context);
/* The header that belongs before them, in place of an earlier one; durably. The
 * directory is there. 0 or -errno. */
int letters_write_header(const char *directory, struct slice header);
/* Makes the letters first .. last durable, and their names, and the directory's. 0 or
 * -errno. */
int letters_sync(const char *directory, uint64_t first, uint64_t last);
/* The highest number that there is; 0: none, or no such directory. -errno. */
int letters_highest(const char *directory, uint64_t *ret_number);
/* Removes those above `count`, which are the run's or were not written in full. 0; 1:
 * some are another run's, and nothing was removed; -errno. */
int letters_cut(const char *directory, uint64_t count, const struct id *run);

/* "exit status 3", "signal 9 (KILL)". Returns `text`. */
const char *letter_how(const struct letter *letter, char *text, size_t size);
/* The JSON, which the caller frees; and how long it is. */
char *letter_json(const struct letter *letter, size_t *ret_size);

#endif
