/* SPDX-License-Identifier: MIT */
/*
 * Resumes a run at a mark. Inputs that are surely the same are not read again but for
 * the one in which the mark lies: a file is sought, and decompressed content is dropped
 * up to the mark. From all others, this reads again what the run has read, from the
 * first input on, and drops it. The run resumes where the hash is the mark's.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_RESUME_H
#define FANFOLD_VENTILATOR_SOURCE_RESUME_H

#include "common/protocol/input_mark.h"
#include "ventilator/source/run_hash.h"

struct resume {
    bool seeks;       /* the run resumes in the middle of this file */
    bool checks;      /* what the run has read is read again */
    bool stands;      /* nothing is: the only input, a stream, begins at the mark */
    uint64_t checked; /* offset up to which it was, as the run counts */
    struct input_mark mark; /* where that ends; valid while it checks or seeks */
    uint8_t before[2];      /* the bytes in front of the mark, before_size at the end */
    size_t before_size;     /* of this input */
};

/* `stands` is set before: the person says so. Compares `now`, the inputs' fingerprint,
 * with that of the run that began, and goes to the input with which to begin. An empty
 * mark is the start of the run. False: the run cannot resume with these inputs. */
bool resume_begin(struct resume *resume, struct reader *reader, struct run_hash *hash,
                  struct slice mark, struct slice began, struct slice now);

/* The reader stands behind the header of the mark's input, a file: goes to the mark.
 * False: it failed. */
bool resume_seek(struct resume *resume, struct reader *reader, struct run_hash *hash);

/* The reader stands at the mark, by --from-committed. */
void resume_stand(struct resume *resume, struct reader *reader, struct run_hash *hash);

/* The bytes in front of the mark, at most two, once the reader stands there. */
struct slice resume_before(const struct resume *resume);

enum check_outcome {
    CHECK_MORE, /* read on */
    CHECK_WAITS,
    CHECK_INPUT_OVER, /* the mark lies in one that follows */
    CHECK_DONE,       /* the reader stands at the mark */
    CHECK_FAILED,
};

/* Reads once, into `room`, which it does not keep. */
enum check_outcome resume_check(struct resume *resume, struct reader *reader,
                                struct run_hash *hash, void *room, size_t size);

#endif
