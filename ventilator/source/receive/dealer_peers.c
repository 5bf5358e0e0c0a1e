/* SPDX-License-Identifier: MIT */
#include "ventilator/source/receive/dealer_peers.h"

#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

void dealer_peers_deinit(struct dealer_peers *peers)
{
    free(peers->items);
    *peers = (struct dealer_peers){.items = NULL};
}

static bool is_of(const struct dealer_peer *peer, struct slice id)
{
    return peer->id_size == id.size && memcmp(peer->id, id.data, id.size) == 0;
}

static struct dealer_peer *find(struct dealer_peers *peers, struct slice id)
{
    if (peers->last < peers->count && is_of(&peers->items[peers->last], id))
        return &peers->items[peers->last];
    for (size_t i = 0; i < peers->count; i++)
        if (is_of(&peers->items[i], id)) {
            peers->last = i;
            return &peers->items[i];
        }
    return NULL;
}

/* Who only knocked may knock again. */
static bool find_idle(const struct dealer_peers *peers, size_t *ret_place)
{
    bool found = false;
    for (size_t i = 0; i < peers->count; i++)
        if (!peers->items[i].kept &&
            (!found || peers->items[i].heard < peers->items[*ret_place].heard)) {
            *ret_place = i;
            found = true;
        }
    return found;
}

static struct dealer_peer *add(struct dealer_peers *peers, struct slice id)
{
    if (peers->count < DEALER_PEERS_MAX) {
        peers->items = room_for_one_more(peers->items, peers->count, &peers->capacity,
                                         sizeof *peers->items);
        peers->last = peers->count++;
    } else if (!find_idle(peers, &peers->last))
        return NULL;
    struct dealer_peer *peer = &peers->items[peers->last];
    *peer = (struct dealer_peer){.id_size = (uint8_t)id.size};
    memcpy(peer->id, id.data, id.size);
    return peer;
}

struct dealer_peer *dealer_peers_hear(struct dealer_peers *peers, struct slice id,
                                      struct slice route)
{
    struct dealer_peer *peer = route.size <= DEALER_ROUTE_MAX ? find(peers, id) : NULL;
    if (!peer && route.size <= DEALER_ROUTE_MAX)
        peer = add(peers, id);
    if (!peer)
        return NULL;
    peer->heard = ++peers->heard;
    if (peer->route_size != route.size ||
        memcmp(peer->route, route.data, route.size) != 0)
        dealer_peer_caught_up(peer); /* another connection: what was asked is lost */
    memcpy(peer->route, route.data, route.size);
    peer->route_size = (uint8_t)route.size;
    return peer;
}

bool dealer_peers_knows_route(const struct dealer_peers *peers, struct slice route)
{
    for (size_t i = 0; i < peers->count; i++)
        if (peers->items[i].route_size == route.size &&
            memcmp(peers->items[i].route, route.data, route.size) == 0)
            return true;
    return false;
}

void dealer_peers_owe_all(struct dealer_peers *peers)
{
    for (size_t i = 0; i < peers->count; i++)
        peers->items[i].owed_have = true;
}

bool dealer_peer_asks(struct dealer_peer *peer, uint64_t wanted)
{
    bool asks = peer->asked_again != wanted;
    peer->asked_again = wanted;
    return asks;
}

void dealer_peer_caught_up(struct dealer_peer *peer)
{
    peer->asked_again = 0;
}

void dealer_peer_weigh(struct dealer_peer *peer, size_t bytes)
{
    enum { MEMORY = 16 /* messages, about */ };
    peer->large -= peer->large / MEMORY;
    if (bytes > peer->large)
        peer->large = bytes;
}

uint32_t dealer_peer_credit(const struct dealer_peer *peer, uint32_t most)
{
    if (peer->large == 0 || most <= DEALER_CREDIT_BYTES / peer->large)
        return most;
    size_t credit = DEALER_CREDIT_BYTES / peer->large;
    return credit > 0 ? (uint32_t)credit : 1;
}
