/* SPDX-License-Identifier: MIT */
/* Which connection has ended for good, as the events of a monitor tell. */
#include "common/redial/redial.h"

#include <criterion/criterion.h>

static const struct message_end ends[] = {
    {.kind = MESSAGE_PULL, .binds = true, .endpoint = "tcp://127.0.0.1:1"},
    {.kind = MESSAGE_PULL, .endpoint = "tcp://localhost:2"},
};
static const char here[] = "tcp://127.0.0.1:1", there[] = "tcp://127.0.0.1:2";
static struct redial redial;

static void begin(void)
{
    redial_init(&redial, NULL, ends, 2, NULL, true);
}

static void end(void)
{
    redial_deinit(&redial);
}

static void see(int event, const char *address, int64_t now_s)
{
    redial_see(&redial, event, address, now_s * SECOND_US);
}

static void connect_at_1(void)
{
    see(ZMQ_EVENT_CONNECTED, there, 1);
    see(ZMQ_EVENT_HANDSHAKE_SUCCEEDED, there, 1);
}

TestSuite(redial, .init = begin, .fini = end);

Test(redial, an_end_after_which_nobody_tries_again_is_for_good)
{
    connect_at_1();
    see(ZMQ_EVENT_DISCONNECTED, there, 5);
    cr_assert(redial_doubts(&redial));
    cr_assert_null(redial_lost(&redial, 6 * SECOND_US));
    cr_assert_str_eq(redial_lost(&redial, 7 * SECOND_US), ends[1].endpoint);
}

Test(redial, an_end_after_which_libzmq_tries_again_is_none)
{
    connect_at_1();
    see(ZMQ_EVENT_DISCONNECTED, there, 5);
    see(ZMQ_EVENT_CONNECT_RETRIED, there, 5);
    cr_assert_not(redial_doubts(&redial));
    cr_assert_null(redial_lost(&redial, 100 * SECOND_US));
}

Test(redial, nothing_is_lost_with_a_peer_that_was_not_let_in)
{
    see(ZMQ_EVENT_CONNECTED, there, 1);
    see(ZMQ_EVENT_DISCONNECTED, there, 2);
    cr_assert(redial_doubts(&redial));
    cr_assert_null(redial_lost(&redial, 100 * SECOND_US));
}

Test(redial, who_comes_to_a_bound_end_may_leave)
{
    connect_at_1();
    see(ZMQ_EVENT_HANDSHAKE_SUCCEEDED, here, 2);
    see(ZMQ_EVENT_DISCONNECTED, here, 3);
    cr_assert_not(redial_doubts(&redial));
}
