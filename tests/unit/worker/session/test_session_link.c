/* SPDX-License-Identifier: MIT */
/* The results endpoints of a sink that has several. */
#include "session_fixture.h"

TestSuite(session_link, .fini = end);

static void begin_with_two(bool monitor)
{
    begin(1, monitor, false);
    tick_after(0);
    welcome_to(1, 1, two_results, 2);
    expect("CONNECT HELLO PING OPEN_LINK PING");
    cr_assert_str_eq(session_endpoint(worker), "tcp://a:1");
}

Test(session_link, the_next_endpoint_is_tried_when_one_does_not_open_and_then_the_first)
{
    begin_with_two(true);
    tick_after(100000);
    expect("");
    tick_after(2 * SECOND_US);
    expect("OPEN_LINK PING");
    cr_assert_str_eq(session_endpoint(worker), "tcp://b:2");
    tick_after(2 * SECOND_US);
    expect("OPEN_LINK PING");
    cr_assert_str_eq(session_endpoint(worker), "tcp://a:1");
}

Test(session_link, one_that_is_open_stays)
{
    begin_with_two(true);
    session_on_link(worker, true, now_us);
    expect("PING");
    tick_after(3 * SECOND_US);
    expect("PING");
    cr_assert_str_eq(session_endpoint(worker), "tcp://a:1");
}

Test(session_link,
     an_endpoint_that_this_host_cannot_reach_is_skipped_as_long_as_one_is_left)
{
    begin_with_two(true);
    cr_assert(session_skip_endpoint(worker));
    cr_assert_str_eq(session_endpoint(worker), "tcp://b:2");
    cr_assert_not(session_skip_endpoint(worker));
}

Test(session_link, results_are_compressed_as_the_last_welcome_says_if_it_is_a_known_way)
{
    struct capability said[] = {{slice_of_text("compress-magic")},
                                {slice_of_text("compress-lz4")}};
    struct message message = {.type = MESSAGE_WELCOME,
                              .welcome = {.version = PROTOCOL_VERSION,
                                          .session = 1,
                                          .nonce = 1,
                                          .heartbeat_ms = 250,
                                          .liveness_ms = 10000,
                                          .run = run,
                                          .epoch = 1,
                                          .endpoints = &results,
                                          .endpoint_count = 1,
                                          .capabilities = said,
                                          .capability_count = 2}};
    begin(1, true, false);
    tick_after(0);
    cr_assert_eq(session_compression(worker), PAYLOAD_PLAIN);
    hear(message);
    cr_assert_eq(session_compression(worker), PAYLOAD_LZ4);
    hear((struct message){.type = MESSAGE_WHO});
    message.welcome.session = message.welcome.nonce = 2;
    message.welcome.capability_count = 1;
    hear(message);
    cr_assert_eq(session_compression(worker), PAYLOAD_PLAIN);
    expect("CONNECT HELLO PING OPEN_LINK PING HELLO OPEN_LINK PING");
}

Test(session_link, without_a_monitor_each_later_welcome_tries_the_next)
{
    begin_with_two(false);
    hear((struct message){.type = MESSAGE_WHO});
    welcome_to(2, 1, two_results, 2);
    expect("HELLO OPEN_LINK PING");
    cr_assert_str_eq(session_endpoint(worker), "tcp://b:2");
    hear((struct message){.type = MESSAGE_WHO});
    welcome(3, 1); /* another list */
    expect("HELLO OPEN_LINK PING");
    cr_assert_str_eq(session_endpoint(worker), "ipc://r");
}
