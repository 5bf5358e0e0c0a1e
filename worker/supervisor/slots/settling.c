/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/slots/settling.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/process/descendants.h"

#include <inttypes.h>
#include <signal.h>

static const int64_t own_end_us = 5 * SECOND_US; /* before SIGTERM */
static const int64_t grace_us = SECOND_US;       /* from SIGTERM to SIGKILL */
static const int64_t stubborn_us = SECOND_US;    /* after SIGKILL */
static const int64_t silent_us = 60 * SECOND_US; /* from one warning to the next */

void settling_begin(struct settling *settling, int64_t now_us)
{
    *settling = (struct settling){SETTLING_WAITS, now_us + own_end_us};
}

static void tell(struct settling_log *log, uint32_t slot,
                 const struct slot_group *group, int64_t now_us)
{
    struct children members;
    char text[400];
    if (now_us < log->silent_us) {
        log->unsaid++;
        return;
    }
    descendants_of_group(group->number, &members);
    log_event(
        LOG_LEVEL_WARN, "left_behind",
        "slot=%" PRIu32 " processes=\"%s\" unsaid=%" PRIu64
        " why=\"the program ended well and left them running; they still ran %d s "
        "later: they get SIGTERM, and SIGKILL %d s later. Let the program wait for "
        "them, or start them with setsid\"",
        slot + 1, children_describe(&members, text, sizeof text), log->unsaid,
        (int)(own_end_us / SECOND_US), (int)(grace_us / SECOND_US));
    children_deinit(&members);
    *log = (struct settling_log){0, now_us + silent_us};
}

static void tell_stubborn(uint32_t slot, const struct slot_group *group)
{
    struct children members;
    char text[400];
    descendants_of_group(group->number, &members);
    log_event(LOG_LEVEL_WARN, "not_ended",
              "slot=%" PRIu32
              " processes=\"%s\" why=\"the program left them behind, and "
              "this user may not end them, or the kernel does not: they live on\"",
              slot + 1, children_describe(&members, text, sizeof text));
    children_deinit(&members);
}

bool settling_tick(struct settling *settling, struct settling_log *log, uint32_t slot,
                   const struct slot_group *group, int64_t now_us)
{
    if (now_us < settling->due_us)
        return true;
    switch (settling->phase) {
    case SETTLING_NOT:
        break;
    case SETTLING_WAITS:
        tell(log, slot, group, now_us);
        slot_group_signal(group, SIGTERM, true);
        slot_group_signal(group, SIGCONT, true);
        *settling = (struct settling){SETTLING_TERMINATED, now_us + grace_us};
        return true;
    case SETTLING_TERMINATED:
        slot_group_signal(group, SIGKILL, true);
        *settling = (struct settling){SETTLING_KILLED, now_us + stubborn_us};
        return true;
    case SETTLING_KILLED:
        tell_stubborn(slot, group);
        break;
    }
    return false;
}

void settling_log_end(struct settling_log *log)
{
    if (log->unsaid > 0)
        log_event(LOG_LEVEL_WARN, "left_behind",
                  "unsaid=%" PRIu64
                  " why=\"so many more programs left processes running, "
                  "which were ended\"",
                  log->unsaid);
    log->unsaid = 0;
}
