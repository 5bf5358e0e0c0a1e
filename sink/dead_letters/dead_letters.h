/* SPDX-License-Identifier: MIT */
/*
 * The directory of the dead letters: for each, numbered from 1 in the order of the
 * output (from a million on with a letter before the number, so that names sort as
 * numbers do), NNNNNN.input with the bytes and NNNNNN.json with what is known of them.
 * The first dead letter makes the directory. Dead letters are without the input's
 * header, which is in the file `header`. Decides nothing and counts nothing.
 *
 * In the JSON's strings every byte that is part of no UTF-8 character is U+FFFD, and
 * control characters are \u00XX: it can always be parsed.
 */
#ifndef FANFOLD_SINK_DEAD_LETTERS_DEAD_LETTERS_H
#define FANFOLD_SINK_DEAD_LETTERS_DEAD_LETTERS_H

#include "common/protocol/message.h"

/* A chunk that was given up, or one record of it. */
struct dead_letter {
    struct id run;
    uint64_t seq;
    bool whole;         /* the chunk */
    uint64_t record;    /* the number of the first, from 0 */
    uint64_t records;   /* 0: not counted, and `record` says nothing */
    struct slice input; /* its name, where there are several; else empty */
    uint64_t offset;    /* in the input */
    uint64_t length;
    uint32_t attempts;
    enum failure cause;
    uint32_t code;
    struct slice text; /* the end of stderr, or a sentence */
};

/* Reads some of the dead letter's bytes. 0 or -errno. */
typedef int dead_letter_reader(void *context, uint64_t from, void *data, size_t size);

/* 0 or -errno; -EEXIST: another run is writing there, and has that number. */
int dead_letters_write(const char *directory, uint64_t number,
                       const struct dead_letter *dead_letter, dead_letter_reader *read,
                       void *context);
/* Writes the header that belongs before the dead letters, unless it is there, and makes
 * it durable. The directory is there. 0 or -errno; -EEXIST: another file has its name,
 * or the one that it is written under first. */
int dead_letters_write_header(const char *directory, struct slice header);
/* Makes the dead letters first .. last durable, and their names, and the directory's. 0
 * or -errno. */
int dead_letters_sync(const char *directory, uint64_t first, uint64_t last);
/* A header, or a file with its name, is there. */
bool dead_letters_have_header(const char *directory);
/* The dead letter of that number is there and says that it is the run's. */
bool dead_letters_are_of(const char *directory, uint64_t number, const struct id *run);
/* The highest number that there is; 0: none, or no such directory. -errno. */
int dead_letters_highest(const char *directory, uint64_t *ret_number);
/* Removes the dead letters above `count`, which are the run's or were not written in
 * full. 0; 1: some are another run's, and nothing was removed; -errno. */
int dead_letters_cut(const char *directory, uint64_t count, const struct id *run);

/* "exit status 3", "signal 9 (KILL)". Returns `text`. */
const char *dead_letter_cause(const struct dead_letter *dead_letter, char *text,
                              size_t size);
/* The run as the JSON names it, but for the last quote. */
enum { DEAD_LETTER_RUN_MAX = 64 };
void dead_letter_name_run(const struct id *run, char name[DEAD_LETTER_RUN_MAX]);
/* The JSON, which the caller frees, and its length. */
char *dead_letter_json(const struct dead_letter *dead_letter, size_t *ret_size);

#endif
