/* SPDX-License-Identifier: MIT */
/*
 * Makes one commit, step by step: new dead letters, the names of new parts, the output,
 * the journal, its directory. Blocks as long as the disk does, so it runs in a process
 * of its own (commit_process.h).
 */
#ifndef FANFOLD_SINK_JOURNAL_COMMIT_STEPS_H
#define FANFOLD_SINK_JOURNAL_COMMIT_STEPS_H

#include "sink/journal/journal.h"

struct commit_place {
    int output;               /* descriptor */
    int directory;            /* descriptor: the journal's */
    const char *journal;      /* its name there */
    const char *dead_letters; /* the directory of the dead letters */
    const char *name;         /* the output's; NULL: it has no parts */
    int part_files;           /* descriptor: of the directory of the results that are
                                 files; -1: none are */
};

/* X(name, the sentence for a person where it failed) */
#define COMMIT_STEPS(X)                                     \
    X(DEAD_LETTERS, "cannot sync the dead letters")         \
    X(PART_FILES, "cannot sync the directory of the parts") \
    X(OUTPUT, "cannot sync the output")                     \
    X(WRITE, "cannot write the journal")                    \
    X(RENAME, "cannot replace the journal")                 \
    X(DIRECTORY, "cannot sync the journal")                 \
    X(PART, "cannot finish a part of the output")           \
    X(NEXT_PART, "cannot begin the next part of the output")

enum commit_step {
#define X(name, text) COMMIT_##name,
    COMMIT_STEPS(X)
#undef X
};
const char *commit_step_text(enum commit_step step);

/* The dead letters that are new in the commit: numbers first .. last; none where first
 * is above last. */
struct commit_dead_letters {
    uint64_t first, last;
};

/* Takes the output's fingerprint for the journal. 0, or -errno and the step that
 * failed: what the journal said before still holds. -EEXIST: the journal's name, or the
 * one that it is written under first, is another file's, which is left alone. */
int commit_make(const struct commit_place *place, const struct journal *journal,
                const struct commit_dead_letters *dead_letters,
                enum commit_step *ret_step);

/*
 * Makes a commit of which the journal says that the part is closing; then gives the
 * part its own name, begins the next one, and commits that. *journal becomes the
 * journal of the latter, and the place has the new output in place of the old one,
 * which is closed. A kill between any two steps leaves what the journal says: while a
 * part is closing, an output that is not there, or empty, is the next part, since
 * nothing is written to that before its journal is there. Outcomes as above; -EEXIST
 * also: the name of the part, or the output's, is another file's.
 */
int commit_part(struct commit_place *place, struct journal *journal,
                const struct commit_dead_letters *dead_letters,
                enum commit_step *ret_step);

#endif
