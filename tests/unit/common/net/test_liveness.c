/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "common/net/liveness.h"

#include <criterion/criterion.h>

enum { START_US = 1000000 };

static struct liveness liveness;

static void begin(int64_t patience_us)
{
    liveness_init(&liveness, 10 * SECOND_US, patience_us, START_US);
}

/* Connected at START_US, its HELLO said and answered. */
static void begin_in_touch(int64_t patience_us)
{
    begin(patience_us);
    cr_assert_eq(liveness_tick(&liveness, START_US), LIVENESS_CONNECT);
    liveness_asked(&liveness, START_US);
    liveness_heard(&liveness, START_US);
    liveness_welcomed(&liveness, 250, 10000);
}

Test(liveness, connects_at_once_and_only_once)
{
    begin(-1);
    cr_assert_eq(liveness_tick(&liveness, START_US), LIVENESS_CONNECT);
    liveness_asked(&liveness, START_US);
    cr_assert_eq(liveness_tick(&liveness, START_US), LIVENESS_NOTHING);
    cr_assert_eq(liveness_tick(&liveness, START_US + SECOND_US), LIVENESS_NOTHING);
}

Test(liveness, connects_again_when_it_hears_nothing_for_the_liveness_time)
{
    begin_in_touch(-1);
    cr_assert_eq(liveness_tick(&liveness, START_US + 10 * SECOND_US), LIVENESS_NOTHING);
    cr_assert_eq(liveness_tick(&liveness, START_US + 10 * SECOND_US + 1),
                 LIVENESS_CONNECT);
}

Test(liveness, each_message_puts_the_next_connection_off)
{
    begin_in_touch(-1);
    liveness_heard(&liveness, START_US + 9 * SECOND_US);
    cr_assert_eq(liveness_tick(&liveness, START_US + 19 * SECOND_US), LIVENESS_NOTHING);
    cr_assert_eq(liveness_tick(&liveness, START_US + 20 * SECOND_US), LIVENESS_CONNECT);
}

Test(liveness, repeats_hello_no_sooner_than_after_the_liveness_time)
{
    begin_in_touch(-1);
    liveness_asked(&liveness, START_US + 1);
    for (int second = 1; second <= 10; second++) {
        liveness_heard(&liveness, START_US + second * SECOND_US); /* a PING's echo */
        cr_assert_eq(liveness_tick(&liveness, START_US + second * SECOND_US),
                     LIVENESS_NOTHING);
    }
    cr_assert_eq(liveness_tick(&liveness, START_US + 10 * SECOND_US + 2),
                 LIVENESS_HELLO);
}

Test(liveness, waits_without_limit_for_the_first_ventilator)
{
    begin(-1);
    for (int64_t hour = 0; hour < 100; hour++)
        cr_assert_eq(liveness_tick(&liveness, START_US + hour * 3600 * SECOND_US),
                     LIVENESS_CONNECT);
}

Test(liveness, gives_up_300_s_after_the_last_message_of_a_lost_ventilator)
{
    begin_in_touch(-1);
    cr_assert_eq(liveness_tick(&liveness, START_US + 299 * SECOND_US),
                 LIVENESS_CONNECT);
    cr_assert_eq(liveness_tick(&liveness, START_US + 300 * SECOND_US),
                 LIVENESS_GIVE_UP);
    char text[100];
    liveness_complaint(&liveness, text, sizeof text);
    cr_assert_str_eq(text, "no word from a ventilator for 300 s");
}

Test(liveness, a_stated_patience_holds_for_the_first_ventilator_too)
{
    begin(2 * SECOND_US);
    cr_assert_eq(liveness_tick(&liveness, START_US), LIVENESS_CONNECT);
    cr_assert_eq(liveness_tick(&liveness, START_US + 2 * SECOND_US), LIVENESS_GIVE_UP);
}

Test(liveness, patience_begins_again_with_the_next_run)
{
    begin_in_touch(5 * SECOND_US);
    liveness_renew(&liveness, START_US + 4 * SECOND_US);
    cr_assert_eq(liveness_tick(&liveness, START_US + 8 * SECOND_US), LIVENESS_CONNECT);
    cr_assert_eq(liveness_tick(&liveness, START_US + 9 * SECOND_US), LIVENESS_GIVE_UP);
}

Test(liveness, pings_once_in_the_heartbeat_that_the_ventilator_states)
{
    begin_in_touch(-1);
    liveness_welcomed(&liveness, 2000, 10000);
    cr_assert(liveness_ping_due(&liveness, START_US));
    liveness_pinged(&liveness, START_US);
    cr_assert_not(liveness_ping_due(&liveness, START_US + 2 * SECOND_US - 1));
    cr_assert(liveness_ping_due(&liveness, START_US + 2 * SECOND_US));
}

