/* SPDX-License-Identifier: MIT */
#include "common/clock.h"
#include "common/contact.h"

#include <criterion/criterion.h>

enum { START_US = 1000000 };

static struct contact contact;

static void begin(int64_t patience_us)
{
    contact_init(&contact, 10 * SECOND_US, patience_us, START_US);
}

/* Connected at START_US, its HELLO said and answered. */
static void begin_in_touch(int64_t patience_us)
{
    begin(patience_us);
    cr_assert_eq(contact_mind(&contact, START_US), CONTACT_CONNECT);
    contact_asked(&contact, START_US);
    contact_heard(&contact, START_US);
    contact_welcomed(&contact, 250, 10000);
}

Test(contact, connects_at_once_and_only_once)
{
    begin(-1);
    cr_assert_eq(contact_mind(&contact, START_US), CONTACT_CONNECT);
    contact_asked(&contact, START_US);
    cr_assert_eq(contact_mind(&contact, START_US), CONTACT_NOTHING);
    cr_assert_eq(contact_mind(&contact, START_US + SECOND_US), CONTACT_NOTHING);
}

Test(contact, connects_anew_when_it_hears_nothing_for_the_liveness_time)
{
    begin_in_touch(-1);
    cr_assert_eq(contact_mind(&contact, START_US + 10 * SECOND_US), CONTACT_NOTHING);
    cr_assert_eq(contact_mind(&contact, START_US + 10 * SECOND_US + 1),
                 CONTACT_CONNECT);
}

Test(contact, what_is_heard_puts_the_next_connection_off)
{
    begin_in_touch(-1);
    contact_heard(&contact, START_US + 9 * SECOND_US);
    cr_assert_eq(contact_mind(&contact, START_US + 19 * SECOND_US), CONTACT_NOTHING);
    cr_assert_eq(contact_mind(&contact, START_US + 20 * SECOND_US), CONTACT_CONNECT);
}

Test(contact, repeats_hello_no_sooner_than_after_the_liveness_time)
{
    begin_in_touch(-1);
    contact_asked(&contact, START_US + 1);
    for (int second = 1; second <= 10; second++) {
        contact_heard(&contact, START_US + second * SECOND_US); /* a PING's echo */
        cr_assert_eq(contact_mind(&contact, START_US + second * SECOND_US),
                     CONTACT_NOTHING);
    }
    cr_assert_eq(contact_mind(&contact, START_US + 10 * SECOND_US + 2), CONTACT_HELLO);
}

Test(contact, waits_without_limit_for_the_first_ventilator)
{
    begin(-1);
    for (int64_t hour = 0; hour < 100; hour++)
        cr_assert_eq(contact_mind(&contact, START_US + hour * 3600 * SECOND_US),
                     CONTACT_CONNECT);
}

Test(contact, gives_up_300_s_after_the_last_word_of_one_that_was_there)
{
    begin_in_touch(-1);
    cr_assert_eq(contact_mind(&contact, START_US + 299 * SECOND_US), CONTACT_CONNECT);
    cr_assert_eq(contact_mind(&contact, START_US + 300 * SECOND_US), CONTACT_GIVE_UP);
    char text[100];
    contact_complaint(&contact, text, sizeof text);
    cr_assert_str_eq(text, "no word from a ventilator for 300 s");
}

Test(contact, patience_that_is_stated_holds_for_the_first_one_too)
{
    begin(2 * SECOND_US);
    cr_assert_eq(contact_mind(&contact, START_US), CONTACT_CONNECT);
    cr_assert_eq(contact_mind(&contact, START_US + 2 * SECOND_US), CONTACT_GIVE_UP);
}

Test(contact, patience_begins_anew_with_the_next_run)
{
    begin_in_touch(5 * SECOND_US);
    contact_renew(&contact, START_US + 4 * SECOND_US);
    cr_assert_eq(contact_mind(&contact, START_US + 8 * SECOND_US), CONTACT_CONNECT);
    cr_assert_eq(contact_mind(&contact, START_US + 9 * SECOND_US), CONTACT_GIVE_UP);
}

Test(contact, pings_once_a_heartbeat_of_the_ventilators)
{
    begin_in_touch(-1);
    contact_welcomed(&contact, 2000, 10000);
    cr_assert(contact_ping_due(&contact, START_US));
    contact_pinged(&contact, START_US);
    cr_assert_not(contact_ping_due(&contact, START_US + 2 * SECOND_US - 1));
    cr_assert(contact_ping_due(&contact, START_US + 2 * SECOND_US));
}

Test(contact, a_peer_that_states_no_time_at_all_does_not_make_it_spin)
{
    begin_in_touch(-1);
    contact_welcomed(&contact, 0, 0);
    contact_pinged(&contact, START_US);
    cr_assert_not(contact_ping_due(&contact, START_US + 9999));
    cr_assert_eq(contact_mind(&contact, START_US + 99999), CONTACT_NOTHING);
}

Test(contact, bears_each_silence_twice_as_long_until_a_task_comes)
{
    begin_in_touch(-1);
    int64_t at_us = START_US + 10 * SECOND_US + 1;
    cr_assert_eq(contact_mind(&contact, at_us), CONTACT_CONNECT);
    contact_asked(&contact, at_us);
    contact_heard(&contact, at_us); /* WELCOME: small talk proves nothing */
    contact_welcomed(&contact, 250, 10000);
    cr_assert_eq(contact_mind(&contact, at_us + 20 * SECOND_US), CONTACT_NOTHING);
    contact_carried(&contact);
    cr_assert_eq(contact_mind(&contact, at_us + 20 * SECOND_US), CONTACT_CONNECT);
}
