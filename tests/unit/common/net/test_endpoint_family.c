/* SPDX-License-Identifier: MIT */
/* The name service is ours here, and counts what it is asked. */
#include "common/net/endpoint_family.h"

#include <criterion/criterion.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static unsigned asked;

/* "four" has an address of IPv4, "six" of IPv6, others have none. */
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict wanted,
                struct addrinfo **restrict ret_found)
{
    bool known = (strncmp(host, "four", 4) == 0 && wanted->ai_family == AF_INET) ||
                 (strncmp(host, "six", 3) == 0 && wanted->ai_family == AF_INET6);
    (void)service;
    asked++;
    if (!known)
        return EAI_NONAME;
    *ret_found = calloc(1, sizeof **ret_found);
    return 0;
}

void freeaddrinfo(struct addrinfo *found)
{
    free(found);
}

Test(endpoint_family, is_that_of_the_address_that_the_host_has)
{
    cr_assert_not(endpoint_needs_ipv6("tcp://four:1"));
    cr_assert(endpoint_needs_ipv6("tcp://six:1"));
    cr_assert(endpoint_is_unknown("tcp://none:1"));
    cr_assert(endpoint_needs_ipv6("tcp://[::1]:1"));
    cr_assert_not(endpoint_needs_ipv6("ipc:///d/four"));
}

Test(endpoint_family, says_where_nobody_can_be_reached)
{
    char text[200];
    cr_assert(endpoint_is_nowhere("tcp://none:1", text, sizeof text));
    cr_assert_str_eq(text, "cannot resolve \"none\", a host");
    cr_assert(endpoint_is_nowhere("ipc:///no/such/socket", text, sizeof text));
    cr_assert_str_eq(text, "there is no directory \"/no/such\", a place");
    static const char *const known[] = {"tcp://four:1",      "tcp://[::1]:1",
                                        "ipc:///tmp/socket", "ipc:///socket",
                                        "ipc://here",        "ipc://@abstract"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        cr_assert_not(endpoint_is_nowhere(known[i], text, sizeof text), "%s", known[i]);
}

Test(endpoint_family, is_asked_for_once_a_name_however_names_alternate)
{
    for (unsigned i = 0; i < 10; i++) {
        cr_assert_not(endpoint_needs_ipv6("tcp://four.tasks:1"));
        cr_assert(endpoint_needs_ipv6("tcp://six.results:1"));
        cr_assert_not(endpoint_needs_ipv6("tcp://four.other:1"));
    }
    cr_assert_eq(asked, 4, "%u", asked); /* IPv6 after IPv4 */
}

Test(endpoint_family, of_many_names_is_right)
{
    char text[64];
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "tcp://%s%u:1", i % 2 ? "six" : "four", i % 37);
        cr_assert_eq(endpoint_needs_ipv6(text), i % 2 == 1, "%s", text);
    }
}
