/* SPDX-License-Identifier: MIT */
/* How a job of Slurm ends, and what that means for the chunks that ran there. Pure. */
#ifndef FANFOLD_DEPLOY_SLURM_SLURM_END_H
#define FANFOLD_DEPLOY_SLURM_SLURM_END_H

#include <stdbool.h>

/* X(NAME, what a person reads behind "the job ", whether no chunk can have done it) */
#define SLURM_ENDS(X)                                                                 \
    X(DONE, "has ended by itself", true)                                              \
    X(RELEASED, "had nothing to do", true)                                            \
    X(CANCELLED, "was cancelled", true)                                               \
    X(SHORT,                                                                          \
      "left at once: its time limit is no longer than what --drain-before "           \
      "keeps back; say a longer --time in --slurm-options, or a shorter "             \
      "--drain-before",                                                               \
      true)                                                                           \
    X(REQUEUED, "was requeued, and starts again later", true)                         \
    X(HELD, "was requeued and is held: it starts again after scontrol release", true) \
    X(PREEMPTED, "was preempted", true)                                               \
    X(TIMEOUT, "has reached its time limit", true)                                    \
    X(MEMORY,                                                                         \
      "used more memory than Slurm gave it: --mem in --slurm-options says "           \
      "how much",                                                                     \
      true)                                                                           \
    X(NODE, "lost its node", true)                                                    \
    X(UNSEEN,                                                                         \
      "could not write its output: its node does not see the directory of "           \
      "the run",                                                                      \
      true)                                                                           \
    X(REFUSED, "cannot run its command, and has ended", true)                         \
    X(KILLED, "was killed by a signal", false)                                        \
    X(FAILED, "has failed", false)

enum slurm_end {
#define X(name, text, excused) SLURM_##name,
    SLURM_ENDS(X)
#undef X
};

const char *slurm_end_text(enum slurm_end end);
bool slurm_end_excuses(enum slurm_end end);

#endif
