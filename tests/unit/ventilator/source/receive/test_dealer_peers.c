/* SPDX-License-Identifier: MIT */
#include "ventilator/source/receive/dealer_peers.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct dealer_peer *hear(struct dealer_peers *peers, const char *id,
                                const char *route)
{
    return dealer_peers_hear(peers, slice_of_text(id), slice_of_text(route));
}

Test(dealer_peers, a_producer_is_answered_where_it_was_heard_of_last)
{
    struct dealer_peers peers = {.items = NULL};
    hear(&peers, "a", "r1");
    hear(&peers, "b", "r2");
    struct dealer_peer *peer = hear(&peers, "a", "r3");
    cr_assert_eq(peers.count, 2);
    cr_assert_eq(peer->route_size, 2);
    cr_assert_eq(peer->route[1], '3');
    dealer_peers_deinit(&peers);
}

Test(dealer_peers, a_missing_number_is_asked_for_once_a_gap_and_connection)
{
    struct dealer_peers peers = {.items = NULL};
    struct dealer_peer *peer = hear(&peers, "a", "r1");
    cr_assert(dealer_peer_asks(peer, 5));
    cr_assert_not(dealer_peer_asks(peer, 5));
    cr_assert(dealer_peer_asks(peer, 9), "another gap");
    dealer_peer_caught_up(peer);
    cr_assert(dealer_peer_asks(peer, 9));
    peer = hear(&peers, "a", "r2");
    cr_assert(dealer_peer_asks(peer, 9), "what was asked went to the old connection");
    dealer_peers_deinit(&peers);
}

Test(dealer_peers, a_route_is_known_by_its_last_connection)
{
    struct dealer_peers peers = {.items = NULL};
    hear(&peers, "a", "r1");
    hear(&peers, "a", "r2");
    cr_assert(dealer_peers_knows_route(&peers, slice_of_text("r2")));
    cr_assert_not(dealer_peers_knows_route(&peers, slice_of_text("r1")));
    cr_assert_not(dealer_peers_knows_route(&peers, slice_of_text("r")));
    dealer_peers_deinit(&peers);
}

Test(dealer_peers, there_is_an_end_to_how_many)
{
    struct dealer_peers peers = {.items = NULL};
    char id[16];
    for (int i = 0; i < DEALER_PEERS_MAX; i++) {
        snprintf(id, sizeof id, "%d", i);
        hear(&peers, id, "r")->kept = true;
    }
    cr_assert_null(hear(&peers, "one more", "r"));
    cr_assert_not_null(hear(&peers, "7", "r"));
    dealer_peers_owe_all(&peers);
    cr_assert(peers.items[DEALER_PEERS_MAX - 1].owed_have);
    dealer_peers_deinit(&peers);
}

Test(dealer_peers, who_only_knocked_makes_room_for_others_the_oldest_first)
{
    struct dealer_peers peers = {.items = NULL};
    char id[16];
    for (int i = 0; i < DEALER_PEERS_MAX; i++) {
        snprintf(id, sizeof id, "%d", i);
        hear(&peers, id, "r")->kept = i == 1;
    }
    hear(&peers, "0", "r"); /* once more: it is the newest now */
    for (int i = 2; i < DEALER_PEERS_MAX; i++) {
        snprintf(id, sizeof id, "new %d", i);
        struct dealer_peer *peer = hear(&peers, id, "r");
        cr_assert_not_null(peer);
        cr_assert_eq((int)(peer - peers.items), i);
        cr_assert_not(peer->owed_have, "that was the other's");
    }
    cr_assert_eq(peers.count, DEALER_PEERS_MAX);
    cr_assert(hear(&peers, "1", "r")->kept);
    cr_assert_eq(hear(&peers, "one more", "r"), &peers.items[0]);
    dealer_peers_deinit(&peers);
}

Test(dealer_peers, few_large_messages_are_on_their_way_or_many_small_ones)
{
    struct dealer_peers peers = {.items = NULL};
    struct dealer_peer *peer = hear(&peers, "a", "r1");
    cr_assert_eq(dealer_peer_credit(peer, 1000), 1000, "nothing is known yet");
    dealer_peer_weigh(peer, 100);
    cr_assert_eq(dealer_peer_credit(peer, 1000), 1000);
    dealer_peer_weigh(peer, 1 << 20);
    cr_assert_eq(dealer_peer_credit(peer, 1000), 64);
    cr_assert_eq(dealer_peer_credit(peer, 10), 10);
    dealer_peer_weigh(peer, 1 << 30);
    cr_assert_eq(dealer_peer_credit(peer, 1000), 1);
    for (int i = 0; i < 300; i++)
        dealer_peer_weigh(peer, 100);
    cr_assert_eq(dealer_peer_credit(peer, 1000), 1000, "the large ones are long ago");
    dealer_peers_deinit(&peers);
}
