/* SPDX-License-Identifier: MIT */
/*
 * When the sink was last heard. A sink whose loop waits for a file system says nothing,
 * but a process of its own says STALLED for it: then it lives, though it does nothing
 * of what it is asked.
 */
#ifndef FANFOLD_VENTILATOR_SCHEDULER_STATE_SINK_WORD_H
#define FANFOLD_VENTILATOR_SCHEDULER_STATE_SINK_WORD_H

#include <stdbool.h>
#include <stdint.h>

struct sink_word {
    int64_t heard_us;   /* the last message of the sink itself */
    int64_t stalled_us; /* the last STALLED; 0: none came */
    int64_t listens_us; /* since when it was never silent for the liveness time */
};

void sink_word_heard(struct sink_word *word, int64_t liveness_us, int64_t now_us);
void sink_word_stalled(struct sink_word *word, int64_t now_us);

/* Since nothing was heard, neither of it nor for it. */
int64_t sink_word_silence_us(const struct sink_word *word, int64_t now_us);
/* Somebody speaks for it. */
bool sink_word_is_spoken_for(const struct sink_word *word, int64_t liveness_us,
                             int64_t now_us);
/* From when on it can have confirmed a result that was done at `done_us`; NEVER_US: it
 * is silent. After a silence, what came meanwhile is still to be read. */
int64_t sink_word_confirms_from_us(const struct sink_word *word, int64_t done_us,
                                   int64_t liveness_us, int64_t now_us);

#endif
