/* SPDX-License-Identifier: MIT */
/*
 * The process that makes commits, one after the other, so that a slow disk never stops
 * the loop. It shares the lock on the output, ignores the signals that end a run, and
 * ends when its sink is gone and the commit under way is done.
 */
#ifndef FANFOLD_SINK_COMMITTER_H
#define FANFOLD_SINK_COMMITTER_H

#include "sink/commit.h"

struct committer;

/*
 * Forks: before the first thread, with the output open and locked. `journal` is the
 * journal's path, `letters` the directory of the dead letters; both are copied. 0 or
 * -errno.
 */
int committer_start(int output, const char *journal, const char *letters,
                    struct committer **ret_committer);
/* Everything that was ordered is answered; NULL is idle. */
bool committer_is_idle(const struct committer *committer);
/* Closes the way to it and, where it is idle, waits for its end. */
void committer_stop(struct committer **committer_p);

/* Never blocks. 0; -EPIPE: it is gone; other -errno. */
int committer_order(struct committer *committer, uint64_t ticket,
                    const struct journal *journal,
                    const struct commit_letters *letters);

struct commit_answer {
    uint64_t ticket;
    uint64_t next, offset; /* of the journal that was ordered */
    int error;             /* 0 or -errno */
    enum commit_step step;
};
/* 1: an answer; 0: none now; -EPIPE: it is gone; other -errno. After an error, its own
 * or one in an answer, no further order is carried out. */
int committer_take(struct committer *committer, struct commit_answer *ret_answer);

/* To be polled for input. */
int committer_descriptor(const struct committer *committer);

#endif
