/* SPDX-License-Identifier: MIT */
/*
 * One commit, step by step: new dead letters, the output, the journal, its directory.
 * Blocks as long as the disk does, so it runs in a process of its own (committer.h).
 */
#ifndef FANFOLD_SINK_COMMIT_H
#define FANFOLD_SINK_COMMIT_H

#include "sink/journal.h"

struct commit_place {
    int output;          /* descriptor */
    int directory;       /* descriptor: the journal's */
    const char *journal; /* its name there */
    const char *letters; /* the directory of the dead letters */
};

/* X(name, what a person is told could not be done) */
#define COMMIT_STEPS(X)                             \
    X(LETTERS, "cannot make the dead letters safe") \
    X(OUTPUT, "cannot make the output safe")        \
    X(WRITE, "cannot write the journal")            \
    X(RENAME, "cannot replace the journal")         \
    X(DIRECTORY, "cannot make the journal safe")

enum commit_step {
#define X(name, text) COMMIT_##name,
    COMMIT_STEPS(X)
#undef X
};
const char *commit_step_text(enum commit_step step);

/* The dead letters that have become part of it: numbers first .. last, none where first
 * is above last. */
struct commit_letters {
    uint64_t first, last;
};

/* The journal's tail is found here. 0, or -errno and the step that failed: what the
 * journal said before still holds. */
int commit_make(const struct commit_place *place, const struct journal *journal,
                const struct commit_letters *letters, enum commit_step *ret_step);

#endif
