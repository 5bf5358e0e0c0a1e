/* SPDX-License-Identifier: MIT */
/* From answers, and from the ends of processes, to reports. */
#include "worker/program/persistent/persistent_report.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "common/process/signals.h"
#include "worker/program/task_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

enum { SAID_MAX = 256 }; /* bytes of stderr that explain why the worker gives up */

void persistent_report_unstarted(struct persistent_slot *slot,
                                 const struct coprocess_task *item)
{
    if (!item->muted)
        task_report_unstarted(slot->life.context, slot->life.number, &item->task);
}

static void report_done(struct persistent_slot *slot, const struct coprocess_task *item,
                        uint64_t run_us)
{
    zmq_msg_t message;
    coprocess_take_result(&slot->coprocess, &message);
    struct slice bytes = {zmq_msg_data(&message), zmq_msg_size(&message)};
    if (task_report_lender(slot->life.context, &item->task, bytes.size))
        task_report_bytes(slot->life.context, slot->life.number, &item->task, run_us,
                          bytes);
    else
        task_report_done(slot->life.context, slot->life.number, &item->task, run_us,
                         &(struct program_result){&message, 0});
    zmq_msg_close(&message);
}

/* The program's own words; the last ones say most. */
static void report_refused(struct persistent_slot *slot,
                           const struct coprocess_task *item, uint64_t run_us)
{
    struct slice text = coprocess_answer(&slot->coprocess);
    if (text.size > TEXT_MAX_BYTES) {
        text.data += text.size - TEXT_MAX_BYTES;
        text.size = TEXT_MAX_BYTES;
    }
    if (text.size == 0)
        text = slice_of_text("the program failed and did not say why");
    task_report_failed(slot->life.context, slot->life.number, &item->task, run_us,
                       FAILURE_REPORTED, 1, text);
}

/* As far as one can tell, the program wrote about them what it wrote to stderr. */
void persistent_report_answered(struct persistent_slot *slot, uint32_t count,
                                int64_t run_us, bool in_step)
{
    struct coprocess *coprocess = &slot->coprocess;
    struct stderr_relay *relay = slot->life.context->relays[slot->life.number];
    if (count == 0)
        return;
    uint64_t share_us = (uint64_t)run_us / count;
    stderr_relay_speaker(relay, coprocess_at(coprocess, 0)->task.seq);
    stderr_relay_doubt(relay);
    stderr_relay_read(relay);
    if (coprocess->given <= count)
        stderr_relay_be_sure(relay);
    for (uint32_t i = 0; i < count; i++) {
        const struct coprocess_task *item = coprocess_at(coprocess, 0);
        if (in_step)
            persistent_doubt_clear(&slot->doubt, &item->task);
        else
            persistent_doubt_add(&slot->doubt, &item->task);
        if (!item->muted && item->good)
            report_done(slot, item, share_us);
        else if (!item->muted)
            report_refused(slot, item, share_us);
        coprocess_pop(coprocess);
    }
    if (coprocess->given == 0)
        stderr_relay_end_line(relay);
    slot->fruitful = true;
}

const char *persistent_report_end(char *text, size_t size, int status)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
    return text;
}

/* How far the program had come with its answer. */
static void describe_answer(struct coprocess *coprocess, char *text, size_t size)
{
    uint64_t answered, wanted;
    if (coprocess->mode == PROGRAM_LINES) {
        coprocess_count_lines(coprocess, &answered, &wanted);
        lines_too_few(text, size, answered, wanted, 0);
    } else {
        bool some = coprocess->heard.size > coprocess->parsed;
        snprintf(text, size, "the program did not %s",
                 some ? "finish its response" : "respond");
    }
}

/* "the program answered 2 of 5 lines, then: exit status 1: its last words" */
static void report_ended(struct persistent_slot *slot,
                         const struct coprocess_task *item, int status, uint64_t run_us)
{
    struct runner_context *context = slot->life.context;
    uint32_t number = slot->life.number, code = 0;
    char few[160], end[64], text[TEXT_MAX_BYTES];
    struct slice tail = stderr_relay_tail(context->relays[number]);
    enum failure cause = FAILURE_PROTOCOL;
    if (task_report_killed(context, number, &item->task, run_us))
        return;
    if (status != 0)
        cause = runner_context_judge(context, status, &code);
    describe_answer(&slot->coprocess, few, sizeof few);
    int used = snprintf(text, sizeof text, "%s, then: %s%s", few,
                        persistent_report_end(end, sizeof end, status),
                        tail.size ? "; " : "");
    size_t room = sizeof text - (size_t)used;
    if (tail.size > room) {
        tail.data += tail.size - room;
        tail.size = room;
    }
    if (tail.size > 0)
        memcpy(text + used, tail.data, tail.size);
    struct slice said = {(const uint8_t *)text, (size_t)used + tail.size};
    task_report_failed(context, number, &item->task, run_us, cause, code, said);
}

void persistent_report_guilty(struct persistent_slot *slot,
                              enum persistent_verdict verdict, int status,
                              uint64_t run_us)
{
    const struct coprocess_task *item = coprocess_at(&slot->coprocess, 0);
    struct runner_context *context = slot->life.context;
    uint32_t number = slot->life.number;
    if (item->muted)
        ; /* nobody wants to know */
    else if (verdict == VERDICT_FAULT)
        task_report_failed(context, number, &item->task, run_us, slot->fault,
                           slot->fault_code, slice_of_text(slot->fault_text));
    else if (verdict == VERDICT_ENDED)
        report_ended(slot, item, status, run_us);
    else
        task_report_timeout(context, number, &item->task, run_us);
    coprocess_pop(&slot->coprocess);
    *slot->fault_text = '\0';
}

void persistent_report_doubt(struct persistent_slot *slot, int status)
{
    struct runner_context *context = slot->life.context;
    char end[64], text[FAULT_MAX + 64];
    if (*slot->fault_text)
        snprintf(text, sizeof text, "%s", slot->fault_text);
    else if (slot->end_us)
        snprintf(text, sizeof text, "the program did not end after its input did");
    else if (persistent_slot_is_killed(slot))
        snprintf(text, sizeof text, "the program was killed before that was compared");
    else
        snprintf(text, sizeof text, "the program ended before that was compared (%s)",
                 persistent_report_end(end, sizeof end, status));
    persistent_doubt_report(&slot->doubt, context, slot->life.number, text,
                            slot->end_us && *slot->fault_text);
}

void persistent_report_hopeless(struct persistent_slot *slot, int status)
{
    struct runner_context *context = slot->life.context;
    uint32_t number = slot->life.number;
    char end[256], said[320];
    if (*slot->fault_text) {
        runner_context_break(context, STATUS_IO, "slot %" PRIu32 " keeps failing: %s",
                             number + 1, slot->fault_text);
        return;
    }
    struct slice tail = stderr_relay_tail(context->relays[number]);
    size_t size = tail.size < SAID_MAX ? tail.size : SAID_MAX;
    log_quote(said, sizeof said, tail.data + tail.size - size, size);
    if (context->used_bytes[number])
        snprintf(end, sizeof end, "it uses more memory than --memory allows");
    else if (context->wanted[number])
        snprintf(end, sizeof end, "%s", signals_explain(context->wanted[number]));
    else
        persistent_report_end(end, sizeof end, status);
    runner_context_break(context, STATUS_IO,
                         "slot %" PRIu32
                         ": the program ends again and again before it takes a "
                         "chunk (%s)%s%s",
                         number + 1, end, size ? "; it said: " : "", size ? said : "");
}
