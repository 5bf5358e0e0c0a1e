/* SPDX-License-Identifier: MIT */
/* Counts the bytes of WELCOMEs for each of the last 4096 connections. A peer that says
 * HELLO after HELLO and reads nothing gets no more: libzmq bounds what it keeps for a
 * peer by messages, and a WELCOME has the input's header. Pure. */
#ifndef FANFOLD_VENTILATOR_ANSWERED_H
#define FANFOLD_VENTILATOR_ANSWERED_H

#include <stdbool.h>
#include <stdint.h>

enum {
    ANSWERED_PEERS_MAX = 4096,     /* a power of two */
    ANSWERED_BYTES_MAX = 16 << 20, /* of one connection */
};

struct answered {
    /* By the peer's low bits, the peer plus 1; 0: none. */
    struct {
        uint64_t peer, bytes;
    } at[ANSWERED_PEERS_MAX];
};

/* False: the peer has got as many as it may. */
static inline bool answered_add(struct answered *answered, uint32_t peer,
                                uint64_t bytes)
{
    uint64_t known = (uint64_t)peer + 1;
    uint32_t i = peer & (ANSWERED_PEERS_MAX - 1);
    if (answered->at[i].peer != known)
        answered->at[i].bytes = 0;
    answered->at[i].peer = known;
    if (answered->at[i].bytes + bytes > ANSWERED_BYTES_MAX)
        return false;
    answered->at[i].bytes += bytes;
    return true;
}

#endif
