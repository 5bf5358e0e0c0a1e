/* SPDX-License-Identifier: MIT */
/*
 * The end of a process that was to last, or of the attempt to start one: whose fault it
 * was, what comes back, and what follows.
 */
#include "common/clock.h"
#include "common/exit_status.h"
#include "common/log.h"
#include "worker/lasting_state.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

enum {
    LAST_READS_MAX = 1024, /* what is left of its group may write for ever */
    FRUITLESS_MAX = 10,    /* ends of a slot in a row before it took anything */
};

static bool is_deserted(const struct lasting *lasting)
{
    for (uint32_t number = 0; number < lasting->stage->slots; number++)
        if (!lasting->slots[number].absent)
            return false;
    return true;
}

void lasting_hand_back(struct lasting *lasting, uint32_t number)
{
    struct coprocess *coprocess = &lasting->slots[number].coprocess;
    while (coprocess->count > 0) {
        lasting_tell_unstarted(lasting, number, coprocess_at(coprocess, 0));
        coprocess_pop(coprocess);
    }
}

/* The process could not be started; `why` says more, or nothing. */
static void rest(struct lasting *lasting, uint32_t number, int error, const char *why)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct stage *stage = lasting->stage;
    bool lacks = stage_lacks(error);
    slot->alive = false;
    slot->absent = true;
    coprocess_close(&slot->coprocess);
    lasting_hand_back(lasting, number);
    lasting_mind_time(lasting, number);
    if (lasting->ending)
        return;
    stage->events.slot(stage->events.context, number, false);
    if (!lacks || (rest_begin(&stage->rest, number, error, clock_now_us()) &&
                   is_deserted(lasting)))
        stage_break(stage, lacks ? STATUS_IO : STATUS_CANNOT_EXECUTE,
                    "cannot start the program in slot %" PRIu32 ": %s", number + 1,
                    *why ? why : strerror(error));
}

static void start_again(struct lasting *lasting, uint32_t number)
{
    struct stage *stage = lasting->stage;
    int result = lasting_start_process(lasting, number);
    if (result < 0)
        rest(lasting, number, -result, "");
    else
        stage->events.slot(stage->events.context, number, true);
}

void lasting_on_rested(struct lasting *lasting, uint32_t number)
{
    if (!lasting->ending)
        start_again(lasting, number);
}

static enum lasting_verdict judge(struct lasting *lasting, struct lasting_slot *slot)
{
    enum lasting_verdict verdict = VERDICT_NONE;
    if (*slot->fault_text)
        verdict = VERDICT_FAULT;
    else if (slot->overdue)
        verdict = VERDICT_OVERDUE;
    else if (!slot->killed && lasting_has_begun(slot))
        verdict = VERDICT_ENDED;
    if (slot->coprocess.given == 0)
        return VERDICT_NONE;
    if (verdict != VERDICT_NONE && lasting->mode == PROGRAM_LINES &&
        slot->coprocess.given > 1)
        return VERDICT_BURST;
    return verdict;
}

/* It is over for what the process was given. */
static void settle_given(struct lasting *lasting, uint32_t number, int status)
{
    struct lasting_slot *slot = &lasting->slots[number];
    struct coprocess *coprocess = &slot->coprocess;
    enum lasting_verdict verdict = judge(lasting, slot);
    bool dismissed = slot->killed && coprocess->given > 0;
    if (verdict == VERDICT_BURST) {
        lasting->careful += coprocess->given;
        *slot->fault_text = '\0';
    } else if (verdict != VERDICT_NONE) {
        uint64_t run_us = (uint64_t)(clock_now_us() - slot->begun_us);
        lasting_tell_guilty(lasting, number, verdict, status, run_us);
        coprocess_pop(coprocess);
        *slot->fault_text = '\0';
    }
    if (verdict != VERDICT_NONE || slot->fruitful || dismissed)
        slot->fruitless = 0;
    else
        slot->fruitless++;
}

/* What it answered before it ended. */
static void settle_answered(struct lasting *lasting, uint32_t number)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (!slot->killed && !slot->overdue)
        lasting_hear(lasting, number, LAST_READS_MAX);
    if (lasting->mode == PROGRAM_FRAMES)
        lasting_tell_answered(lasting, number, slot->coprocess.answered,
                              clock_now_us() - slot->begun_us);
    else if (slot->coprocess.given > 0 && !lasting_at_work(slot) && !slot->killed)
        lasting_confirm(lasting, number);
}

/* What it has said last, it said of what it was at. */
static void relay_of_task(struct lasting *lasting, uint32_t number)
{
    const struct coprocess_task *item = lasting_at_work(&lasting->slots[number]);
    if (item)
        relay_speaker(lasting->stage->relays[number], item->task.seq);
}

static void on_ended(struct lasting *lasting, uint32_t number, int status,
                     bool survivors)
{
    struct lasting_slot *slot = &lasting->slots[number];
    if (survivors)
        stage_kill(lasting->stage, number);
    rest_forget(&lasting->stage->rest, number);
    settle_answered(lasting, number);
    relay_of_task(lasting, number);
    relay_finish(lasting->stage->relays[number]);
    slot->alive = false;
    settle_given(lasting, number, status);
    coprocess_close(&slot->coprocess);
    lasting_hand_back(lasting, number);
    lasting_mind_time(lasting, number);
    if (lasting->ending) {
        if (status != 0 && !slot->killed)
            log_event(LOG_LEVEL_WARN, "ended_badly", "slot=%" PRIu32 " status=%d",
                      number + 1, status);
        return;
    }
    start_again(lasting, number);
    if (slot->fruitless >= FRUITLESS_MAX)
        lasting_give_up(lasting, number, status);
}

void lasting_on_report(struct lasting *lasting, const struct report *report)
{
    if (report->slot >= lasting->stage->slots || !lasting->slots[report->slot].alive)
        return;
    if (report->kind == REPORT_ENDED)
        on_ended(lasting, report->slot, report->value, report->survivors);
    else if (report->kind == REPORT_UNSTARTABLE)
        rest(lasting, report->slot, report->value, report->text);
}
