/* SPDX-License-Identifier: MIT */
/* Peers that something was done for already, so that it is done once: the last 4096
 * connections, as a ROUTER numbers its peers one after the other. Pure. */
#ifndef FANFOLD_VENTILATOR_RECENT_PEERS_H
#define FANFOLD_VENTILATOR_RECENT_PEERS_H

#include <stdbool.h>
#include <stdint.h>

enum { RECENT_PEERS = 4096 /* a power of two */ };

struct recent_peers {
    uint64_t at[RECENT_PEERS]; /* by the peer's low bits, the peer plus 1; 0: none */
};

/* True: it was not here. A peer that was pushed out by a later one counts as new. */
static inline bool recent_peers_add(struct recent_peers *peers, uint32_t peer)
{
    uint64_t *entry = &peers->at[peer & (RECENT_PEERS - 1)];
    bool added = *entry != (uint64_t)peer + 1;
    *entry = (uint64_t)peer + 1;
    return added;
}

#endif