Test(liveness, a_peer_that_states_zero_times_does_not_make_it_spin)
{
    begin_in_touch(-1);
    liveness_welcomed(&liveness, 0, 0);
    liveness_pinged(&liveness, START_US);
    cr_assert_not(liveness_ping_due(&liveness, START_US + 9999));
    cr_assert_eq(liveness_tick(&liveness, START_US + 99999), LIVENESS_NOTHING);
}

Test(liveness, doubles_the_allowed_silence_until_a_task_comes)
{
    begin_in_touch(-1);
    int64_t at_us = START_US + 10 * SECOND_US + 1;
    cr_assert_eq(liveness_tick(&liveness, at_us), LIVENESS_CONNECT);
    liveness_asked(&liveness, at_us);
    liveness_heard(&liveness, at_us); /* WELCOME: small talk proves nothing */
    liveness_welcomed(&liveness, 250, 10000);
    cr_assert_eq(liveness_tick(&liveness, at_us + 20 * SECOND_US), LIVENESS_NOTHING);
    liveness_carried(&liveness);
    cr_assert_eq(liveness_tick(&liveness, at_us + 20 * SECOND_US), LIVENESS_CONNECT);
}

/* Silent since START_US, and connected anew 10 s and 1 us later. */
static void begin_in_doubt(void)
{
    begin_in_touch(-1);
    cr_assert_eq(liveness_tick(&liveness, START_US + 10 * SECOND_US + 1),
                 LIVENESS_CONNECT);
    liveness_asked(&liveness, START_US + 10 * SECOND_US + 1);
}

Test(liveness, a_ventilator_is_lost_when_a_new_connection_is_not_answered_in_its_time)
{
    begin_in_doubt();
    cr_assert_not(liveness_lost(&liveness, START_US + 20 * SECOND_US + 1));
    cr_assert(liveness_lost(&liveness, START_US + 20 * SECOND_US + 2));
}

Test(liveness, more_new_connections_do_not_put_the_loss_off)
{
    begin_in_doubt();
    liveness_tick(&liveness, START_US + 40 * SECOND_US);
    cr_assert(liveness_lost(&liveness, START_US + 40 * SECOND_US));
}

Test(liveness, any_message_shows_that_a_ventilator_is_not_lost)
{
    begin_in_doubt();
    liveness_heard(&liveness, START_US + 19 * SECOND_US);
    cr_assert_not(liveness_lost(&liveness, START_US + 25 * SECOND_US));
}

Test(liveness, a_ventilator_that_never_came_and_one_that_said_stop_are_not_lost)
{
    begin(-1);
    liveness_tick(&liveness, START_US);
    liveness_asked(&liveness, START_US);
    cr_assert_not(liveness_lost(&liveness, START_US + 1000 * SECOND_US));
    begin_in_touch(-1);
    liveness_renew(&liveness, START_US + SECOND_US);
    liveness_tick(&liveness, START_US + 2 * SECOND_US);
    cr_assert_not(liveness_lost(&liveness, START_US + 1000 * SECOND_US));
}

Test(liveness, one_that_is_lost_is_waited_for_as_long_as_is_said_for_that)
{
    begin(2 * SECOND_US);
    liveness.wait_us = 600 * SECOND_US;
    liveness_tick(&liveness, START_US);
    cr_assert_eq(liveness_tick(&liveness, START_US + 2 * SECOND_US), LIVENESS_GIVE_UP);
    begin_in_touch(2 * SECOND_US);
    liveness.wait_us = 600 * SECOND_US;
    cr_assert_neq(liveness_tick(&liveness, START_US + 599 * SECOND_US),
                  LIVENESS_GIVE_UP);
    cr_assert_eq(liveness_tick(&liveness, START_US + 600 * SECOND_US),
                 LIVENESS_GIVE_UP);
}

Test(liveness, time_in_which_we_did_not_listen_is_no_silence)
{
    begin_in_touch(2 * SECOND_US);
    liveness_heard(&liveness, START_US);
    liveness_excuse(&liveness, 600 * SECOND_US, START_US + 600 * SECOND_US);
    cr_assert_eq(liveness_tick(&liveness, START_US + 601 * SECOND_US),
                 LIVENESS_NOTHING);
    cr_assert_eq(liveness_tick(&liveness, START_US + 602 * SECOND_US),
                 LIVENESS_GIVE_UP);
}

Test(liveness, what_was_heard_after_the_time_of_no_listening_is_not_in_the_future)
{
    begin_in_touch(2 * SECOND_US);
    liveness_heard(&liveness, START_US + 600 * SECOND_US);
    liveness_excuse(&liveness, 600 * SECOND_US, START_US + 600 * SECOND_US);
    cr_assert_eq(liveness_tick(&liveness, START_US + 602 * SECOND_US),
                 LIVENESS_GIVE_UP);
}
