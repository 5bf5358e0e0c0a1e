/* SPDX-License-Identifier: MIT */
/*
 * When a process ends, its last results are collected, the task that it was at has
 * failed, the others come back, and a new process with a new channel takes its place.
 */
#include "worker/program/plugin/plugin_exit.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "worker/program/plugin/plugin_results.h"
#include "worker/program/task_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* How a process ended. */
struct plugin_exit {
    int status;
    bool guilty;     /* its first task has failed */
    uint64_t run_us; /* of the task that it was at */
};

void plugin_exit_hand_back(struct plugin_process *process)
{
    struct plugin_queue *queue = &process->queue;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct plugin_queue_task *queued = plugin_queue_at(queue, i);
        if (!queued->muted)
            task_report_unstarted(process->life.context, process->life.number,
                                  &queued->task);
    }
    plugin_queue_clear(queue);
}

void plugin_exit_on_unstartable(struct plugin_process *process, int error)
{
    plugin_queue_close(&process->queue);
    plugin_exit_hand_back(process);
    if (slot_life_on_unstartable(&process->life, error))
        runner_context_break(process->life.context, STATUS_IO,
                             "cannot start slot %" PRIu32 ": %s",
                             process->life.number + 1, strerror(error));
}

/* While the queue is open. */
static struct plugin_exit judge(struct plugin_process *process, int status)
{
    const struct plugin_queue *queue = &process->queue;
    int64_t now_us = clock_now_us();
    bool running = queue->given > 0 && plugin_queue_begun(queue) != queue->collected;
    struct plugin_exit end = {.status = status};
    if (running)
        end.run_us = (uint64_t)(now_us - plugin_queue_begun_at(queue, now_us));
    end.guilty = queue->given > 0 && (process->phase == PLUGIN_CORRUPT ||
                                      (running && process->phase == PLUGIN_SOUND));
    if (!running && process->phase == PLUGIN_SOUND)
        slot_life_set_barren(&process->life);
    return end;
}

static void report_corrupt(struct plugin_process *process,
                           const struct program_task *task, uint64_t run_us)
{
    task_report_failed(
        process->life.context, process->life.number, task, run_us, FAILURE_PROTOCOL, 0,
        slice_of_text("the plugin overwrote memory that its slot shares with the "
                      "worker"));
}

static void report_guilty(struct plugin_process *process,
                          const struct program_task *task,
                          const struct plugin_exit *end)
{
    struct runner_context *context = process->life.context;
    uint32_t number = process->life.number, code = 0;
    char sentence[64];
    if (task_report_killed(context, number, task, end->run_us))
        return;
    enum failure cause = runner_context_judge(context, end->status, &code);
    struct slice text = stderr_relay_tail(context->relays[number]);
    snprintf(sentence, sizeof sentence, "the plugin called exit (%" PRIu32 ")", code);
    if (text.size == 0 && cause == FAILURE_EXIT)
        text = slice_of_text(sentence);
    task_report_failed(context, number, task, end->run_us, cause, code, text);
}

static void report_tasks(struct plugin_process *process, const struct plugin_exit *end)
{
    struct plugin_queue *queue = &process->queue;
    struct runner_context *context = process->life.context;
    for (uint32_t i = 0; i < queue->count; i++) {
        const struct plugin_queue_task *queued = plugin_queue_at(queue, i);
        if (queued->muted)
            continue;
        if (queued->overdue)
            task_report_timeout(context, process->life.number, &queued->task,
                                end->run_us);
        else if (i > 0 || !end->guilty)
            task_report_unstarted(context, process->life.number, &queued->task);
        else if (process->phase == PLUGIN_CORRUPT)
            report_corrupt(process, &queued->task, end->run_us);
        else
            report_guilty(process, &queued->task, end);
    }
}

void plugin_exit_on_ended(struct plugin_process *process, int status)
{
    struct runner_context *context = process->life.context;
    uint32_t number = process->life.number;
    uint64_t seq;
    plugin_results_collect(process);
    if (plugin_process_running(process, &seq))
        stderr_relay_speaker(context->relays[number], seq);
    stderr_relay_finish(context->relays[number]);
    struct plugin_exit end = judge(process, status);
    report_tasks(process, &end);
    plugin_queue_close(&process->queue);
    plugin_queue_clear(&process->queue);
    slot_timers_set(&context->limits, number, 0);
    slot_life_on_end(&process->life);
    slot_life_on_sign(&process->life);
    int result = plugin_process_start(process);
    if (result < 0) {
        plugin_exit_on_unstartable(process, -result);
        return;
    }
    slot_life_report_ready(&process->life);
    if (slot_life_is_hopeless(&process->life))
        runner_context_break(
            context, STATUS_IO,
            "slot %" PRIu32 " %s again and again before it begins a chunk", number + 1,
            context->used_bytes[number] ? "uses more than --memory allows"
            : context->wanted[number]   ? "wants the terminal"
                                        : "ends");
}
