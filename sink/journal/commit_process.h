/* SPDX-License-Identifier: MIT */
/*
 * The process that makes commits, one after the other, so that a slow disk never stops
 * the loop. It shares the lock on the output, ignores the signals that end a run, and
 * ends when its sink is gone and the commit under way is done.
 */
#ifndef FANFOLD_SINK_JOURNAL_COMMIT_PROCESS_H
#define FANFOLD_SINK_JOURNAL_COMMIT_PROCESS_H

#include "sink/journal/commit_steps.h"

struct commit_process;

/* All paths are copied. */
struct commit_process_config {
    int output; /* open and locked */
    const char *journal;
    const char *dead_letters; /* their directory */
    const char
        *part_files;      /* the directory of results that are files; NULL: none are */
    const char *parts_of; /* the output, beside the journal; NULL: it has no parts */
};
/* Forks: before the first thread. 0 or -errno. */
int commit_process_start(const struct commit_process_config *config,
                         struct commit_process **ret_process);
/* All orders are answered; NULL is idle. */
bool commit_process_is_idle(const struct commit_process *commit_process);
/* Closes the socket and, where the process is idle, waits for its end. */
void commit_process_stop(struct commit_process **commit_process_p);

/* A journal whose part is closing is that of commit_part. Never blocks. 0; -EPIPE: it
 * is gone; other -errno. */
int commit_process_order(struct commit_process *commit_process, uint64_t ticket,
                         const struct journal *journal,
                         const struct commit_dead_letters *dead_letters);

struct commit_answer {
    uint64_t ticket;
    uint64_t next, offset; /* of the journal that was ordered */
    int error;             /* 0 or -errno */
    enum commit_step step;
    int output; /* after commit_part: that of the next part, locked, and the caller's to
                   close; -1: as before */
};
/* 1: an answer; 0: none now; -EPIPE: it is gone; other -errno. After an error, its own
 * or one in an answer, no further order is carried out. */
int commit_process_take(struct commit_process *commit_process,
                        struct commit_answer *ret_answer);

/* To be polled for input. */
int commit_process_descriptor(const struct commit_process *commit_process);

#endif
