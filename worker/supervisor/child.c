/* SPDX-License-Identifier: MIT */
#include "worker/supervisor/child.h"
#include "common/clock.h"
#include "common/process/process_handle.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

void child_begin(struct child *child)
{
    child->rest = child->doomed = false;
    child->settling.phase = SETTLING_NOT;
    child->memory_bytes = 0;
    child->told = false;
    child->wanted = 0;
    stop_end(&child->stop);
}

uint32_t child_find(const struct child *children, uint32_t count, pid_t pid)
{
    uint32_t slot = 0;
    while (slot < count && children[slot].pid != pid)
        slot++;
    return slot;
}

/* The program itself may be in another group, which it leads (setsid) or which is
 * somebody's. */
void child_signal(const struct child *child, int number)
{
    pid_t group = child->pid ? getpgid(child->pid) : 0;
    if (child->pid || child->rest)
        slot_group_signal(&child->group, number, !child->pid);
    if (child->pid && group != child->group.number)
        kill(group == child->pid ? -group : child->pid, number);
}

void child_settle(struct child *child, const struct request *request)
{
    child->settle_token = request->token;
    settling_begin(&child->settling, request->output, clock_now_us());
}

bool child_settles(struct child *child, struct settling_log *log, uint32_t slot,
                   int64_t now_us)
{
    bool used = child->rest && slot_group_is_used(&child->group);
    return (used || settling_awaits_output(&child->settling)) &&
           settling_tick(&child->settling, log, slot, &child->group, used, now_us);
}

void child_report(struct child *child, uint32_t slot, int link, const char *why)
{
    struct report report = {
        .kind = child->kind,
        .slot = slot,
        .value = child->value,
        .survivors = child->rest,
        .told = child->told,
        .signal = (uint32_t)child->wanted,
        .memory_bytes = child->memory_bytes,
    };
    if (child->kind == REPORT_UNSTARTABLE && why)
        snprintf(report.text, sizeof report.text, "%s", why);
    child->unsent = spawn_link_report(link, &report) == -EAGAIN;
}

/* ---- what stands still ---- */

/* Left out where the link is full: then the worker does not look at anything. */
static void report_stop(const struct stop *stop, uint32_t slot, int link)
{
    struct report report = {
        .kind = REPORT_STOPPED,
        .slot = slot,
        .value = stop->pid,
        .signal = (uint32_t)stop->signal,
    };
    process_name(stop->pid, report.text, sizeof report.text);
    (void)spawn_link_report(link, &report);
}

/* Not at those that have left the group: nobody tells of them, and nothing shows which
 * of them the program waits for. */
static void look(struct child *children, uint32_t slots, int link, int64_t now_us)
{
    struct children stopped;
    stops_list(&stopped);
    for (uint32_t slot = 0; slot < slots; slot++) {
        struct child *child = &children[slot];
        pid_t found = child->pid ? stops_find(&stopped, child->group.number,
                                              child->group.leader, child->pid)
                                 : 0;
        if (stop_see(&child->stop, found, now_us))
            report_stop(&child->stop, slot, link);
    }
    children_deinit(&stopped);
}

int64_t child_report_stops(struct child *children, uint32_t slots, int link,
                           int64_t *look_us, int64_t now_us)
{
    int64_t due_us = NEVER_US;
    bool runs = false;
    for (uint32_t slot = 0; slot < slots; slot++) {
        runs |= children[slot].pid != 0;
        if (stop_lasts(&children[slot].stop, now_us, &due_us))
            report_stop(&children[slot].stop, slot, link);
    }
    if (!runs) {
        *look_us = 0;
        return NEVER_US;
    }
    if (!*look_us) {
        *look_us = now_us + STOPS_LOOK_MS * INT64_C(1000);
    } else if (now_us >= *look_us) {
        look(children, slots, link, now_us);
        *look_us = now_us + STOPS_LOOK_MS * INT64_C(1000);
    }
    return due_us < *look_us ? due_us : *look_us;
}
