/* SPDX-License-Identifier: MIT */
/*
 * Gives tasks to the slots' processes, and looks after their results and limits.
 *
 * The slot rings when a batch is done or a millisecond has gone. Results before a task
 * that takes long are found by a look every LOOK_US, which ends when the slot is found
 * at the same task twice: then it rings next.
 *
 * Only the task that the slot is at can run for too long, from when the slot began it.
 * The slot then gets SIGTERM, and SIGKILL a while later, or when it comes back with
 * that task after all: that is as late as never.
 */
#include "worker/program/plugin/plugin.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/process/fds.h"
#include "worker/program/plugin/plugin_exit.h"
#include "worker/program/plugin/plugin_process.h"
#include "worker/program/plugin/plugin_results.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LOOK_US = 2000 };

struct plugin {
    struct runner_context *context;
    struct plugin_process *processes; /* one a slot */
    int look;                         /* timerfd */
    bool looking;
};

/* ---- life cycle ---- */

static int plugin_open(struct runner_context *context,
                       const struct program_config *config, void **ret_self)
{
    (void)config;
    struct plugin *plugin = allocate(sizeof *plugin);
    struct plugin_process *processes =
        allocate_zeroed(context->slots, sizeof *processes);
    *plugin = (struct plugin){.context = context, .processes = processes};
    *ret_self = plugin;
    for (uint32_t number = 0; number < context->slots; number++)
        slot_life_init(&processes[number].life, context, number);
    plugin->look = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (plugin->look < 0)
        return -errno;
    runner_context_watch(context, plugin->look, TAG_LOOK, 0, EPOLLIN);
    for (uint32_t number = 0; number < context->slots; number++) {
        int result = plugin_process_start(&processes[number]);
        if (result < 0)
            return result;
    }
    return 0;
}

static void plugin_destroy(void *self)
{
    struct plugin *plugin = self;
    for (uint32_t number = 0; number < plugin->context->slots; number++)
        plugin_queue_close(&plugin->processes[number].queue);
    fd_close(&plugin->look);
    free(plugin->processes);
    free(plugin);
}

/* ---- tasks ---- */

static void arm_look(struct plugin *plugin)
{
    if (plugin->looking)
        return;
    plugin->looking = true;
    struct itimerspec due = {.it_value = {.tv_nsec = LOOK_US * 1000}};
    (void)timerfd_settime(plugin->look, 0, &due, NULL);
}

static void set_limit(struct plugin_process *process)
{
    slot_timers_set(&process->life.context->limits, process->life.number,
                    plugin_queue_limit_due(&process->queue, clock_now_us()));
}

static void give(struct plugin *plugin, struct plugin_process *process)
{
    if (process->phase != PLUGIN_SOUND ||
        !plugin_queue_give(&process->queue, plugin->context->max_result,
                           plugin->context->lends ? plugin->context->lender : NULL))
        return;
    arm_look(plugin);
    set_limit(process);
}

static void plugin_start(void *self, uint32_t number, const struct program_task *task)
{
    struct plugin *plugin = self;
    struct plugin_process *process = &plugin->processes[number];
    /* The words of an earlier attempt, or of another part, are not about this one. */
    stderr_relay_forget(plugin->context->relays[number], task->seq);
    plugin_queue_push(&process->queue, task);
    if (slot_life_is_backing_off(&process->life))
        runner_context_wake(plugin->context);
}

static void plugin_flush(void *self)
{
    struct plugin *plugin = self;
    for (uint32_t number = 0; number < plugin->context->slots; number++)
        give(plugin, &plugin->processes[number]);
}

static void plugin_kill(void *self, uint32_t number, uint64_t seq, uint32_t attempt)
{
    struct plugin *plugin = self;
    struct plugin_process *process = &plugin->processes[number];
    for (uint32_t i = 0; i < process->queue.count; i++) {
        struct plugin_queue_task *queued = plugin_queue_at(&process->queue, i);
        if (queued->task.seq != seq || queued->task.attempt != attempt)
            continue;
        queued->muted = true;
        plugin_process_kill(process);
        return;
    }
    slot_life_owe_ready(&process->life);
}

static bool plugin_running(void *self, uint32_t number, uint64_t *ret_seq)
{
    struct plugin *plugin = self;
    return plugin_process_running(&plugin->processes[number], ret_seq);
}

