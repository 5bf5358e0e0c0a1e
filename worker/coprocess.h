/* SPDX-License-Identifier: MIT */
/*
 * A program that lasts, as its slot has it: the pipes of one life of it, the tasks on
 * their way in, what it has answered and is not told yet. Tasks pass three marks, in
 * order: queued, given (their bytes are the process's to take), answered. Decides
 * nothing but what may be given together, which is the mode's:
 *
 * - frames: as many as there are; each response names the request that it answers.
 * - lines: one. The next may be given when it is answered, and before that is told: all
 *   of such a burst are told together, when nothing has followed the last answer. What
 *   is too much of one answer may look like the beginning of the next; but then the
 *   burst as a whole has too many lines.
 *
 * A task that was tried before is given alone, so that nobody else is blamed for it.
 * Never blocks; allocates by what has come, not by what is announced.
 */
#ifndef FANFOLD_WORKER_COPROCESS_H
#define FANFOLD_WORKER_COPROCESS_H

#include "worker/frames_dialogue.h"
#include "worker/lines_dialogue.h"
#include "worker/program.h"
#include "worker/result.h"

enum { COPROCESS_DEPTH = 256 };

struct coprocess_task {
    struct program_task task;
    bool muted;          /* killed: nothing is told of it */
    uint64_t begin, end; /* in all that is written to the process; valid once given */
    uint64_t request;    /* frames; its number */
    uint8_t head[FRAMES_REQUEST_HEAD]; /* frames */
    struct lines_question question;    /* lines */
    /* Of the answer, valid once answered. */
    bool good;         /* a result; else the program's own message that it failed */
    size_t from, size; /* in `heard` */
};

struct coprocess {
    enum program_mode mode;       /* lines or frames */
    int input, output;            /* -1: closed */
    struct coprocess_task *tasks; /* a ring of COPROCESS_DEPTH */
    uint32_t head, count, given, answered;
    uint64_t requests;   /* frames: given in all lives */
    uint64_t asked;      /* bytes of all that was given in this life */
    uint64_t written;    /* of these */
    struct result heard; /* answers that are not told, and what follows them */
    size_t parsed;       /* bytes of `heard` that belong to answers */
    size_t expected;     /* bytes that the answer at hand has; 0: not known */
    struct lines_dialogue lines;
    struct frames_dialogue frames;
    size_t pipe_bytes;
};

void coprocess_init(struct coprocess *coprocess, enum program_mode mode);
void coprocess_deinit(struct coprocess *coprocess);

/* A new life: pipes, of which ret_theirs are the process's stdin and stdout, to be
 * closed by the caller. 0, or -errno. What is queued stays so. */
int coprocess_open(struct coprocess *coprocess, int ret_theirs[2]);
/* Closes what is open; nothing is given then, what was is queued again. */
void coprocess_close(struct coprocess *coprocess);
/* The pipes alone: the tasks stay as they are. */
void coprocess_close_pipes(struct coprocess *coprocess);
void coprocess_close_input(struct coprocess *coprocess);

/* Not more than COPROCESS_DEPTH. */
void coprocess_push(struct coprocess *coprocess, const struct program_task *task);
struct coprocess_task *coprocess_at(struct coprocess *coprocess, uint32_t index);
/* Takes the first task off. */
void coprocess_pop(struct coprocess *coprocess);
/* Takes one off that is not given. */
void coprocess_remove(struct coprocess *coprocess, uint32_t index);

/* Gives what may be given now, one at a time where `alone`; true: something was. */
bool coprocess_give(struct coprocess *coprocess, bool alone);
/* Writes what goes. False: the process takes nothing any more. */
bool coprocess_write(struct coprocess *coprocess);
/* Bytes that the process has taken from what was written. */
uint64_t coprocess_taken(const struct coprocess *coprocess);

enum coprocess_read { COPROCESS_EMPTY, COPROCESS_READ, COPROCESS_CLOSED };
/* Reads once. READ: there may be more. */
enum coprocess_read coprocess_read(struct coprocess *coprocess);

/* What it finds in what was read, besides answers. */
enum coprocess_finding {
    COPROCESS_FINE,
    COPROCESS_READIED,   /* the program says that it is prepared; there may be more */
    COPROCESS_TOO_LARGE, /* the answer at hand */
    COPROCESS_SURPLUS,   /* lines: more than was asked for */
    COPROCESS_BROKEN,    /* it does not keep to the mode's rules */
};
enum coprocess_finding coprocess_parse(struct coprocess *coprocess, uint64_t max_result,
                                       char *text, size_t text_size);

/* Lines that were given and not told yet, and how many of them are answered. */
void coprocess_count_lines(struct coprocess *coprocess, uint64_t *ret_answered,
                           uint64_t *ret_wanted);

/* The first task's answer, as a message (not initialised before). Forgotten by
 * coprocess_pop. */
void coprocess_take_result(struct coprocess *coprocess, zmq_msg_t *ret_message);
struct slice coprocess_answer(struct coprocess *coprocess);

#endif
