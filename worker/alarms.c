/* SPDX-License-Identifier: MIT */
/*
 * The descriptor is armed for the first time or one before it: a time that is taken
 * back costs no system call, but a look when it would have come.
 */
#include "worker/alarms.h"
#include "common/clock.h"
#include "common/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    LATE_US = 50000,       /* too late to be chance */
    LATE_WAIT_US = 100000, /* what came meanwhile is seen by then */
};

int alarms_init(struct alarms *alarms, uint32_t count)
{
    *alarms = (struct alarms){.count = count};
    alarms->times = allocate_zeroed(count, sizeof *alarms->times);
    alarms->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return alarms->fd < 0 ? -errno : 0;
}

void alarms_deinit(struct alarms *alarms)
{
    if (alarms->fd >= 0)
        close(alarms->fd);
    free(alarms->times);
    *alarms = (struct alarms){.fd = -1};
}

/* Also takes back that it is readable. */
static void arm(struct alarms *alarms, int64_t due_us)
{
    struct itimerspec due = {.it_value = {.tv_sec = due_us / SECOND_US,
                                          .tv_nsec = due_us % SECOND_US * 1000}};
    alarms->armed_us = due_us;
    (void)timerfd_settime(alarms->fd, TFD_TIMER_ABSTIME, &due, NULL);
}

static int64_t time_of(const struct alarm_time *alarm)
{
    return alarm->due_us > alarm->wait_us ? alarm->due_us : alarm->wait_us;
}

static void arm_first(struct alarms *alarms)
{
    int64_t first_us = 0;
    for (uint32_t slot = 0; slot < alarms->count; slot++) {
        const struct alarm_time *alarm = &alarms->times[slot];
        if (alarm->due_us && (!first_us || time_of(alarm) < first_us))
            first_us = time_of(alarm);
    }
    arm(alarms, first_us);
}

void alarms_set(struct alarms *alarms, uint32_t slot, int64_t due_us)
{
    alarms->times[slot] = (struct alarm_time){.due_us = due_us};
    if (due_us && (!alarms->armed_us || due_us < alarms->armed_us))
        arm(alarms, due_us);
}

bool alarms_is_set(const struct alarms *alarms, uint32_t slot)
{
    return alarms->times[slot].due_us != 0;
}

bool alarms_take(struct alarms *alarms, int64_t now_us, uint32_t *ret_slot)
{
    for (uint32_t slot = 0; slot < alarms->count; slot++) {
        struct alarm_time *alarm = &alarms->times[slot];
        if (!alarm->due_us || time_of(alarm) > now_us)
            continue;
        if (!alarm->wait_us && now_us - alarm->due_us > LATE_US) {
            alarm->wait_us = now_us + LATE_WAIT_US;
            continue;
        }
        *alarm = (struct alarm_time){0};
        *ret_slot = slot;
        return true;
    }
    arm_first(alarms);
    return false;
}

void alarms_shift(struct alarms *alarms, int64_t by_us)
{
    for (uint32_t slot = 0; slot < alarms->count; slot++)
        if (alarms->times[slot].due_us)
            alarms->times[slot] =
                (struct alarm_time){.due_us = alarms->times[slot].due_us + by_us};
    arm_first(alarms);
}
