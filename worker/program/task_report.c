/* SPDX-License-Identifier: MIT */
/* From what happened to a task, an event. */
#include "worker/program/task_report.h"
#include "common/parse.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void task_report_done(struct runner_context *context, uint32_t slot,
                      const struct program_task *task, uint64_t run_us,
                      zmq_msg_t *message)
{
    if (!context->ending)
        context->events.done(context->events.context, slot, task->seq, task->attempt,
                             run_us, message);
}

void task_report_failed(struct runner_context *context, uint32_t slot,
                        const struct program_task *task, uint64_t run_us,
                        enum failure cause, uint32_t code, struct slice text)
{
    if (!context->ending)
        context->events.failed(context->events.context, slot, task->seq, task->attempt,
                               run_us, cause, code, text);
}

void task_report_unstarted(struct runner_context *context, uint32_t slot,
                           const struct program_task *task)
{
    if (!context->ending)
        context->events.unstarted(context->events.context, slot, task->seq,
                                  task->attempt);
}

void task_report_too_large(struct runner_context *context, uint32_t slot,
                           const struct program_task *task, uint64_t run_us)
{
    char text[96];
    snprintf(text, sizeof text, "the result is larger than %" PRIu64 " bytes",
             context->max_result);
    task_report_failed(context, slot, task, run_us, FAILURE_TOO_LARGE, 0,
                       slice_of_text(text));
}

void task_report_timeout(struct runner_context *context, uint32_t slot,
                         const struct program_task *task, uint64_t run_us)
{
    char sentence[64];
    struct slice text = stderr_relay_tail(context->relays[slot]);
    snprintf(sentence, sizeof sentence, "ran longer than %g s", task->limit_ms / 1e3);
    if (text.size == 0)
        text = slice_of_text(sentence);
    task_report_failed(context, slot, task, run_us, FAILURE_TIMEOUT, 0, text);
}

bool task_report_memory(struct runner_context *context, uint32_t slot,
                        const struct program_task *task, uint64_t run_us)
{
    enum { SENTENCE_MAX = 128 };
    char used[32], allowed[32];
    uint8_t text[TEXT_MAX_BYTES];
    struct slice tail = stderr_relay_tail(context->relays[slot]);
    if (context->used_bytes[slot] == 0)
        return false;
    format_size(used, sizeof used, context->used_bytes[slot]);
    format_size(allowed, sizeof allowed, context->memory_bytes);
    /* At the end, because a reader without room for all cuts the beginning. */
    size_t room = sizeof text - SENTENCE_MAX;
    size_t size = tail.size < room ? tail.size : room;
    memcpy(text, tail.data + tail.size - size, size);
    if (size > 0 && text[size - 1] != '\n')
        text[size++] = '\n';
    size += (size_t)snprintf((char *)text + size, SENTENCE_MAX - 1,
                             "used %s of memory, --memory allows %s", used, allowed);
    task_report_failed(context, slot, task, run_us, FAILURE_MEMORY,
                       FAILURE_MEMORY_LIMIT, (struct slice){text, size});
    return true;
}
