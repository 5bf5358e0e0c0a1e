/* SPDX-License-Identifier: MIT */
/*
 * When a process ends, the task that it was at has failed, the tasks that it had not
 * begun come back, and a new process takes its place. In lines, where several tasks
 * were given, nobody knows which one made the trouble: all come back, and are given
 * alone.
 */
#include "worker/program/persistent/persistent_exit.h"
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "worker/program/persistent/persistent_answers.h"
#include "worker/program/persistent/persistent_report.h"

#include <inttypes.h>
#include <string.h>

enum { LAST_READS_MAX = 1024 }; /* what is left of its group may write for ever */

void persistent_exit_hand_back(struct persistent_slot *slot)
{
    struct coprocess *coprocess = &slot->coprocess;
    while (coprocess->count > 0) {
        persistent_report_unstarted(slot, coprocess_at(coprocess, 0));
        coprocess_pop(coprocess);
    }
}

/* There is no process any more, or there is none yet. */
static void clear(struct persistent_slot *slot)
{
    coprocess_close(&slot->coprocess);
    persistent_exit_hand_back(slot);
    slot_timers_set(&slot->life.context->limits, slot->life.number, 0);
}

/* The process could not be started; `why` says more, or nothing. */
static void on_unstartable(struct persistent_slot *slot, int error, const char *why)
{
    clear(slot);
    if (slot_life_on_unstartable(&slot->life, error))
        runner_context_break(slot->life.context,
                             runner_context_lacks(error) ? STATUS_IO
                                                         : STATUS_CANNOT_EXECUTE,
                             "cannot start the program in slot %" PRIu32 ": %s",
                             slot->life.number + 1, *why ? why : strerror(error));
}

void persistent_exit_start_again(struct persistent_slot *slot)
{
    int result = persistent_slot_start(slot);
    if (result < 0)
        on_unstartable(slot, -result, "");
    else
        slot_life_report_ready(&slot->life);
}

/* A program that prints and ends again and again waits for whoever reads that. After a
 * kill somebody waits for the slot. */
static void start_when_read(struct persistent_slot *slot)
{
    slot->missing = stderr_queue_holds(slot->life.context->queue) &&
                    !persistent_slot_is_killed(slot);
    if (!slot->missing)
        persistent_exit_start_again(slot);
}

static enum persistent_verdict judge(struct persistent_slot *slot)
{
    enum persistent_verdict verdict = VERDICT_NONE;
    bool killed = persistent_slot_is_killed(slot);
    if (slot->coprocess.given == 0)
        return VERDICT_NONE;
    if (*slot->fault_text)
        verdict = VERDICT_FAULT;
    else if (slot->phase == PERSISTENT_OVERDUE || slot->phase == PERSISTENT_KILLED_LATE)
        verdict = VERDICT_OVERDUE;
    else if (!killed && persistent_slot_has_begun(slot))
        verdict = VERDICT_ENDED;
    if (verdict != VERDICT_NONE && slot->coprocess.mode == PROGRAM_LINES &&
        slot->coprocess.given > 1)
        return VERDICT_BURST;
    return verdict;
}

/* A fault that was found between two tasks is charged to the next one; it may wait. */
static void settle_waiting(struct persistent_slot *slot)
{
    if (*slot->fault_text && slot->coprocess.count > 0)
        persistent_report_guilty(slot, VERDICT_FAULT, 0, 0);
}

/* Settles the tasks that the process was given. */
static void settle_given(struct persistent_slot *slot, int status)
{
    uint32_t given = slot->coprocess.given;
    enum persistent_verdict verdict = judge(slot);
    if (verdict == VERDICT_BURST) {
        slot->persistent->careful += given;
        *slot->fault_text = '\0';
    } else if (verdict != VERDICT_NONE) {
        uint64_t run_us = (uint64_t)(clock_now_us() - slot->begun_us);
        persistent_report_guilty(slot, verdict, status, run_us);
    }
    if (verdict != VERDICT_NONE || slot->fruitful ||
        (persistent_slot_is_killed(slot) && given > 0))
        slot_life_set_fruitful(&slot->life);
    else
        slot_life_set_barren(&slot->life);
}

/* Takes what the process answered before it ended. Lines: one that has ended well has
 * said all; of another one nobody knows what it was at. */
static void settle_answered(struct persistent_slot *slot, int status)
{
    struct coprocess *coprocess = &slot->coprocess;
    if (persistent_slot_counts(slot))
        persistent_answers_read(slot, LAST_READS_MAX);
    if (coprocess->mode == PROGRAM_FRAMES)
        persistent_report_answered(slot, coprocess->answered,
                                   clock_now_us() - slot->begun_us, true);
    else if (coprocess->given > 0 && !persistent_slot_at_work(slot) &&
             persistent_slot_serves(slot) && status == 0)
        persistent_answers_confirm(slot, true);
}

/* Lines: whether all that the process wrote in its life was compared with all that it
 * was asked, and is as much. */
static void settle_doubt(struct persistent_slot *slot, int status)
{
    bool all = slot->phase == PERSISTENT_ENDING ||
               (status == 0 && slot->coprocess.given == 0);
    bool closed = slot->coprocess.output < 0;
    if (slot->coprocess.mode != PROGRAM_LINES ||
        (all && closed && !*slot->fault_text && !persistent_slot_is_killed(slot)))
        return;
    persistent_report_doubt(slot, status);
    if (slot->end_us)
        *slot->fault_text = '\0'; /* no task comes that would have to bear it */
}

static void on_ended(struct persistent_slot *slot, int status, bool survivors)
{
    struct runner_context *context = slot->life.context;
    uint32_t number = slot->life.number;
    char end[64];
    if (survivors && !(context->ending && status == 0)) /* those get time at the end */
        runner_context_kill(context, number);
    settle_answered(slot, status);
    settle_doubt(slot, status);
    /* The last words of the process are about the task that it was at. */
    const struct coprocess_task *item = persistent_slot_at_work(slot);
    if (item)
        stderr_relay_speaker(context->relays[number], item->task.seq);
    stderr_relay_finish(context->relays[number]);
    settle_given(slot, status);
    settle_waiting(slot);
    slot_life_on_end(&slot->life);
    slot_life_on_sign(&slot->life);
    clear(slot);
    if (context->unforked)
        return;
    if (!context->ending && !slot->end_us) {
        start_when_read(slot);
        if (slot_life_is_hopeless(&slot->life))
            persistent_report_hopeless(slot, status);
        return;
    }
    if (status != 0 && !persistent_slot_is_killed(slot) &&
        !runner_context_ended_with_us(context, status))
        log_event(LOG_LEVEL_WARN, "ended_badly", "slot=%" PRIu32 " end=\"%s\"",
                  number + 1, persistent_report_end(end, sizeof end, status));
}

void persistent_exit_on_report(struct persistent_slot *slot,
                               const struct report *report)
{
    if (!persistent_slot_is_alive(slot))
        return;
    if (report->kind == REPORT_STARTED)
        slot->pid = report->value;
    else if (report->kind == REPORT_ENDED)
        on_ended(slot, report->value, report->survivors);
    else if (report->kind == REPORT_UNSTARTABLE)
        on_unstartable(slot, report->value, report->text);
}
