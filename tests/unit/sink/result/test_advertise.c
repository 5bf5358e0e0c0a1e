/* SPDX-License-Identifier: MIT */
/* What workers are told of where the sink is. */
#include "sink/result/advertise.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct endpoint_list list;

static void expect(const char *bound, const char *host, const char *expected)
{
    list.count = 0;
    cr_assert(advertise(&list, bound, host));
    cr_assert_eq(list.count, 1);
    cr_expect_str_eq(list.endpoints[0].name, expected);
}

static bool has(const char *endpoint)
{
    for (uint32_t i = 0; i < list.count; i++)
        if (strcmp(list.endpoints[i].name, endpoint) == 0)
            return true;
    return false;
}

Test(advertise, says_what_is_bound_unless_told_otherwise)
{
    expect("ipc:///run/x/results", NULL, "ipc:///run/x/results");
    expect("tcp://10.0.0.7:5558", NULL, "tcp://10.0.0.7:5558");
    expect("tcp://0.0.0.0:5558", "tcp://gate:7000", "tcp://gate:7000");
    expect("ipc:///run/x/results", "tcp://gate:7000", "tcp://gate:7000");
}

Test(advertise, puts_a_host_before_the_bound_port)
{
    expect("tcp://0.0.0.0:5558", "node7", "tcp://node7:5558");
    expect("tcp://0.0.0.0:5558", "node7:6000", "tcp://node7:6000");
    expect("tcp://[::]:5558", "[fe80::1]", "tcp://[fe80::1]:5558");
    expect("tcp://[::]:5558", "[fe80::1]:6000", "tcp://[fe80::1]:6000");
}

Test(advertise, lists_this_host_s_addresses_and_its_name_last_where_all_are_bound)
{
    char host[200] = "", expected[256];
    gethostname(host, sizeof host - 1);
    snprintf(expected, sizeof expected, "tcp://%s:5558", host);
    list.count = 0;
    cr_assert(advertise(&list, "tcp://[::]:5558", NULL));
    cr_expect_str_eq(list.endpoints[list.count - 1].name, expected);
    cr_expect_not(has("tcp://127.0.0.1:5558"));
    struct ifaddrs *interfaces;
    cr_assert_eq(getifaddrs(&interfaces), 0);
    for (struct ifaddrs *one = interfaces; one; one = one->ifa_next) {
        char address[INET_ADDRSTRLEN];
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET)
            continue;
        inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)one->ifa_addr)->sin_addr,
                  address, sizeof address);
        snprintf(expected, sizeof expected, "tcp://%s:5558", address);
        cr_expect_eq(has(expected), strncmp(address, "127.", 4) != 0, "%s", expected);
    }
    freeifaddrs(interfaces);
}

Test(advertise, lists_no_endpoint_twice_and_none_of_ipv6_where_only_ipv4_is_bound)
{
    list.count = 0;
    cr_assert(advertise(&list, "tcp://0.0.0.0:5558", NULL));
    for (uint32_t i = 0; i < list.count; i++) {
        cr_expect_null(strchr(list.endpoints[i].name, '['));
        for (uint32_t j = 0; j < i; j++)
            cr_expect_str_neq(list.endpoints[i].name, list.endpoints[j].name);
    }
}

Test(advertise, has_no_host_on_ipc)
{
    list.count = 0;
    cr_assert_not(advertise(&list, "ipc:///run/x", "node7"));
}

Test(advertise, refuses_what_is_too_long_or_one_too_many)
{
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    list.count = 0;
    cr_assert_not(advertise_one(&list, name));
    for (int i = 0; i < ENDPOINTS_MAX; i++) {
        snprintf(name, sizeof name, "tcp://host:%d", i + 1);
        cr_assert(advertise_one(&list, name));
    }
    cr_assert_not(advertise_one(&list, "tcp://host:99"));
}
