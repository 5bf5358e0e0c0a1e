/* SPDX-License-Identifier: MIT */
/*
 * Mode lines as bytes: n lines answer a chunk of n lines. A last line without its end
 * gets one on the way in, and the answer loses its last end again. Pure.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_LINES_PROTOCOL_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_LINES_PROTOCOL_H

#include "common/protocol/message.h"

/* How many lines have to answer a chunk. */
struct lines_question {
    uint64_t lines;
    bool lacks_end; /* the chunk's last line does */
};

struct lines_question lines_question(struct slice header, struct slice input);

/* How far one answer has come. */
struct lines_protocol {
    uint64_t answered; /* lines that are whole */
    size_t scanned;    /* bytes that these and what follows them were counted in */
};

/*
 * `bytes`: all that the program has written since the last answer. True: the first
 * *ret_used of them answer the question, *ret_size of these are the result, and the
 * next answer begins after them. False: more is needed.
 */
bool lines_protocol_take(struct lines_protocol *protocol,
                         const struct lines_question *question, struct slice bytes,
                         size_t *ret_used, size_t *ret_size);

/* Lines in bytes that nobody asked for; a piece of one is one. */
uint64_t lines_surplus(struct slice bytes);
/* Ends of lines. */
uint64_t lines_ends(struct slice bytes);

/* Sentences for a person; return `text`. `silence_s` 0: something else than silence
 * ended the wait. */
const char *lines_too_few(char *text, size_t size, uint64_t answered, uint64_t wanted,
                          double silence_s);
const char *lines_too_many(char *text, size_t size, uint64_t surplus, uint64_t wanted);
/* About lines that came while no chunk was at work; `bytes` begins with them. */
const char *lines_unasked(char *text, size_t size, struct slice bytes);
/* About more lines than the program had read by then. */
const char *lines_ahead(char *text, size_t size, uint64_t answered, uint64_t read);
/* About one that has answered, and does not turn to its input again. */
const char *lines_absent(char *text, size_t size, double silence_s);
/* About a program that has read lines and has never written anything, but still may. */
const char *lines_mute(char *text, size_t size, double silence_s);

#endif
