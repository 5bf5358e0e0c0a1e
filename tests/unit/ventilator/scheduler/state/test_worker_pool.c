/* SPDX-License-Identifier: MIT */
#include "ventilator/scheduler/state/worker_pool.h"

#include <criterion/criterion.h>

enum { WINDOW = 4096 };

static struct worker_pool pool;

static void begin(void)
{
    worker_pool_init(&pool, WINDOW);
}

static void end(void)
{
    while (pool.count)
        worker_pool_remove(&pool, pool.sessions[0]);
    worker_pool_deinit(&pool);
}

TestSuite(pool, .init = begin, .fini = end);

static struct worker_session *add(uint32_t peer, uint32_t slots)
{
    struct id uuid = {{(uint8_t)peer}};
    struct worker_session *session =
        worker_pool_add(&pool, peer, worker_pool_know(&pool, &uuid), slots);
    session->link = LINK_OPEN;
    return session;
}

Test(pool, finds_sessions_by_peer_whatever_the_order_they_came_in)
{
    static const uint32_t peers[] = {5, 1, 9, 3};
    for (int i = 0; i < 4; i++)
        add(peers[i], 1);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(worker_pool_find(&pool, peers[i])->peer, peers[i]);
    cr_assert_null(worker_pool_find(&pool, 4));
    cr_assert_eq(pool.slots, 4);
    worker_pool_remove(&pool, worker_pool_find(&pool, 5));
    cr_assert_null(worker_pool_find(&pool, 5));
    cr_assert_eq(worker_pool_find(&pool, 9)->peer, 9);
    cr_assert_eq(pool.slots, 3);
}

Test(pool, remembers_a_worker_from_one_session_to_the_next)
{
    struct id uuid = {{5}};
    struct worker_session *session = add(5, 1);
    session->worker->unconfirmed = 1;
    cr_assert_eq(worker_pool_know(&pool, &uuid)->session, session);
    worker_pool_remove(&pool, session);
    cr_assert_null(worker_pool_know(&pool, &uuid)->session);
    cr_assert_eq(worker_pool_know(&pool, &uuid)->unconfirmed, 1);
}

Test(pool, rule_8_the_shorter_the_tasks_the_more_credit)
{
    struct worker_session *session = add(5, 2);
    cr_assert_eq(worker_pool_credit(&pool, session), 2 + 1);
    worker_session_measure(session, 2000, 100);
    cr_assert_eq(worker_pool_credit(&pool, session), 2 + 2 * 10);
    session->measured = false;
    worker_session_measure(session, 2000000, 100);
    cr_assert_eq(worker_pool_credit(&pool, session), 2);
}

Test(pool, rule_8_large_chunks_are_not_hoarded_however_short_they_run)
{
    struct worker_session *session = add(5, 1);
    worker_session_measure(session, 1, 2 << 20);
    cr_assert_eq(worker_pool_credit(&pool, session), 1 + 2);
}

Test(pool, rule_8_the_first_worker_leaves_half_of_the_window_to_others)
{
    struct worker_session *session = add(5, 1);
    worker_pool_remove(&pool, session);
    worker_pool_deinit(&pool);
    worker_pool_init(&pool, 100);
    session = add(5, 1);
    worker_session_measure(session, 0, 1);
    cr_assert_eq(worker_pool_credit(&pool, session), 1 + 50);
}

Test(pool, rule_8_a_trial_needs_room_for_its_result_as_any_other_task)
{
    struct worker_session *session = add(5, 1);
    session->rests = session->on_trial = true;
    session->done_count = 2 * (1 + 1) + 2 - 1;
    cr_assert_eq(worker_pool_credit(&pool, session), 1);
    session->done_count++;
    cr_assert_eq(worker_pool_credit(&pool, session), 0);
}

Test(pool, gives_no_credit_to_a_worker_that_leaves_or_cannot_reach_the_sink)
{
    struct worker_session *session = add(5, 1);
    session->link = LINK_SHUT;
    cr_assert_eq(worker_pool_credit(&pool, session), 0);
    session->link = LINK_OPEN;
    session->leaving = true;
    cr_assert_eq(worker_pool_credit(&pool, session), 0);
}

Test(pool, rule_3_a_worker_is_trusted_until_two_dones_were_not_confirmed)
{
    struct worker_session *session = add(5, 1);
    session->link = LINK_OPEN; /* whatever it says of that */
    session->worker->unconfirmed = 1;
    cr_assert(worker_session_is_trusted(session));
    session->worker->unconfirmed = 2;
    cr_assert_not(worker_session_is_trusted(session));
    cr_assert_eq(worker_pool_credit(&pool, session), 0);
    worker_session_confirm(session);
    cr_assert(worker_session_is_trusted(session));
}

