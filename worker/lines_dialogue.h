/* SPDX-License-Identifier: MIT */
/*
 * Mode lines, as far as it is about bytes: a chunk of n lines is answered by n lines. A
 * last line without its end gets one on the way in, and the answer's last end is taken
 * off again. Pure.
 */
#ifndef FANFOLD_WORKER_LINES_DIALOGUE_H
#define FANFOLD_WORKER_LINES_DIALOGUE_H

#include "common/message.h"

/* What is asked for with a chunk. */
struct lines_question {
    uint64_t lines;
    bool lacks_end; /* the chunk's last line does */
};

struct lines_question lines_question(struct slice header, struct slice input);

/* How far one answer has come. */
struct lines_dialogue {
    uint64_t answered; /* lines that are whole */
    size_t scanned;    /* bytes that these and what follows them were counted in */
};

/*
 * `bytes`: all that the program has written since the last answer. True: the first
 * *ret_used of them answer the question, *ret_size of these are the result, and the
 * next answer begins after them. False: more is needed.
 */
bool lines_dialogue_take(struct lines_dialogue *dialogue,
                         const struct lines_question *question, struct slice bytes,
                         size_t *ret_used, size_t *ret_size);

/* Lines in what has come that was not asked for; a piece of one is one. */
uint64_t lines_surplus(struct slice bytes);

/* Sentences for a person; return `text`. `silence_s` 0: it is not silence that ended
 * the wait. */
const char *lines_too_few(char *text, size_t size, uint64_t answered, uint64_t wanted,
                          double silence_s);
const char *lines_too_many(char *text, size_t size, uint64_t surplus, uint64_t wanted);
/* Of a program that has read and never written anything; it may still. */
const char *lines_mute(char *text, size_t size, double silence_s);

#endif