/* ---- events ---- */

/* The slot rang. */
static void plugin_on_output(void *self, uint32_t number)
{
    struct plugin *plugin = self;
    struct plugin_process *process = &plugin->processes[number];
    eventfd_t count;
    if (!plugin_queue_is_open(&process->queue) ||
        eventfd_read(process->queue.channel.worker_bell, &count) < 0)
        return;
    slot_life_on_sign(&process->life);
    plugin_results_collect(process);
    give(plugin, process);
    if (process->queue.given > 0)
        arm_look(plugin);
}

/* The slot has tasks, and may finish one without ringing soon. */
static bool wants_another_look(struct plugin_process *process)
{
    if (process->queue.given == 0 || process->phase != PLUGIN_SOUND)
        return false;
    uint64_t begun = plugin_queue_begun(&process->queue);
    bool same_task = begun == process->begun_then && begun > process->queue.collected;
    process->begun_then = begun;
    return !same_task;
}

static void plugin_on_look(void *self)
{
    struct plugin *plugin = self;
    uint64_t count;
    if (read(plugin->look, &count, sizeof count) < 0)
        return;
    plugin->looking = false;
    bool again = false;
    for (uint32_t number = 0; number < plugin->context->slots; number++) {
        struct plugin_process *process = &plugin->processes[number];
        plugin_results_collect(process);
        give(plugin, process);
        again |= wants_another_look(process);
    }
    if (again)
        arm_look(plugin);
}

static bool has_overrun(struct plugin_queue *queue, uint32_t running, int64_t now_us)
{
    int64_t limit_us = plugin_queue_at(queue, running)->task.limit_ms * INT64_C(1000);
    return limit_us && now_us - plugin_queue_begun_at(queue, now_us) >= limit_us;
}

/* A task may have run for too long, or SIGTERM was not enough. */
static void plugin_on_limit(void *self, uint32_t number)
{
    struct plugin *plugin = self;
    struct plugin_process *process = &plugin->processes[number];
    struct plugin_queue *queue = &process->queue;
    int64_t now_us = clock_now_us();
    uint32_t index;
    if (process->phase == PLUGIN_CONDEMNED) {
        plugin_process_kill(process);
        return;
    }
    plugin_results_collect(process);
    if (process->phase == PLUGIN_CORRUPT)
        return;
    if (!plugin_queue_running(queue, &index) || !has_overrun(queue, index, now_us)) {
        set_limit(process);
        return;
    }
    plugin_queue_at(queue, index)->overdue = true;
    plugin_process_terminate(process);
    slot_timers_set(&plugin->context->limits, number, now_us + RUNNER_GRACE_US);
}

static void plugin_on_retry(void *self, uint32_t number)
{
    struct plugin *plugin = self;
    struct plugin_process *process = &plugin->processes[number];
    int result = plugin_process_start(process);
    if (result < 0)
        plugin_exit_on_unstartable(process, -result);
}

static void plugin_on_report(void *self, const struct report *report)
{
    struct plugin *plugin = self;
    struct plugin_process *process = &plugin->processes[report->slot];
    if (report->kind == REPORT_ENDED)
        plugin_exit_on_ended(process, report->value);
    else if (report->kind == REPORT_UNSTARTABLE)
        plugin_exit_on_unstartable(process, report->value);
}

static void plugin_settle(void *self)
{
    struct plugin *plugin = self;
    for (uint32_t number = 0; number < plugin->context->slots; number++) {
        struct plugin_process *process = &plugin->processes[number];
        if (slot_life_is_backing_off(&process->life))
            plugin_exit_hand_back(process);
        slot_life_pay_ready(&process->life, process->phase == PLUGIN_SOUND);
    }
}

const struct runner_ops plugin_runner = {
    .depth = PLUGIN_QUEUE_DEPTH,
    .takes_extents = true,
    .open = plugin_open,
    .destroy = plugin_destroy,
    .start = plugin_start,
    .flush = plugin_flush,
    .kill = plugin_kill,
    .on_output = plugin_on_output,
    .on_limit = plugin_on_limit,
    .on_retry = plugin_on_retry,
    .on_report = plugin_on_report,
    .on_look = plugin_on_look,
    .settle = plugin_settle,
    .running = plugin_running,
};
