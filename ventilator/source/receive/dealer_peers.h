/* SPDX-License-Identifier: MIT */
/*
 * The receiver's books of DEALER/1 (common/DEALER.md): under which routing id each
 * producer is reached, and which answers it is owed. Pure.
 */
#ifndef FANFOLD_VENTILATOR_SOURCE_RECEIVE_DEALER_PEERS_H
#define FANFOLD_VENTILATOR_SOURCE_RECEIVE_DEALER_PEERS_H

#include "common/dealer/dealer_format.h"

enum { DEALER_ROUTE_MAX = 255, DEALER_PEERS_MAX = 4096 };
enum { DEALER_CREDIT_BYTES = 64 << 20 };

struct dealer_peer {
    uint8_t id[DEALER_ID_MAX], route[DEALER_ROUTE_MAX];
    uint8_t id_size, route_size;
    bool owed_have;
    bool kept;            /* the spool has something of it */
    uint64_t heard;       /* when, as the order of who was heard of */
    uint64_t asked_again; /* the number that it was asked for; 0: none */
    size_t large;         /* bytes of the largest of its last messages, about */
};

struct dealer_peers {
    struct dealer_peer *items;
    size_t count, capacity;
    uint64_t heard; /* messages */
    size_t last;    /* which was heard of last: most messages come in rows */
};

void dealer_peers_deinit(struct dealer_peers *peers);
/* Heard of it by this route. Where there are too many, it takes the place of the one
 * that was heard of first of those of which the spool has nothing. Borrowed until the
 * next call; NULL: it has something of each. */
struct dealer_peer *dealer_peers_hear(struct dealer_peers *peers, struct slice id,
                                      struct slice route);
/* Whether a producer was heard of by this route. */
bool dealer_peers_knows_route(const struct dealer_peers *peers, struct slice route);
/* Each is owed a HAVE: there is room again, or there is none any more. */
void dealer_peers_owe_all(struct dealer_peers *peers);

/* The wanted number is missing. Whether it is to be asked for, once a gap. */
bool dealer_peer_asks(struct dealer_peer *peer, uint64_t wanted);
/* It came, or the producer begins anew. */
void dealer_peer_caught_up(struct dealer_peer *peer);

/* A message of so many bytes has come. */
void dealer_peer_weigh(struct dealer_peer *peer, size_t bytes);
/* How many more of such messages may be on their way: at least one, at most `most`, and
 * else no more than DEALER_CREDIT_BYTES. */
uint32_t dealer_peer_credit(const struct dealer_peer *peer, uint32_t most);

#endif
