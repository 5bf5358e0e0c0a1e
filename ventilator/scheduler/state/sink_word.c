/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/sink_word.h"

#include "common/clock.h"

void sink_word_heard(struct sink_word *word, int64_t liveness_us, int64_t now_us)
{
    if (now_us - word->heard_us > liveness_us)
        word->listens_us = now_us;
    word->heard_us = now_us;
}

void sink_word_stalled(struct sink_word *word, int64_t now_us)
{
    word->stalled_us = now_us;
}

int64_t sink_word_silence_us(const struct sink_word *word, int64_t now_us)
{
    return now_us -
           (word->stalled_us > word->heard_us ? word->stalled_us : word->heard_us);
}

bool sink_word_is_spoken_for(const struct sink_word *word, int64_t liveness_us,
                             int64_t now_us)
{
    return word->stalled_us && now_us - word->stalled_us <= liveness_us;
}

int64_t sink_word_confirms_from_us(const struct sink_word *word, int64_t done_us,
                                   int64_t liveness_us, int64_t now_us)
{
    if (now_us - word->heard_us >= liveness_us)
        return NEVER_US;
    return done_us > word->listens_us ? done_us : word->listens_us;
}
