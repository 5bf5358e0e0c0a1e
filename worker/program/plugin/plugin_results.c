/* SPDX-License-Identifier: MIT */
/* One result after the other, in the order of the tasks. */
#include "worker/program/plugin/plugin_results.h"
#include "common/clock.h"
#include "worker/program/task_report.h"

#include <string.h>

/* The memory of the slot is the slot's again when the batch is collected: what lies
 * there is copied. */
static void report_done(struct plugin_process *process, const struct program_task *task,
                        const struct plugin_channel_result *result,
                        struct plugin_queue_bytes *bytes)
{
    struct runner_context *context = process->life.context;
    zmq_msg_t message;
    if (!bytes->loan) {
        task_report_bytes(context, process->life.number, task, result->run_us,
                          (struct slice){bytes->data, result->size});
        return;
    }
    loan_offer(bytes->loan, &message);
    bytes->loan = NULL;
    task_report_done(context, process->life.number, task, result->run_us,
                     &(struct program_result){&message, result->size});
    zmq_msg_close(&message);
}

static void report_refused(struct plugin_process *process,
                           const struct program_task *task,
                           const struct plugin_channel_result *result,
                           const struct plugin_queue_bytes *bytes)
{
    char text[TEXT_MAX_BYTES];
    size_t size = result->size < sizeof text ? result->size : sizeof text - 1;
    memcpy(text, bytes->data, size);
    text[size] = '\0';
    task_report_failed(
        process->life.context, process->life.number, task, result->run_us,
        FAILURE_REPORTED, result->code > 0 ? (uint32_t)result->code : 1,
        slice_of_text(*text ? text : "the plugin failed and did not say why"));
}

static void report_result(struct plugin_process *process,
                          const struct program_task *task,
                          const struct plugin_channel_result *result,
                          struct plugin_queue_bytes *bytes)
{
    struct runner_context *context = process->life.context;
    switch ((enum plugin_channel_verdict)result->verdict) {
    case PLUGIN_CHANNEL_DONE:
        report_done(process, task, result, bytes);
        break;
    case PLUGIN_CHANNEL_REPORTED:
        report_refused(process, task, result, bytes);
        break;
    case PLUGIN_CHANNEL_TOO_LARGE:
        task_report_too_large(context, process->life.number, task, result->run_us);
        break;
    case PLUGIN_CHANNEL_OVERRUN:
        task_report_failed(
            context, process->life.number, task, result->run_us, FAILURE_PROTOCOL, 0,
            slice_of_text("the plugin committed more than it had reserved"));
        break;
    case PLUGIN_CHANNEL_UNREAD:
        task_report_failed(
            context, process->life.number, task, result->run_us, FAILURE_REFERENCE, 0,
            slice_of_text("the slot could not read the file that has the chunk"));
        break;
    }
}

/* False: the result makes no sense. */
static bool collect_one(struct plugin_process *process, int64_t now_us)
{
    struct runner_context *context = process->life.context;
    struct plugin_queue *queue = &process->queue;
    struct plugin_queue_task queued;
    struct plugin_channel_result result;
    struct plugin_queue_bytes bytes;
    if (!plugin_queue_take(queue, context->max_result, now_us, &queued, &result,
                           &bytes))
        return false;
    if (queued.overdue) {
        if (!queued.muted)
            task_report_timeout(context, process->life.number, &queued.task,
                                result.run_us);
        runner_context_kill(context, process->life.number);
    } else if (!queued.muted) {
        report_result(process, &queued.task, &result, &bytes);
    }
    if (bytes.loan)
        loan_drop(bytes.loan);
    plugin_queue_release(queue);
    return true;
}

void plugin_results_collect(struct plugin_process *process)
{
    struct plugin_queue *queue = &process->queue;
    struct stderr_relay *relay = process->life.context->relays[process->life.number];
    int64_t now_us = clock_now_us();
    uint32_t count = 0, running;
    if (process->phase == PLUGIN_CORRUPT)
        return;
    bool sound = plugin_queue_finished(queue, &count);
    if (count > 0) {
        slot_life_set_fruitful(&process->life);
        /* As far as one can tell, the slot's stderr is about these. */
        stderr_relay_speaker(relay, plugin_queue_at(queue, 0)->task.seq);
        stderr_relay_doubt(relay);
        stderr_relay_read(relay);
        if (!plugin_queue_running(queue, &running) || running < count)
            stderr_relay_be_sure(relay);
    }
    for (uint32_t i = 0; i < count && sound; i++)
        sound = collect_one(process, now_us);
    if (!sound) {
        plugin_process_set_corrupt(process);
    } else if (count > 0) {
        if (queue->given == 0)
            stderr_relay_end_line(relay);
        plugin_queue_acknowledge(queue);
    }
}
