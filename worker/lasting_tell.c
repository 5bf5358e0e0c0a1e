/* SPDX-License-Identifier: MIT */
/* What is told of the tasks of slots whose programs last, and in which words. */
#include "common/exit_status.h"
#include "common/log.h"
#include "worker/lasting_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void lasting_tell_unstarted(struct lasting *lasting, uint32_t number,
                            const struct coprocess_task *item)
{
    const struct program_events *events = &lasting->stage->events;
    if (!item->muted && !lasting->ending)
        events->unstarted(events->context, number, item->task.seq, item->task.attempt);
}

static void tell_failed(struct lasting *lasting, uint32_t number,
                        const struct coprocess_task *item, uint64_t run_us,
                        enum failure how, uint32_t code, struct slice text)
{
    const struct program_events *events = &lasting->stage->events;
    if (!item->muted && !lasting->ending)
        events->failed(events->context, number, item->task.seq, item->task.attempt,
                       run_us, how, code, text);
}

static void tell_done(struct lasting *lasting, uint32_t number,
                      const struct coprocess_task *item, uint64_t run_us)
{
    const struct program_events *events = &lasting->stage->events;
    zmq_msg_t message;
    if (item->muted || lasting->ending)
        return;
    coprocess_take_result(&lasting->slots[number].coprocess, &message);
    events->done(events->context, number, item->task.seq, item->task.attempt, run_us,
                 &message);
    zmq_msg_close(&message);
}

/* The program's own words; the last ones say most. */
static void tell_reported(struct lasting *lasting, uint32_t number,
                          const struct coprocess_task *item, uint64_t run_us)
{
    struct slice text = coprocess_answer(&lasting->slots[number].coprocess);
    if (text.size > TEXT_MAX_BYTES) {
        text.data += text.size - TEXT_MAX_BYTES;
        text.size = TEXT_MAX_BYTES;
    }
    if (text.size == 0)
        text = slice_of_text("the program failed and did not say why");
    tell_failed(lasting, number, item, run_us, FAILURE_REPORTED, 1, text);
}

/* What the program has written to stderr is theirs, as far as one can tell. */
void lasting_tell_answered(struct lasting *lasting, uint32_t number, uint32_t count,
                           int64_t run_us)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    struct relay *relay = lasting->stage->relays[number];
    if (count == 0)
        return;
    uint64_t share_us = (uint64_t)run_us / count;
    relay_speaker(relay, coprocess_at(coprocess, 0)->task.seq);
    relay_read(relay);
    for (uint32_t i = 0; i < count; i++) {
        const struct coprocess_task *item = coprocess_at(coprocess, 0);
        if (item->good)
            tell_done(lasting, number, item, share_us);
        else
            tell_reported(lasting, number, item, share_us);
        coprocess_pop(coprocess);
    }
    if (coprocess->given == 0)
        relay_end_line(relay);
    slot->fruitful = true;
}

static const char *describe_end(char *text, size_t size, int status)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(text, size, "exit status %d", WEXITSTATUS(status));
    return text;
}

/* "the program answered 2 of 5 lines, then: exit status 1: its last words" */
static void tell_ended(struct lasting *lasting, uint32_t number, int status,
                       uint64_t run_us)
{
    struct coprocess *coprocess = &lasting->slots[number].coprocess;
    char few[160] = "the program did not respond", end[64], text[TEXT_MAX_BYTES];
    struct slice tail = relay_tail(lasting->stage->relays[number]);
    uint64_t answered, wanted;
    uint32_t code = 0;
    enum failure how = FAILURE_PROTOCOL;
    const struct coprocess_task *item = coprocess_at(coprocess, 0);
    if (!item->muted && !lasting->ending &&
        stage_tell_memory(lasting->stage, number, &item->task, run_us))
        return;
    if (status != 0)
        how = stage_judge(lasting->stage, status, &code);
    if (lasting->mode == PROGRAM_FRAMES && coprocess->heard.size > coprocess->parsed)
        snprintf(few, sizeof few, "the program did not finish its response");
    if (lasting->mode == PROGRAM_LINES) {
        coprocess_count_lines(coprocess, &answered, &wanted);
        lines_too_few(few, sizeof few, answered, wanted, 0);
    }
    int used = snprintf(text, sizeof text, "%s, then: %s%s", few,
                        describe_end(end, sizeof end, status), tail.size ? "; " : "");
    size_t room = sizeof text - (size_t)used;
    if (tail.size > room) {
        tail.data += tail.size - room;
        tail.size = room;
    }
    if (tail.size > 0)
        memcpy(text + used, tail.data, tail.size);
    struct slice said = {(const uint8_t *)text, (size_t)used + tail.size};
    tell_failed(lasting, number, coprocess_at(coprocess, 0), run_us, how, code, said);
}

void lasting_tell_guilty(struct lasting *lasting, uint32_t number,
                         enum lasting_verdict verdict, int status, uint64_t run_us)
{
    struct lasting_slot *slot = &lasting->slots[number];
    const struct coprocess_task *item = coprocess_at(&slot->coprocess, 0);
    if (verdict == VERDICT_FAULT)
        tell_failed(lasting, number, item, run_us, slot->fault, slot->fault_code,
                    slice_of_text(slot->fault_text));
    else if (verdict == VERDICT_ENDED)
        tell_ended(lasting, number, status, run_us);
    else if (!item->muted && !lasting->ending)
        stage_tell_timeout(lasting->stage, number, &item->task, run_us);
}

void lasting_give_up(struct lasting *lasting, uint32_t number, int status)
{
    const char *fault = lasting->slots[number].fault_text;
    char end[64], said[320];
    if (*fault)
        stage_break(lasting->stage, STATUS_IO, "slot %" PRIu32 ": again and again %s",
                    number + 1, fault);
    struct slice tail = relay_tail(lasting->stage->relays[number]);
    size_t size = tail.size < 256 ? tail.size : 256;
    log_quote(said, sizeof said, tail.data + tail.size - size, size);
    if (lasting->stage->used_bytes[number])
        snprintf(end, sizeof end, "it uses more memory than --memory allows");
    else
        describe_end(end, sizeof end, status);
    stage_break(lasting->stage, STATUS_IO,
                "slot %" PRIu32 ": the program ends again and again before it takes a "
                "chunk (%s)%s%s",
                number + 1, end, size ? "; it said: " : "", size ? said : "");
}
