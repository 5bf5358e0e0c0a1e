/* SPDX-License-Identifier: MIT */
/* Remembers for which peers something was done, so that it is done once: for the last
 * 4096 connections, as a ROUTER numbers its peers one after the other. Pure. */
#ifndef FANFOLD_VENTILATOR_ONCE_PER_PEER_H
#define FANFOLD_VENTILATOR_ONCE_PER_PEER_H

#include <stdbool.h>
#include <stdint.h>

enum { ONCE_PER_PEER_MAX = 4096 /* a power of two */ };

struct once_per_peer {
    /* By the peer's low bits, the peer plus 1; 0: none. */
    uint64_t at[ONCE_PER_PEER_MAX];
};

/* True: it was not here. A peer that was pushed out by a later one counts as new. */
static inline bool once_per_peer_add(struct once_per_peer *peers, uint32_t peer)
{
    uint64_t *entry = &peers->at[peer & (ONCE_PER_PEER_MAX - 1)];
    bool added = *entry != (uint64_t)peer + 1;
    *entry = (uint64_t)peer + 1;
    return added;
}

#endif
