/* SPDX-License-Identifier: MIT */
#include "common/ports.h"

#include <criterion/criterion.h>

static const char *complete(const char *endpoint, const char *interface)
{
    static char text[64];
    cr_assert(ports_complete(endpoint, 20557, interface, text, sizeof text));
    return text;
}

Test(ports, completes_a_tcp_endpoint_that_has_none)
{
    cr_assert_str_eq(complete("tcp://head", NULL), "tcp://head:20557");
    cr_assert_str_eq(complete("tcp://[::1]", NULL), "tcp://[::1]:20557");
    cr_assert_str_eq(complete("tcp://*", NULL), "tcp://*:20557");
    cr_assert_str_eq(complete("tcp://head:1", NULL), "tcp://head:1");
    cr_assert_str_eq(complete("tcp://[::1]:1", NULL), "tcp://[::1]:1");
    cr_assert_str_eq(complete("tcp://head:*", NULL), "tcp://head:*");
    cr_assert_str_eq(complete("ipc:///a/b", NULL), "ipc:///a/b");
    cr_assert_str_eq(complete("tcp://", NULL), "tcp://");
}

Test(ports, puts_an_interface_for_all_addresses_alone)
{
    cr_assert_str_eq(complete("tcp://*:1", "eth0"), "tcp://eth0:1");
    cr_assert_str_eq(complete("tcp://*", "eth0"), "tcp://eth0:20557");
    cr_assert_str_eq(complete("tcp://head:1", "eth0"), "tcp://head:1");
    cr_assert_str_eq(complete("ipc:///*", "eth0"), "ipc:///*");
}

Test(ports, refuses_what_does_not_fit)
{
    char text[16];
    cr_assert(ports_complete("tcp://h", 20557, NULL, text, sizeof text));
    cr_assert_not(ports_complete("tcp://headnode", 20557, NULL, text, sizeof text));
}

Test(ports, knows_whether_a_port_is_to_be_chosen)
{
    size_t size = 0;
    cr_assert(ports_is_chosen("tcp://[::]:*", &size));
    cr_assert_eq(size, 10);
    cr_assert(ports_is_chosen("tcp://*:0", NULL));
    cr_assert_not(ports_is_chosen("tcp://*:1", NULL));
    cr_assert_not(ports_is_chosen("tcp://*", NULL));
    cr_assert_not(ports_is_chosen("ipc:///a:*", NULL));
}

Test(ports, knows_what_can_only_be_bound)
{
    cr_assert(ports_is_bound_only(NULL));
    cr_assert(ports_is_bound_only("tcp://*:1"));
    cr_assert(ports_is_bound_only("tcp://0.0.0.0:1"));
    cr_assert(ports_is_bound_only("tcp://[::]:1"));
    cr_assert(ports_is_bound_only("tcp://h:*"));
    cr_assert_not(ports_is_bound_only("tcp://[::1]:1"));
    cr_assert_not(ports_is_bound_only("tcp://h:1"));
    cr_assert_not(ports_is_bound_only("ipc:///a"));
}

Test(ports, parses_a_range)
{
    struct port_range range = {0};
    cr_assert(ports_parse("20000-20100", &range));
    cr_assert(range.first == 20000 && range.last == 20100);
    cr_assert(ports_parse("7", &range));
    cr_assert(range.first == 7 && range.last == 7);
    static const char *const wrong[] = {"",    "-",       "1-",    "-1",   "0",
                                        "2-1", "1-65536", "1-2-3", " 1-2", "a"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert_not(ports_parse(wrong[i], &range), "%s", wrong[i]);
}
