/* SPDX-License-Identifier: MIT */
/* When to make a socket anew whose peer has refused it, as libzmq may not try again by
 * itself: after a pause that doubles from refusal to refusal, to a bound. */
#ifndef FANFOLD_COMMON_NET_RETRY_H
#define FANFOLD_COMMON_NET_RETRY_H

#include "common/clock.h"
#include <stdint.h>

#define RETRY_PAUSE_LEAST_US (SECOND_US / 4)
#define RETRY_PAUSE_MOST_US  (4 * SECOND_US)

struct retry {
    int64_t at_us;    /* NEVER_US: the socket lives */
    int64_t pause_us; /* the next one */
};

static inline void retry_init(struct retry *retry)
{
    *retry = (struct retry){.at_us = NEVER_US, .pause_us = RETRY_PAUSE_LEAST_US};
}

/* Thousands may be refused at once: `chance`, 0 to 255, gives each a time of its own.
 * Nothing, if a retry is due already. */
static inline void retry_schedule(struct retry *retry, uint8_t chance, int64_t now_us)
{
    if (retry->at_us != NEVER_US)
        return;
    retry->at_us = now_us + retry->pause_us / 2 + chance * retry->pause_us / 512;
    retry->pause_us *= 2;
    if (retry->pause_us > RETRY_PAUSE_MOST_US)
        retry->pause_us = RETRY_PAUSE_MOST_US;
}

/* Another socket is there; the next pause stays as it is until the peer lets it in. */
static inline void retry_made(struct retry *retry)
{
    retry->at_us = NEVER_US;
}

#endif
