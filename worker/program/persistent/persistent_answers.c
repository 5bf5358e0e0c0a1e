/* SPDX-License-Identifier: MIT */
/* Reading and parsing, and the quiet that confirms a burst. */
#include "worker/program/persistent/persistent_answers.h"
#include "common/clock.h"
#include "worker/program/persistent/persistent_report.h"

#include <string.h>

void persistent_answers_report(struct persistent_slot *slot, int64_t run_us)
{
    struct coprocess *coprocess = &slot->coprocess;
    uint32_t count = 0;
    if (coprocess->mode != PROGRAM_FRAMES)
        return;
    /* An answer may be there before all of its request was written. */
    while (count < coprocess->answered &&
           coprocess_at(coprocess, count)->end <= coprocess->written)
        count++;
    persistent_report_answered(slot, count, run_us, true);
}

void persistent_answers_confirm(struct persistent_slot *slot, bool in_step)
{
    slot->confirm_us = 0;
    slot->bursts++;
    persistent_report_answered(slot, slot->coprocess.answered,
                               slot->begun_us - slot->burst_us, in_step);
}

static void set_confirm(struct persistent_slot *slot, int64_t now_us)
{
    bool soon = slot->bursts < PERSISTENT_FIRST_BURSTS || slot->persistent->careful ||
                slot->coprocess.count > slot->coprocess.given ||
                coprocess_at(&slot->coprocess, 0)->task.attempt > 1;
    slot->answered_us = now_us;
    slot->confirm_us = look_pace_due(&slot->pace, now_us, soon);
}

/* The parser has found answers, and perhaps that the process is of no use. */
static void on_finding(struct persistent_slot *slot, enum coprocess_finding finding,
                       uint32_t answered_before)
{
    struct coprocess *coprocess = &slot->coprocess;
    int64_t now_us = clock_now_us();
    int64_t since_us = slot->begun_us;
    if (coprocess->answered > answered_before || finding == COPROCESS_READIED) {
        if (slot->phase == PERSISTENT_PREPARING)
            persistent_slot_set_phase(slot, PERSISTENT_SERVING);
        slot->begun_us = now_us;
    }
    persistent_answers_report(slot, now_us - since_us);
    if (coprocess->mode == PROGRAM_LINES && finding == COPROCESS_FINE &&
        coprocess->given > 0 && !persistent_slot_at_work(slot) && !slot->confirm_us)
        set_confirm(slot, now_us);
    if (finding == COPROCESS_TOO_LARGE)
        persistent_slot_find_fault(slot, FAILURE_TOO_LARGE, 0);
    else if (finding != COPROCESS_FINE && finding != COPROCESS_READIED)
        persistent_slot_find_fault(slot, FAILURE_PROTOCOL, 0);
}

void persistent_answers_parse(struct persistent_slot *slot)
{
    enum coprocess_finding finding;
    char text[FAULT_MAX];
    do {
        uint32_t before = slot->coprocess.answered;
        *text = '\0';
        finding = coprocess_parse(&slot->coprocess, slot->life.context->max_result,
                                  text, sizeof text);
        if (*text)
            memcpy(slot->fault_text, text, sizeof text);
        on_finding(slot, finding, before);
    } while (finding == COPROCESS_READIED);
}

static void note_wait(struct persistent_slot *slot, int64_t now_us)
{
    int64_t waited_us = now_us - slot->heard_us;
    if (persistent_slot_at_work(slot) && waited_us > slot->slowest_us)
        slot->slowest_us = waited_us;
    slot->heard_us = now_us;
}

void persistent_answers_read(struct persistent_slot *slot, unsigned reads)
{
    struct coprocess *coprocess = &slot->coprocess;
    enum coprocess_read got = COPROCESS_READ;
    while (reads-- > 0 && got == COPROCESS_READ && !persistent_slot_is_killed(slot)) {
        size_t before = coprocess->heard.size;
        got = coprocess_read(coprocess);
        if (coprocess->heard.size == before)
            break;
        note_wait(slot, clock_now_us());
        slot->confirm_us = 0;
        slot->persistent->voice = PERSISTENT_HEARD;
        slot_life_on_sign(&slot->life);
        if (slot->phase == PERSISTENT_OVERDUE) /* as late as never */
            coprocess->heard.size = before;
        else
            persistent_answers_parse(slot);
    }
    if (got == COPROCESS_CLOSED && !slot->closed_us)
        slot->closed_us = clock_now_us();
}
