/* SPDX-License-Identifier: MIT */
#include "sink/intake.h"
#include <criterion/criterion.h>
#include <unistd.h>

static void expect(const char *bound, const char *advertise, const char *expected)
{
    char endpoint[256];

    cr_assert(intake_advertised(bound, advertise, endpoint, sizeof endpoint));
    cr_assert_str_eq(endpoint, expected);
}

Test(intake, is_reached_where_it_is_bound_unless_told_otherwise)
{
    expect("ipc:///run/x/results", NULL, "ipc:///run/x/results");
    expect("tcp://10.0.0.7:5558", NULL, "tcp://10.0.0.7:5558");
    expect("tcp://0.0.0.0:5558", "tcp://gate:7000", "tcp://gate:7000");
    expect("ipc:///run/x/results", "tcp://gate:7000", "tcp://gate:7000");
}

Test(intake, is_advertised_by_host_with_the_bound_port)
{
    expect("tcp://0.0.0.0:5558", "node7", "tcp://node7:5558");
    expect("tcp://0.0.0.0:5558", "node7:6000", "tcp://node7:6000");
    expect("tcp://[::]:5558", "[fe80::1]", "tcp://[fe80::1]:5558");
    expect("tcp://[::]:5558", "[fe80::1]:6000", "tcp://[fe80::1]:6000");
}

Test(intake, names_this_host_where_it_is_bound_to_all_addresses)
{
    char host[200] = "", expected[256];

    gethostname(host, sizeof host - 1);
    snprintf(expected, sizeof expected, "tcp://%s:5558", host);
    expect("tcp://0.0.0.0:5558", NULL, expected);
    expect("tcp://[::]:5558", NULL, expected);
}

Test(intake, has_no_host_on_ipc)
{
    char endpoint[256];

    cr_assert_not(
        intake_advertised("ipc:///run/x", "node7", endpoint, sizeof endpoint));
}
