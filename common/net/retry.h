/* SPDX-License-Identifier: MIT */
/* When to make a socket anew whose peer has refused it, as libzmq may not try again by
 * itself: after a pause that doubles from refusal to refusal, to a bound. */
#ifndef FANFOLD_COMMON_NET_RETRY_H
#define FANFOLD_COMMON_NET_RETRY_H

#include <stdint.h>

struct retry {
    int64_t at_us;    /* NEVER_US: the socket lives */
    int64_t pause_us; /* the next one */
};

void retry_init(struct retry *retry);
/* Thousands may be refused at once: `chance`, 0 to 255, gives each a time of its own.
 * Nothing, if a retry is due already. */
void retry_schedule(struct retry *retry, uint8_t chance, int64_t now_us);
/* Another socket is there; the next pause stays as it is until the peer lets it in. */
void retry_made(struct retry *retry);

#endif
