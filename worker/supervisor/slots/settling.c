/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/slots/settling.h"
#include "common/clock.h"
#include "common/files/pipe_writers.h"
#include "common/log.h"
#include "common/process/descendants.h"
#include "common/process/process_handle.h"
#include "worker/supervisor/slots/process_stat.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t own_end_us = 5 * SECOND_US; /* before SIGTERM */
static const int64_t measure_us = 5 * SECOND_US / 2;
static const int64_t grace_us = SECOND_US;       /* from SIGTERM to SIGKILL */
static const int64_t stubborn_us = SECOND_US;    /* after SIGKILL */
static const int64_t silent_us = 60 * SECOND_US; /* from one warning to the next */

/* Of a measure's time, for somebody who is at work: a fiftieth. One that only wakes up
 * from time to time needs less. */
enum { WORK_SHARE = 50 };

/* ---- what a person is told ---- */

static void tell_left(const struct settling *settling, struct settling_log *log,
                      uint32_t slot, const struct slot_group *group, int64_t now_us)
{
    struct children members;
    char text[400], others[64] = "";
    if (now_us < log->silent_us) {
        log->unsaid++;
        return;
    }
    descendants_of_group(group->number, &members);
    if (log->unsaid)
        snprintf(others, sizeof others, " others_since=%" PRIu64, log->unsaid);
    log_event(LOG_LEVEL_WARN, "left_behind",
              "slot=%" PRIu32 " processes=\"%s\"%s"
              " why=\"the program ended well and left them running%s %d s%s: they get "
              "SIGTERM, and SIGKILL %d s later. Let the program wait for them, or "
              "start them with setsid%s\"",
              slot + 1, children_describe(&members, text, sizeof text), others,
              settling->pipe ? " with its standard output open; they did nothing for"
                             : "; they still ran",
              (int)(own_end_us / SECOND_US), settling->pipe ? "" : " later",
              (int)(grace_us / SECOND_US),
              settling->pipe ? " and another standard output" : "");
    children_deinit(&members);
    log->unsaid = 0;
    log->silent_us = now_us + silent_us;
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

/* Of those that have left the group; or nobody sees who it is. */
static void tell_held(struct settling_log *log, uint32_t slot,
                      const struct children *holders, pid_t group, int64_t now_us)
{
    struct children strayed = {NULL, 0};
    char text[400];
    for (size_t i = 0; i < holders->count; i++)
        if (holders->items[i].group != group)
            children_add(&strayed, holders->items[i]);
    if (now_us >= log->held_us && (strayed.count > 0 || holders->count == 0)) {
        log->held_us = now_us + silent_us;
        log_event(LOG_LEVEL_WARN, "output_held",
                  "slot=%" PRIu32 " processes=\"%s\" why=\"the program ended well, and "
                  "%s its standard output open; nobody did anything for %d s: what "
                  "they write from now on is not read. Give them another standard "
                  "output\"",
                  slot + 1, children_describe(&strayed, text, sizeof text),
                  strayed.count ? "processes that have left its group have"
                                : "somebody whom this user cannot see has",
                  (int)(own_end_us / SECOND_US));
    }
    children_deinit(&strayed);
}

/* Names the first who has the output open. */
static void tell_waiting(struct settling *settling, uint32_t slot)
{
    struct children holders;
    char name[32], quoted[140];
    pipe_writers_find(settling->pipe, &holders);
    settling->told = true;
    if (holders.count > 0) {
        process_name(holders.items[0].pid, name, sizeof name);
        log_quote(quoted, sizeof quoted, name, strlen(name));
        say("slot %" PRIu32 ": the program has ended, but process %d (%.*s) still has "
            "its standard output open; waiting for it",
            slot + 1, (int)holders.items[0].pid, (int)strlen(quoted) - 2, quoted + 1);
    }
    children_deinit(&holders);
}

/* ---- patience ---- */

static bool is_patient(const struct settling *settling)
{
    return settling->phase == SETTLING_WAITS || settling->phase == SETTLING_MEASURES;
}

void settling_begin(struct settling *settling, uint64_t pipe, int64_t now_us)
{
    if (settling->phase == SETTLING_NOT)
        settling->since_us = now_us;
    else if (!is_patient(settling))
        return;
    settling->phase = SETTLING_WAITS;
    settling->pipe = pipe;
    settling->due_us = now_us + (pipe ? own_end_us - measure_us : own_end_us);
}

void settling_shift(struct settling *settling, int64_t by_us)
{
    settling->since_us += by_us;
    settling->due_us += by_us;
}

bool settling_awaits_output(const struct settling *settling)
{
    return settling->pipe && is_patient(settling);
}

/* Of the group, and of all that have the output open. */
static uint64_t work_of(const struct slot_group *group, const struct children *holders)
{
    struct children members;
    descendants_of_group(group->number, &members);
    for (size_t i = 0; i < holders->count; i++)
        if (!children_have(&members, holders->items[i].pid))
            children_add(&members, holders->items[i]);
    uint64_t ticks = process_ticks(&members);
    children_deinit(&members);
    return ticks;
}

/* Somebody's end, after which the sum is smaller, is a sign of life, too. */
static bool is_at_work(const struct settling *settling, uint64_t ticks)
{
    int64_t least = measure_us / WORK_SHARE * sysconf(_SC_CLK_TCK) / SECOND_US;
    return ticks < settling->ticks || ticks - settling->ticks >= (uint64_t)least;
}

/* True: a new measure has begun. False: they did nothing in the last one. */
static bool measure(struct settling *settling, struct settling_log *log, uint32_t slot,
                    const struct slot_group *group, int64_t now_us)
{
    struct children holders;
    pipe_writers_find(settling->pipe, &holders);
    uint64_t ticks = work_of(group, &holders);
    bool more = settling->phase == SETTLING_WAITS || is_at_work(settling, ticks);
    if (!more)
        tell_held(log, slot, &holders, group->number, now_us);
    children_deinit(&holders);
    if (!more)
        return false;
    settling->phase = SETTLING_MEASURES;
    settling->ticks = ticks;
    settling->due_us = now_us + measure_us;
    return true;
}

/* ---- the end ---- */

static void terminate(struct settling *settling, struct settling_log *log,
                      uint32_t slot, const struct slot_group *group, int64_t now_us)
{
    tell_left(settling, log, slot, group, now_us);
    slot_group_signal(group, SIGTERM, true);
    slot_group_signal(group, SIGCONT, true);
    settling->phase = SETTLING_TERMINATED;
    settling->due_us = now_us + grace_us;
}

static bool on_due(struct settling *settling, struct settling_log *log, uint32_t slot,
                   const struct slot_group *group, bool used, int64_t now_us)
{
    switch (settling->phase) {
    case SETTLING_NOT:
        break;
    case SETTLING_WAITS:
    case SETTLING_MEASURES:
        if (settling->pipe && measure(settling, log, slot, group, now_us))
            return true;
        if (used)
            terminate(settling, log, slot, group, now_us);
        return used;
    case SETTLING_TERMINATED:
        slot_group_signal(group, SIGKILL, true);
        settling->phase = SETTLING_KILLED;
        settling->due_us = now_us + stubborn_us;
        return true;
    case SETTLING_KILLED:
        tell_stubborn(slot, group);
        break;
    }
    return false;
}

bool settling_tick(struct settling *settling, struct settling_log *log, uint32_t slot,
                   const struct slot_group *group, bool used, int64_t now_us)
{
    if (settling_awaits_output(settling) && !settling->told &&
        now_us >= settling->since_us + own_end_us)
        tell_waiting(settling, slot);
    return now_us < settling->due_us ||
           on_due(settling, log, slot, group, used, now_us);
}

void settling_log_end(struct settling_log *log)
{
    if (log->unsaid > 0)
        log_event(LOG_LEVEL_WARN, "left_behind",
                  "others_since=%" PRIu64
                  " why=\"so many more programs left processes running, "
                  "which were ended\"",
                  log->unsaid);
    log->unsaid = 0;
}
