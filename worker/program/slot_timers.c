/* SPDX-License-Identifier: MIT */
/*
 * The descriptor is armed for the first time, or for an earlier one: taking a time back
 * costs no system call, but a look when it would have come.
 */
#include "worker/program/slot_timers.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/process/fds.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>

enum {
    LATE_US = 50000,       /* too late to be chance */
    LATE_WAIT_US = 100000, /* what came meanwhile is seen by then */
};

int slot_timers_init(struct slot_timers *timers, uint32_t count)
{
    *timers = (struct slot_timers){.count = count};
    timers->times = allocate_zeroed(count, sizeof *timers->times);
    timers->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return timers->fd < 0 ? -errno : 0;
}

void slot_timers_deinit(struct slot_timers *timers)
{
    fd_close(&timers->fd);
    free(timers->times);
    *timers = (struct slot_timers){.fd = -1};
}

/* Also takes back that it is readable. */
static void arm(struct slot_timers *timers, int64_t due_us)
{
    struct itimerspec due = {.it_value = {.tv_sec = due_us / SECOND_US,
                                          .tv_nsec = due_us % SECOND_US * 1000}};
    timers->armed_us = due_us;
    (void)timerfd_settime(timers->fd, TFD_TIMER_ABSTIME, &due, NULL);
}

static int64_t time_of(const struct slot_timer *timer)
{
    return timer->due_us > timer->wait_us ? timer->due_us : timer->wait_us;
}

static void arm_first(struct slot_timers *timers)
{
    int64_t first_us = 0;
    for (uint32_t slot = 0; slot < timers->count; slot++) {
        const struct slot_timer *timer = &timers->times[slot];
        if (timer->due_us && (!first_us || time_of(timer) < first_us))
            first_us = time_of(timer);
    }
    arm(timers, first_us);
}

void slot_timers_set(struct slot_timers *timers, uint32_t slot, int64_t due_us)
{
    if (timers->times[slot].due_us == due_us)
        return; /* a wait that has begun goes on */
    timers->times[slot] = (struct slot_timer){.due_us = due_us};
    if (due_us && (!timers->armed_us || due_us < timers->armed_us))
        arm(timers, due_us);
}

bool slot_timers_take(struct slot_timers *timers, int64_t now_us, uint32_t *ret_slot)
{
    for (uint32_t slot = 0; slot < timers->count; slot++) {
        struct slot_timer *timer = &timers->times[slot];
        if (!timer->due_us || time_of(timer) > now_us)
            continue;
        if (!timer->wait_us && now_us - timer->due_us > LATE_US) {
            timer->wait_us = now_us + LATE_WAIT_US;
            continue;
        }
        *timer = (struct slot_timer){0};
        *ret_slot = slot;
        return true;
    }
    arm_first(timers);
    return false;
}

void slot_timers_shift(struct slot_timers *timers, int64_t by_us)
{
    for (uint32_t slot = 0; slot < timers->count; slot++)
        if (timers->times[slot].due_us)
            timers->times[slot] =
                (struct slot_timer){.due_us = timers->times[slot].due_us + by_us};
    arm_first(timers);
}
