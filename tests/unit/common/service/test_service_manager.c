/* SPDX-License-Identifier: MIT */
#include "common/service/service_manager.h"

#include "common/clock.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOW INT64_C(1000000000)

static int listener = -1;
static char socket_name[64];

/* An abstract socket of this process, as tests run side by side. */
static void listen_as_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length =
        snprintf(socket_name, sizeof socket_name, "@fanfold-test-%d", getpid());
    memcpy(address.sun_path + 1, socket_name + 1, (size_t)length - 1);
    listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    setenv("NOTIFY_SOCKET", socket_name, 1);
}

/* The next message; "": there is none. */
static const char *heard(void)
{
    static char text[1024];
    ssize_t length = recv(listener, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

static void forget(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

TestSuite(service_manager, .init = forget);

Test(service_manager, that_is_not_there_hears_nothing)
{
    struct service_manager manager;
    setenv("WATCHDOG_USEC", "1000000", 1);
    service_manager_open(&manager, NOW);
    cr_assert_not(service_manager_listens(&manager));
    service_manager_ready(&manager);
    cr_assert_eq(service_manager_tick(&manager, NOW), NEVER_US);
    cr_assert_null(getenv("WATCHDOG_USEC"));
}

Test(service_manager, is_taken_out_of_the_environment)
{
    struct service_manager manager;
    listen_as_manager();
    setenv("WATCHDOG_USEC", "1000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    service_manager_open(&manager, NOW);
    cr_assert(service_manager_listens(&manager));
    cr_assert_null(getenv("NOTIFY_SOCKET"));
    cr_assert_null(getenv("WATCHDOG_USEC"));
    cr_assert_null(getenv("WATCHDOG_PID"));
}

Test(service_manager, hears_once_of_each_state)
{
    struct service_manager manager;
    listen_as_manager();
    service_manager_open(&manager, NOW);
    cr_assert_eq(service_manager_tick(&manager, NOW), NEVER_US);
    cr_assert_str_eq(heard(), "");
    service_manager_ready(&manager);
    cr_assert_eq(service_manager_tick(&manager, NOW), NEVER_US);
    cr_assert_str_eq(heard(), "READY=1\n");
    service_manager_ready(&manager);
    service_manager_tick(&manager, NOW);
    cr_assert_str_eq(heard(), "");
    service_manager_stopping(&manager);
    service_manager_tick(&manager, NOW);
    cr_assert_str_eq(heard(), "STOPPING=1\n");
    service_manager_stopping(&manager);
    service_manager_tick(&manager, NOW);
    cr_assert_str_eq(heard(), "");
}

Test(service_manager, hears_a_status_when_it_changes_but_not_all_the_time)
{
    struct service_manager manager;
    listen_as_manager();
    service_manager_open(&manager, NOW);
    service_manager_status(&manager, "%d chunks\nREADY=1", 1);
    service_manager_tick(&manager, NOW);
    cr_assert_str_eq(heard(), "STATUS=1 chunks\n");
    service_manager_status(&manager, "%d chunks", 1);
    cr_assert_eq(service_manager_tick(&manager, NOW), NEVER_US);
    service_manager_status(&manager, "%d chunks", 2);
    int64_t due_us = service_manager_tick(&manager, NOW + 1);
    cr_assert_str_eq(heard(), "");
    cr_assert_eq(due_us, NOW + 5 * SECOND_US);
    service_manager_tick(&manager, due_us);
    cr_assert_str_eq(heard(), "STATUS=2 chunks\n");
    /* A state takes it along. */
    service_manager_status(&manager, "ending");
    service_manager_stopping(&manager);
    service_manager_tick(&manager, due_us);
    cr_assert_str_eq(heard(), "STOPPING=1\nSTATUS=ending\n");
}

Test(service_manager, hears_signs_of_life_twice_as_often_as_it_asks)
{
    struct service_manager manager;
    char pid[16];
    listen_as_manager();
    snprintf(pid, sizeof pid, "%d", getpid());
    setenv("WATCHDOG_USEC", "3000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    service_manager_open(&manager, NOW);
    cr_assert_eq(service_manager_tick(&manager, NOW), NOW + 1500000);
    cr_assert_str_eq(heard(), "WATCHDOG=1\n");
    cr_assert_eq(service_manager_tick(&manager, NOW + 1499999), NOW + 1500000);
    cr_assert_str_eq(heard(), "");
    cr_assert_eq(service_manager_tick(&manager, NOW + 1500000), NOW + 3000000);
    cr_assert_str_eq(heard(), "WATCHDOG=1\n");
}

Test(service_manager, hears_no_sign_of_life_that_it_wants_of_another_process)
{
    static const char *const others[][2] = {
        {"3000000", "1"}, {"3000000", "x"},
        {"3000000", ""},  {"0", NULL},
        {"", NULL},       {"-5", NULL},
        {"7x", NULL},     {"99999999999999999999", NULL},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct service_manager manager;
        if (listener < 0)
            listen_as_manager();
        setenv("NOTIFY_SOCKET", socket_name, 1);
        setenv("WATCHDOG_USEC", others[i][0], 1);
        if (others[i][1])
            setenv("WATCHDOG_PID", others[i][1], 1);
        service_manager_open(&manager, NOW);
        cr_assert_eq(service_manager_tick(&manager, NOW), NEVER_US, "%zu", i);
        cr_assert_str_eq(heard(), "", "%zu", i);
    }
}

Test(service_manager, whose_queue_is_full_hears_it_later)
{
    struct service_manager manager;
    int64_t due_us = NOW;
    int sent = 0;
    listen_as_manager();
    setenv("WATCHDOG_USEC", "2", 1);
    service_manager_open(&manager, NOW);
    /* A sign of life each microsecond, until the queue takes no more. */
    for (; sent < 100000 && due_us <= NOW + sent; sent++)
        due_us = service_manager_tick(&manager, NOW + sent) - 1;
    cr_assert_lt(sent, 100000);
    service_manager_ready(&manager);
    cr_assert_eq(service_manager_tick(&manager, due_us - 10), due_us + 1);
    while (*heard())
        ;
    service_manager_tick(&manager, due_us + 1);
    cr_assert_str_eq(heard(), "READY=1\nWATCHDOG=1\n");
}

Test(service_manager, that_is_gone_or_has_no_proper_name_is_no_reason_to_fail)
{
    static const char *const names[] = {"/nowhere/at/all", "@", "", "vsock:2:1", "run"};
    char longest[200] = "/";
    memset(longest + 1, 'x', sizeof longest - 2);
    for (size_t i = 0; i <= sizeof names / sizeof *names; i++) {
        struct service_manager manager;
        bool last = i == sizeof names / sizeof *names;
        setenv("NOTIFY_SOCKET", last ? longest : names[i], 1);
        service_manager_open(&manager, NOW);
        service_manager_ready(&manager);
        cr_assert_eq(service_manager_tick(&manager, NOW), NEVER_US);
        cr_assert_eq(service_manager_listens(&manager), i == 0);
    }
}
