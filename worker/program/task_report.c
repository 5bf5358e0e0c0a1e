/* SPDX-License-Identifier: MIT */
/* From what happened to a task, an event. */
#include "worker/program/task_report.h"
#include "common/loan/lender.h"
#include "common/loan/loan_name.h"
#include "common/memory.h"
#include "common/parse.h"
#include "common/process/signals.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void task_report_done(struct runner_context *context, uint32_t slot,
                      const struct program_task *task, uint64_t run_us,
                      const struct program_result *result)
{
    if (!context->ending)
        context->events.done(context->events.context, slot, task->seq, task->attempt,
                             run_us, result);
}

/* The result of a part is looked at here. */
struct lender *task_report_lender(const struct runner_context *context,
                                  const struct program_task *task, uint64_t size)
{
    return context->lends && !task->part && size >= LOAN_LEAST ? context->lender : NULL;
}

/* Where there is no memory to lend, the result goes as any other. */
void task_report_bytes(struct runner_context *context, uint32_t slot,
                       const struct program_task *task, uint64_t run_us,
                       struct slice bytes)
{
    zmq_msg_t message;
    struct lender *lender = task_report_lender(context, task, bytes.size);
    struct program_result result = {.message = &message};
    if (lender && lender_copy(lender, bytes, &message))
        result.lent = bytes.size;
    if (!result.lent && zmq_msg_init_size(&message, bytes.size) != 0)
        abort_out_of_memory();
    if (!result.lent && bytes.size > 0)
        memcpy(zmq_msg_data(&message), bytes.data, bytes.size);
    task_report_done(context, slot, task, run_us, &result);
    zmq_msg_close(&message);
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

/* With the tail of the slot's stderr. The sentence is at the end, because a reader
 * without room for all cuts the beginning. */
static void report_sentence(struct runner_context *context, uint32_t slot,
                            const struct program_task *task, uint64_t run_us,
                            enum failure cause, uint32_t code, const char *sentence)
{
    uint8_t text[TEXT_MAX_BYTES];
    struct slice tail = stderr_relay_tail(context->relays[slot]);
    size_t length = strlen(sentence), room = sizeof text - length - 1;
    size_t size = tail.size < room ? tail.size : room;
    memcpy(text, tail.data + tail.size - size, size);
    if (size > 0 && text[size - 1] != '\n')
        text[size++] = '\n';
    memcpy(text + size, sentence, length);
    task_report_failed(context, slot, task, run_us, cause, code,
                       (struct slice){text, size + length});
}

bool task_report_killed(struct runner_context *context, uint32_t slot,
                        const struct program_task *task, uint64_t run_us)
{
    char used[32], allowed[32], sentence[128];
    int wanted = context->wanted[slot];
    if (wanted)
        report_sentence(context, slot, task, run_us, FAILURE_SIGNAL, (uint32_t)wanted,
                        signals_explain(wanted));
    if (wanted || context->used_bytes[slot] == 0)
        return wanted != 0;
    format_size(used, sizeof used, context->used_bytes[slot]);
    format_size(allowed, sizeof allowed, context->memory_bytes);
    snprintf(sentence, sizeof sentence, "used %s of memory, --memory allows %s", used,
             allowed);
    report_sentence(context, slot, task, run_us, FAILURE_MEMORY, FAILURE_MEMORY_LIMIT,
                    sentence);
    return true;
}
