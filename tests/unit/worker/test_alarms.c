/* SPDX-License-Identifier: MIT */
/* worker/alarms.h and worker/rest.h; the time is what the test says, but for when the
 * descriptor becomes readable. */
#include "common/clock.h"
#include "worker/rest.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>

static struct alarms alarms;

static void begin(void)
{
    cr_assert_eq(alarms_init(&alarms, 3), 0);
}

static void end(void)
{
    alarms_deinit(&alarms);
}

TestSuite(alarms, .init = begin, .fini = end);

static bool is_readable(int wait_ms)
{
    return poll(&(struct pollfd){.fd = alarms.fd, .events = POLLIN}, 1, wait_ms) == 1;
}

static void expect(int64_t now_us, int expected)
{
    uint32_t slot;
    int found = alarms_take(&alarms, now_us, &slot) ? (int)slot : -1;
    cr_assert_eq(found, expected, "%d, not %d", found, expected);
}

Test(alarms, come_when_they_are_due_and_only_once)
{
    alarms_set(&alarms, 0, 1000);
    alarms_set(&alarms, 2, 500);
    cr_assert(alarms_is_set(&alarms, 2));
    expect(499, -1);
    expect(500, 2);
    cr_assert_not(alarms_is_set(&alarms, 2));
    expect(999, -1);
    expect(1000, 0);
    expect(1000000, -1);
}

Test(alarms, do_not_come_when_they_were_taken_back)
{
    alarms_set(&alarms, 0, 1000);
    alarms_set(&alarms, 0, 0);
    expect(1000, -1);
}

Test(alarms, make_the_descriptor_readable_in_time)
{
    int64_t now_us = clock_now_us();
    alarms_set(&alarms, 1, now_us + 3600 * SECOND_US);
    cr_assert_not(is_readable(0));
    alarms_set(&alarms, 0, now_us + 30000);
    cr_assert(is_readable(60000));
    cr_assert_geq(clock_now_us(), now_us + 30000);
    expect(now_us + 30000, 0);
    expect(now_us + 30000, -1);
    cr_assert_not(is_readable(0), "armed for the next");
}

Test(alarms, that_are_seen_much_too_late_are_held_back_once)
{
    alarms_set(&alarms, 1, 1000000);
    alarms_set(&alarms, 0, 1900000);
    expect(1901000, 0);
    expect(1901000, -1);
    expect(2000999, -1);
    expect(2001000, 1);
}

Test(alarms, are_later_by_what_was_lost)
{
    alarms_set(&alarms, 1, 1000000);
    expect(6000000, -1); /* late: held back */
    alarms_shift(&alarms, 5500000);
    expect(6400000, -1);
    expect(6499999, -1);
    expect(6500000, 1);
}

Test(rest, is_longer_each_time_until_something_is_started)
{
    static const int64_t lengths_us[] = {10000,  20000,  40000,   80000,  160000,
                                         320000, 640000, 1000000, 1000000};
    struct rest rest;
    uint32_t slot;
    int64_t now_us = SECOND_US;
    cr_assert_eq(rest_init(&rest, 2), 0);
    for (size_t i = 0; i < sizeof lengths_us / sizeof *lengths_us; i++) {
        cr_assert_not(rest_begin(&rest, 1, EAGAIN, now_us));
        cr_assert(rest_goes_on(&rest, 1));
        cr_assert_not(rest_take(&rest, now_us + lengths_us[i] - 1, &slot));
        now_us += lengths_us[i];
        cr_assert(rest_take(&rest, now_us, &slot));
        cr_assert_eq(slot, 1);
        cr_assert_not(rest_goes_on(&rest, 1));
    }
    rest_forget(&rest, 1);
    rest_begin(&rest, 1, EAGAIN, now_us);
    cr_assert(rest_take(&rest, now_us + 10000, &slot));
    rest_deinit(&rest);
}

Test(rest, is_hopeless_when_nothing_could_be_started_for_long)
{
    struct rest rest;
    cr_assert_eq(rest_init(&rest, 2), 0);
    cr_assert_not(rest_begin(&rest, 0, EAGAIN, SECOND_US));
    cr_assert_not(rest_begin(&rest, 1, EAGAIN, 30 * SECOND_US));
    cr_assert(rest_begin(&rest, 0, EAGAIN, 31 * SECOND_US));
    rest_forget(&rest, 1); /* one slot that could is hope for all */
    cr_assert_not(rest_begin(&rest, 0, EAGAIN, 32 * SECOND_US));
    rest_deinit(&rest);
}
