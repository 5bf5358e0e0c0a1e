/* SPDX-License-Identifier: MIT */
#include "ventilator/crew.h"

#include <criterion/criterion.h>

enum { WINDOW = 4096 };

static struct crew crew;

static void begin(void)
{
    crew_init(&crew);
}

static void end(void)
{
    while (crew.count)
        crew_remove(&crew, crew.sessions[0]);
    crew_deinit(&crew);
}

TestSuite(crew, .init = begin, .fini = end);

static struct crew_session *add(uint32_t peer, uint32_t slots)
{
    struct id uuid = {{(uint8_t)peer}};
    struct crew_session *session =
        crew_add(&crew, peer, crew_worker(&crew, &uuid), slots);
    session->way = WAY_OPEN;
    return session;
}

Test(crew, finds_sessions_by_peer_whatever_the_order_they_came_in)
{
    static const uint32_t peers[] = {5, 1, 9, 3};
    for (int i = 0; i < 4; i++)
        add(peers[i], 1);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(crew_find(&crew, peers[i])->peer, peers[i]);
    cr_assert_null(crew_find(&crew, 4));
    cr_assert_eq(crew.slots, 4);
    crew_remove(&crew, crew_find(&crew, 5));
    cr_assert_null(crew_find(&crew, 5));
    cr_assert_eq(crew_find(&crew, 9)->peer, 9);
    cr_assert_eq(crew.slots, 3);
}

Test(crew, remembers_a_worker_from_one_session_to_the_next)
{
    struct id uuid = {{5}};
    struct crew_session *session = add(5, 1);
    session->worker->doubts = 1;
    cr_assert_eq(crew_find_worker(&crew, crew_worker(&crew, &uuid)), session);
    crew_remove(&crew, session);
    cr_assert_null(crew_find_worker(&crew, crew_worker(&crew, &uuid)));
    cr_assert_eq(crew_worker(&crew, &uuid)->doubts, 1);
}

Test(crew, rule_8_the_shorter_the_tasks_the_more_places)
{
    struct crew_session *session = add(5, 2);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 2 + 1);
    crew_measure(session, 2000, 100);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 2 + 2 * 10);
    session->measured = false;
    crew_measure(session, 2000000, 100);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 2);
}

Test(crew, rule_8_large_chunks_are_not_hoarded_however_short_they_run)
{
    struct crew_session *session = add(5, 1);
    crew_measure(session, 1, 2 << 20);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 1 + 2);
}

Test(crew, rule_8_the_first_worker_leaves_half_of_the_window_to_others)
{
    struct crew_session *session = add(5, 1);
    crew_measure(session, 0, 1);
    cr_assert_eq(crew_places(&crew, session, 100), 1 + 50);
}

Test(crew, has_no_place_at_a_worker_that_leaves_or_cannot_reach_the_sink)
{
    struct crew_session *session = add(5, 1);
    session->way = WAY_SHUT;
    cr_assert_eq(crew_places(&crew, session, WINDOW), 0);
    session->way = WAY_OPEN;
    session->leaving = true;
    cr_assert_eq(crew_places(&crew, session, WINDOW), 0);
}

Test(crew, rule_3_who_cannot_tell_is_trusted_until_two_dones_were_not_confirmed)
{
    struct crew_session *session = add(5, 1);
    session->way = WAY_UNKNOWN;
    session->worker->doubts = 1;
    cr_assert(crew_trusts(session));
    session->worker->doubts = 2;
    cr_assert_not(crew_trusts(session));
    cr_assert_eq(crew_places(&crew, session, WINDOW), 0);
    session->way = WAY_OPEN;
    cr_assert(crew_trusts(session));
}

/* ---- the round trip ---- */

Test(crew, rule_8_short_tasks_are_there_before_the_next_can_have_come)
{
    struct crew_session *session = add(5, 2);
    crew_measure_trip(session, 50000);
    crew_measure(session, 2000, 100);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 2 + 2 * (20 + 50) / 2);
}

Test(crew, rule_8_slots_that_end_together_find_a_task_each_where_the_way_is_long)
{
    struct crew_session *session = add(5, 8);
    crew_measure(session, 500000, 100);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 8 + 1);
    crew_measure_trip(session, 50000);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 8 + 8);
    session->measured = false;
    crew_measure(session, 1000001, 100);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 8, "long ones wait nowhere");
}

Test(crew, a_trip_is_the_shortest_and_grows_only_with_many_that_are_longer)
{
    struct crew_session *session = add(5, 1);
    crew_measure_trip(session, 80000);
    crew_measure_trip(session, 1000);
    cr_assert_eq(session->rtt_us, 1000);
    crew_measure_trip(session, 9000);
    cr_assert_eq(session->rtt_us, 2000);
    for (int i = 0; i < 100; i++)
        crew_measure_trip(session, INT64_MAX);
    cr_assert_leq(session->rtt_us, 500000);
    crew_measure_trip(session, -5);
    cr_assert_eq(session->rtt_us, 1);
}

/* ---- how long chunks should be ---- */

Test(crew, few_tasks_are_sent_ahead_while_their_size_is_found_out)
{
    struct crew_session *session = add(5, 2);
    crew.learns = true;
    cr_assert_eq(crew_places(&crew, session, WINDOW), 2);
    crew_measure(session, 100, 100);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 2 + 2);
    session->measured = false;
    crew_measure(session, 100000, 100);
    cr_assert_eq(crew_places(&crew, session, WINDOW), 2);
}

Test(crew, the_rest_is_shared_by_all_slots)
{
    cr_assert_eq(crew_share(&crew, 100), 100, "as if there were one");
    add(5, 2);
    cr_assert_eq(crew_share(&crew, 200), 100);
}

Test(crew, a_slow_slot_gets_no_more_than_it_can_end_with_the_others)
{
    crew_measure(add(5, 1), 1000, 1000);
    crew_measure(add(6, 1), 9000, 1000); /* a tenth of the speed of both together */
    cr_assert_eq(crew_share(&crew, 10000), 999);
    add(7, 2); /* nothing is known of it: it is as the others are */
    cr_assert_eq(crew_share(&crew, 20000), 999);
}