/* It runs as many tasks as it is taken to have slots for, until it has them all. */
static void use_all(struct worker_session *session)
{
    for (int i = 0; i < 16; i++)
        worker_pool_on_running(&pool, session, session->slots);
}

Test(pool, more_slots_than_many_have_count_when_they_are_in_use)
{
    struct worker_session *session = add(5, 65535);
    cr_assert_eq(pool.slots, 128);
    worker_pool_on_running(&pool, session, 127);
    cr_assert_eq(pool.slots, 128);
    worker_pool_on_running(&pool, session, 128);
    cr_assert_eq(pool.slots, 256);
    use_all(session);
    cr_assert_eq(session->slots, 65535);
    cr_assert_eq(pool.slots, 65535);
}

Test(pool, the_heartbeat_slows_down_only_so_far_that_nobody_is_taken_for_dead)
{
    pool.heartbeat_most_ms = 2500;
    cr_assert_eq(worker_pool_heartbeat_ms(&pool), 250);
    pool.count = 4000;
    cr_assert_eq(worker_pool_heartbeat_ms(&pool), 1000);
    pool.count = 40000;
    cr_assert_eq(worker_pool_heartbeat_ms(&pool), 2500);
    pool.count = 0;
}

Test(pool, the_window_grows_with_the_slots_where_nothing_fixes_it)
{
    cr_assert_eq(pool.window, WINDOW);
    worker_pool_deinit(&pool);
    worker_pool_init(&pool, 0);
    cr_assert_eq(pool.window, 4096);
    use_all(add(5, 50));
    cr_assert_eq(pool.window, 51200);
    use_all(add(6, 60000));
    cr_assert_eq(pool.window, WINDOW_MAX);
    worker_pool_remove(&pool, worker_pool_find(&pool, 6));
    worker_pool_remove(&pool, worker_pool_find(&pool, 5));
    cr_assert_eq(pool.window, 4096);
}

/* ---- the round trip ---- */

Test(pool, rule_8_short_tasks_are_there_before_the_next_can_have_come)
{
    struct worker_session *session = add(5, 2);
    worker_session_measure_trip(session, 50000);
    worker_session_measure(session, 2000, 100);
    cr_assert_eq(worker_pool_credit(&pool, session), 2 + 2 * (20 + 50) / 2);
}

Test(pool, rule_8_slots_that_end_together_find_a_task_each_where_the_link_is_long)
{
    struct worker_session *session = add(5, 8);
    worker_session_measure(session, 500000, 100);
    cr_assert_eq(worker_pool_credit(&pool, session), 8 + 1);
    worker_session_measure_trip(session, 50000);
    cr_assert_eq(worker_pool_credit(&pool, session), 8 + 8);
    session->measured = false;
    worker_session_measure(session, 1000001, 100);
    cr_assert_eq(worker_pool_credit(&pool, session), 8, "long ones wait nowhere");
}

Test(pool, a_trip_is_the_shortest_and_grows_only_with_many_that_are_longer)
{
    struct worker_session *session = add(5, 1);
    worker_session_measure_trip(session, 80000);
    worker_session_measure_trip(session, 1000);
    cr_assert_eq(session->rtt_us, 1000);
    worker_session_measure_trip(session, 9000);
    cr_assert_eq(session->rtt_us, 2000);
    for (int i = 0; i < 100; i++)
        worker_session_measure_trip(session, INT64_MAX);
    cr_assert_leq(session->rtt_us, 500000);
    worker_session_measure_trip(session, -5);
    cr_assert_eq(session->rtt_us, 1);
}

/* ---- how long chunks should be ---- */

Test(pool, few_tasks_are_sent_ahead_while_their_size_is_found_out)
{
    struct worker_session *session = add(5, 2);
    worker_pool_set_learns(&pool, true);
    cr_assert_eq(worker_pool_credit(&pool, session), 2);
    worker_session_measure(session, 100, 100);
    cr_assert_eq(worker_pool_credit(&pool, session), 2 + 2);
    session->measured = false;
    worker_session_measure(session, 100000, 100);
    cr_assert_eq(worker_pool_credit(&pool, session), 2);
}

Test(pool, the_rest_is_shared_by_all_slots)
{
    cr_assert_eq(worker_pool_share(&pool, 100), 100, "as if there were one");
    add(5, 2);
    cr_assert_eq(worker_pool_share(&pool, 200), 100);
}

Test(pool, a_slow_slot_gets_no_more_than_it_can_end_with_the_others)
{
    worker_session_measure(add(5, 1), 1000, 1000);
    worker_session_measure(add(6, 1), 9000,
                           1000); /* a tenth of the speed of both together */
    cr_assert_eq(worker_pool_share(&pool, 10000), 999);
    add(7, 2); /* nothing is known of it: it is as the others are */
    cr_assert_eq(worker_pool_share(&pool, 20000), 999);
}
