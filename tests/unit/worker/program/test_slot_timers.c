/* SPDX-License-Identifier: MIT */
/* worker/program/slot_timers.h and worker/program/spawn_backoff.h; the time is what the
 * test says, but for when the descriptor becomes readable. */
#include "common/clock.h"
#include "worker/program/spawn_backoff.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>

static struct slot_timers timers;

static void begin(void)
{
    cr_assert_eq(slot_timers_init(&timers, 3), 0);
}

static void end(void)
{
    slot_timers_deinit(&timers);
}

TestSuite(slot_timers, .init = begin, .fini = end);

static bool is_readable(int wait_ms)
{
    return poll(&(struct pollfd){.fd = timers.fd, .events = POLLIN}, 1, wait_ms) == 1;
}

static void expect(int64_t now_us, int expected)
{
    uint32_t slot;
    int found = slot_timers_take(&timers, now_us, &slot) ? (int)slot : -1;
    cr_assert_eq(found, expected, "%d, not %d", found, expected);
}

Test(slot_timers, come_when_they_are_due_and_only_once)
{
    slot_timers_set(&timers, 0, 1000);
    slot_timers_set(&timers, 2, 500);
    expect(499, -1);
    expect(500, 2);
    expect(999, -1);
    expect(1000, 0);
    expect(1000000, -1);
}

Test(slot_timers, do_not_come_when_they_were_taken_back)
{
    slot_timers_set(&timers, 0, 1000);
    slot_timers_set(&timers, 0, 0);
    expect(1000, -1);
}

Test(slot_timers, make_the_descriptor_readable_in_time)
{
    int64_t now_us = clock_now_us();
    slot_timers_set(&timers, 1, now_us + 3600 * SECOND_US);
    cr_assert_not(is_readable(0));
    slot_timers_set(&timers, 0, now_us + 30000);
    cr_assert(is_readable(60000));
    cr_assert_geq(clock_now_us(), now_us + 30000);
    expect(now_us + 30000, 0);
    expect(now_us + 30000, -1);
    cr_assert_not(is_readable(0), "armed for the next");
}

Test(slot_timers, that_are_seen_much_too_late_are_held_back_once)
{
    slot_timers_set(&timers, 1, 1000000);
    slot_timers_set(&timers, 0, 1900000);
    expect(1901000, 0);
    expect(1901000, -1);
    expect(2000999, -1);
    expect(2001000, 1);
}

/* Who sets it again in each turn of a loop must not hold it back for ever. */
Test(slot_timers, that_are_set_to_the_same_time_again_wait_no_longer)
{
    slot_timers_set(&timers, 1, 1000000);
    for (int64_t now_us = 1900000; now_us < 2000000; now_us += 10000) {
        expect(now_us, -1);
        slot_timers_set(&timers, 1, 1000000);
    }
    expect(2000000, 1);
}

Test(slot_timers, are_later_by_what_was_lost)
{
    slot_timers_set(&timers, 1, 1000000);
    expect(6000000, -1); /* late: held back */
    slot_timers_shift(&timers, 5500000);
    expect(6400000, -1);
    expect(6499999, -1);
    expect(6500000, 1);
}

Test(spawn_backoff, is_longer_each_time_until_something_is_started)
{
    static const int64_t lengths_us[] = {10000,  20000,  40000,   80000,  160000,
                                         320000, 640000, 1000000, 1000000};
    struct spawn_backoff backoff;
    uint32_t slot;
    int64_t now_us = SECOND_US;
    cr_assert_eq(spawn_backoff_init(&backoff, 2), 0);
    for (size_t i = 0; i < sizeof lengths_us / sizeof *lengths_us; i++) {
        cr_assert_not(spawn_backoff_begin(&backoff, 1, EAGAIN, now_us));
        cr_assert_not(spawn_backoff_take(&backoff, now_us + lengths_us[i] - 1, &slot));
        now_us += lengths_us[i];
        cr_assert(spawn_backoff_take(&backoff, now_us, &slot));
        cr_assert_eq(slot, 1);
        cr_assert_not(spawn_backoff_take(&backoff, now_us, &slot));
    }
    spawn_backoff_forget(&backoff, 1);
    spawn_backoff_begin(&backoff, 1, EAGAIN, now_us);
    cr_assert(spawn_backoff_take(&backoff, now_us + 10000, &slot));
    spawn_backoff_deinit(&backoff);
}

Test(spawn_backoff, is_hopeless_when_nothing_could_be_started_for_long)
{
    struct spawn_backoff backoff;
    cr_assert_eq(spawn_backoff_init(&backoff, 2), 0);
    cr_assert_not(spawn_backoff_begin(&backoff, 0, EAGAIN, SECOND_US));
    cr_assert_not(spawn_backoff_begin(&backoff, 1, EAGAIN, 30 * SECOND_US));
    cr_assert(spawn_backoff_begin(&backoff, 0, EAGAIN, 31 * SECOND_US));
    spawn_backoff_forget(&backoff, 1); /* one slot that could is hope for all */
    cr_assert_not(spawn_backoff_begin(&backoff, 0, EAGAIN, 32 * SECOND_US));
    spawn_backoff_deinit(&backoff);
}
