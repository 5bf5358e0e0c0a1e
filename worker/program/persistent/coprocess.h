/* SPDX-License-Identifier: MIT */
/*
 * The pipes of one process, the tasks on their way in, and the answers that are not
 * reported yet. A task is queued, then given (the process may take its bytes), then
 * answered, in this order. The only decision here is which tasks may be given together;
 * the mode makes it:
 *
 * - frames: as many as there are; each response names the request that it answers.
 * - lines: one. The next may be given when the one before is answered, but not yet
 *   reported: all of such a burst are reported together, when nothing has followed the
 *   last answer. Surplus lines of one answer may look like the beginning of the next;
 *   but then the burst as a whole has too many lines.
 *
 * A task that was tried before is given alone, so that no other is blamed for it. Never
 * blocks; allocates by the bytes that came, not by those that are announced.
 */
#ifndef FANFOLD_WORKER_PROGRAM_PERSISTENT_COPROCESS_H
#define FANFOLD_WORKER_PROGRAM_PERSISTENT_COPROCESS_H

#include "common/byte_buffer.h"
#include "worker/program/persistent/frames_protocol.h"
#include "worker/program/persistent/lines_protocol.h"
#include "worker/program/program_config.h"
#include "worker/program/program_task.h"

enum { COPROCESS_DEPTH = 256 };

struct coprocess_task {
    struct program_task task;
    bool muted;          /* killed: nothing is reported of it */
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
    uint64_t requests;        /* frames: given to all processes of the slot */
    uint64_t asked;           /* bytes of all that was given to this process */
    uint64_t written;         /* of these */
    struct byte_buffer heard; /* answers that are not reported, and what follows them */
    size_t parsed;            /* bytes of `heard` that belong to answers */
    size_t expected;          /* bytes that the answer at hand has; 0: not known */
    struct lines_protocol lines;
    /* lines: so many bytes of the burst were seen to be taken, with so many lines */
    uint64_t paced, paced_lines;
    struct frames_protocol frames;
    size_t pipe_bytes;
};

void coprocess_init(struct coprocess *coprocess, enum program_mode mode);
void coprocess_deinit(struct coprocess *coprocess);

/* Opens pipes for a new process: ret_theirs are its stdin and stdout, which the caller
 * closes. 0, or -errno. What is queued stays so. */
int coprocess_open(struct coprocess *coprocess, int ret_theirs[2]);
/* Closes the pipes, and queues again the tasks that were given. */
void coprocess_close(struct coprocess *coprocess);
/* Closes the pipes alone: the tasks stay as they are. */
void coprocess_close_pipes(struct coprocess *coprocess);
void coprocess_close_input(struct coprocess *coprocess);

/* Not more than COPROCESS_DEPTH. */
void coprocess_push(struct coprocess *coprocess, const struct program_task *task);
struct coprocess_task *coprocess_at(struct coprocess *coprocess, uint32_t index);
/* Takes the first task off. */
void coprocess_pop(struct coprocess *coprocess);
/* Takes one off that is not given. */
void coprocess_remove(struct coprocess *coprocess, uint32_t index);

/* Gives the tasks that may be given now, one at a time where `alone`. True: there was
 * one. */
bool coprocess_give(struct coprocess *coprocess, bool alone);
/* Writes as much as the pipe takes. False: the process takes nothing any more. */
bool coprocess_write(struct coprocess *coprocess);
/* Bytes that the process has taken from what was written. */
uint64_t coprocess_taken(const struct coprocess *coprocess);

enum coprocess_read { COPROCESS_EMPTY, COPROCESS_READ, COPROCESS_CLOSED };
/* Reads once. READ: there may be more. */
enum coprocess_read coprocess_read(struct coprocess *coprocess);

/* What the parser finds besides answers. */
enum coprocess_finding {
    COPROCESS_FINE,
    COPROCESS_READIED,   /* the program says that it is prepared; there may be more */
    COPROCESS_TOO_LARGE, /* the answer at hand */
    COPROCESS_SURPLUS,   /* lines: more than was asked for */
    COPROCESS_BROKEN,    /* the program does not keep to the mode's rules */
};
enum coprocess_finding coprocess_parse(struct coprocess *coprocess, uint64_t max_result,
                                       char *text, size_t text_size);

/* Lines that were given and not reported yet, and how many of them are answered. */
void coprocess_count_lines(struct coprocess *coprocess, uint64_t *ret_answered,
                           uint64_t *ret_wanted);

/* The first task's answer, as a message (not initialised before). Forgotten by
 * coprocess_pop. */
void coprocess_take_result(struct coprocess *coprocess, zmq_msg_t *ret_message);
struct slice coprocess_answer(struct coprocess *coprocess);

#endif
